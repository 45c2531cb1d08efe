package spec

import (
	"bytes"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/goccy/go-yaml/token"

	"github.com/pyimg/pyimg/internal/termtext"
)

// The bounds of a spec. The parser takes time and memory by the square of the keys of a mapping and of the depth, so they are
// checked on its tokens, which are found in one pass.
const (
	maxSpecBytes  = 1 << 20 // a spec is written by people; a megabyte is a mistake
	maxSpecDepth  = 32      // of lists and mappings; a spec needs 5
	maxSpecTokens = 100_000 // words and signs: a megabyte of package names with their dashes
	maxSpecKeys   = 2_000   // of one mapping
	maxSpecValues = 200_000 // after aliases were followed, which may name one long list many times
	maxFaults     = 100     // shown; nobody reads more
	maxFaultText  = 1_000   // bytes of one fault: it may repeat what was found
)

// checkTokens notes where a spec goes beyond its bounds, and reports whether it stays within them.
func (d *decoder) checkTokens(tokens token.Tokens) bool {
	n := nesting{}
	for i, t := range tokens {
		if t.Type == token.DocumentHeaderType {
			// The parser would drop a document that follows an empty one.
			if n.documents++; n.documents > 1 {
				return d.beyond(t, "a spec is one YAML document, and --- begins a second one")
			}
		}
		if t.Type == token.DocumentEndType {
			if n.ends++; n.ends > 1 {
				return d.beyond(t, "a spec is one YAML document, and ... ends a second one")
			}
		}
		key := i+1 < len(tokens) && tokens[i+1].Type == token.MappingValueType
		n.add(t, key)
		switch {
		case n.depth() > maxSpecDepth:
			return d.beyond(t, "nested more than %d deep", maxSpecDepth)
		case i == maxSpecTokens:
			return d.beyond(t, "the spec has more than %d words and signs", maxSpecTokens)
		case n.keys() > maxSpecKeys:
			return d.beyond(t, "a mapping has more than %d keys", maxSpecKeys)
		}
	}
	return true
}

func (d *decoder) beyond(t *token.Token, format string, args ...any) bool {
	f := Fault{File: d.file, Msg: fmt.Sprintf(format, args...)}
	if t != nil && t.Position != nil {
		f.Line, f.Column = t.Position.Line, t.Position.Column
	}
	d.note(f)
	return false
}

// nesting follows how deep the tokens of a YAML text are nested: outside of brackets what begins further right is deeper.
// A list below its key counts as one with it where both begin in the same column.
type nesting struct {
	documents int // that --- begins
	ends      int // of documents: ...
	brackets  int
	blocks    []block
	run       int // of signs before a value: - ? & !
	keyed     int // keys between brackets, since the last comma or bracket
}

// A block is a list or mapping outside of brackets.
type block struct{ column, keys int }

func (n *nesting) depth() int { return n.brackets + len(n.blocks) + max(n.run, n.keyed) }

func (n *nesting) keys() int {
	if len(n.blocks) == 0 {
		return 0
	}
	return n.blocks[len(n.blocks)-1].keys
}

func (n *nesting) add(t *token.Token, key bool) {
	switch t.Type {
	case token.SequenceStartType, token.MappingStartType:
		n.brackets++
		n.run, n.keyed = 0, 0
		return
	case token.SequenceEndType, token.MappingEndType:
		n.brackets = max(n.brackets-1, 0)
		n.run, n.keyed = 0, 0
		return
	case token.CollectEntryType:
		n.run, n.keyed = 0, 0
		return
	case token.SequenceEntryType, token.MappingKeyType:
		if n.brackets > 0 {
			n.run++
		}
	case token.AnchorType, token.TagType:
		n.run++
	case token.MappingValueType, token.CommentType:
	default:
		n.run = 0
	}
	sign := t.Type == token.SequenceEntryType || t.Type == token.MappingKeyType
	switch {
	case !key && !sign || t.Position == nil:
	case n.brackets == 0:
		n.begin(t.Position.Column, key || t.Type == token.MappingKeyType)
	case key:
		n.keyed++
	}
}

// begin notes an item or a key outside of brackets.
func (n *nesting) begin(column int, key bool) {
	for len(n.blocks) > 0 && n.blocks[len(n.blocks)-1].column > column {
		n.blocks = n.blocks[:len(n.blocks)-1]
	}
	if len(n.blocks) == 0 || n.blocks[len(n.blocks)-1].column < column {
		n.blocks = append(n.blocks, block{column: column})
	}
	if key {
		n.blocks[len(n.blocks)-1].keys++
	}
}

// tooLarge notes a spec of too many bytes, at its first one too many.
func (d *decoder) tooLarge(data []byte) {
	before := data[:maxSpecBytes]
	line := 1 + bytes.Count(before, []byte("\n"))
	column := len(before) - (bytes.LastIndexByte(before, '\n') + 1) + 1
	d.note(Fault{File: d.file, Line: line, Column: column, Msg: fmt.Sprintf("the spec has more than %d bytes", maxSpecBytes)})
}

// note adds a fault, in words that a terminal can show. The last one that it takes says that there are more.
func (d *decoder) note(f Fault) {
	switch {
	case len(d.faults) == maxFaults:
		f.Field, f.Msg = "", "there are more faults"
	case len(d.faults) > maxFaults:
		return
	}
	f.Field, f.Msg = cut(termtext.Line(f.Field)), cut(termtext.Text(f.Msg))
	d.faults = append(d.faults, f)
}

// cut shortens what is too long to be read.
func cut(s string) string {
	if len(s) <= maxFaultText {
		return s
	}
	s = s[:maxFaultText]
	for !utf8.ValidString(s) { // the end of a character that was cut
		s = s[:len(s)-1]
	}
	return s + "..."
}

// shown is a key as errors show it: in quotes where it is not a plain word.
func shown(key string) string {
	plain := func(r rune) bool {
		return unicode.IsPrint(r) && !unicode.IsSpace(r) && !strings.ContainsRune("\"'`", r)
	}
	if key != "" && utf8.ValidString(key) && strings.IndexFunc(key, func(r rune) bool { return !plain(r) }) < 0 {
		return key
	}
	return fmt.Sprintf("%q", key)
}
