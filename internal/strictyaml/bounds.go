package strictyaml

import (
	"bytes"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/goccy/go-yaml/token"

	"github.com/pyimg/pyimg/internal/termtext"
)

// The bounds of a document. The parser's time and memory grow with the square of a mapping's keys and of the depth. So the bounds are
// checked on the tokens, which one pass finds.
const (
	MaxBytes     = 1 << 20 // a document is written by people; a megabyte is a mistake
	maxDepth     = 32      // levels of lists and mappings; people need 5
	maxTokens    = 100_000 // a megabyte of package names, each with its dash, has fewer
	maxKeys      = 2_000   // keys of one mapping
	maxValues    = 200_000 // values with aliases expanded, which may name one long list many times
	maxFaults    = 100     // faults that are shown; nobody reads more
	maxFaultText = 1_000   // bytes of one fault, which may quote the document
)

// checkTokens adds a fault where a document exceeds its bounds, and reports whether it stays within them.
func (d *Decoder) checkTokens(tokens token.Tokens) bool {
	n := nesting{}
	for i, t := range tokens {
		if t.Type == token.DocumentHeaderType {
			// The parser would drop a document after an empty one.
			if n.documents++; n.documents > 1 {
				return d.beyond(t, "a %s is one YAML document, and --- begins a second one", d.kind)
			}
		}
		if t.Type == token.DocumentEndType {
			if n.ends++; n.ends > 1 {
				return d.beyond(t, "a %s is one YAML document, and ... ends a second one", d.kind)
			}
		}
		key := i+1 < len(tokens) && tokens[i+1].Type == token.MappingValueType
		n.add(t, key)
		switch {
		case n.depth() > maxDepth:
			return d.beyond(t, "nested more than %d deep", maxDepth)
		case i == maxTokens:
			return d.beyond(t, "the %s has more than %d words and signs", d.kind, maxTokens)
		case n.keys() > maxKeys:
			return d.beyond(t, "a mapping has more than %d keys", maxKeys)
		}
	}
	return true
}

func (d *Decoder) beyond(t *token.Token, format string, args ...any) bool {
	f := Fault{File: d.file, Msg: fmt.Sprintf(format, args...)}
	if t != nil && t.Position != nil {
		f.Line, f.Column = t.Position.Line, t.Position.Column
	}
	d.note(f)
	return false
}

// nesting tracks how deep the tokens of a YAML text are nested. Outside of brackets an item that begins further right is deeper. A
// list that begins in the same column as its key counts as one level with the key's mapping.
type nesting struct {
	documents int // documents begun by ---
	ends      int // documents ended by ...
	brackets  int
	blocks    []block
	run       int // consecutive signs before a value: - ? & !
	keyed     int // keys in brackets since the last comma or bracket
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

// begin counts an item or a key outside of brackets.
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

// tooLarge adds the fault of a document with too many bytes, at the first byte beyond the limit.
func (d *Decoder) tooLarge(data []byte) {
	before := data[:MaxBytes]
	line := 1 + bytes.Count(before, []byte("\n"))
	column := len(before) - (bytes.LastIndexByte(before, '\n') + 1) + 1
	d.note(Fault{File: d.file, Line: line, Column: column, Msg: fmt.Sprintf("the %s has more than %d bytes", d.kind, MaxBytes)})
}

// note adds a fault, with control characters escaped. The last fault that it accepts says that there are more.
func (d *Decoder) note(f Fault) {
	switch {
	case len(d.faults) == maxFaults:
		f.Field, f.Msg = "", "there are more faults"
	case len(d.faults) > maxFaults:
		return
	}
	f.Field, f.Msg = cut(termtext.Line(f.Field)), cut(termtext.Text(f.Msg))
	d.faults = append(d.faults, f)
}

// cut shortens a text that is too long to be read.
func cut(s string) string {
	if len(s) <= maxFaultText {
		return s
	}
	s = s[:maxFaultText]
	for !utf8.ValidString(s) { // the last character was cut in two
		s = s[:len(s)-1]
	}
	return s + "..."
}

// shown returns a key for an error: in quotes unless it is a plain word.
func shown(key string) string {
	plain := func(r rune) bool {
		return unicode.IsPrint(r) && !unicode.IsSpace(r) && !strings.ContainsRune("\"'`", r)
	}
	if key != "" && utf8.ValidString(key) && strings.IndexFunc(key, func(r rune) bool { return !plain(r) }) < 0 {
		return key
	}
	return fmt.Sprintf("%q", key)
}
