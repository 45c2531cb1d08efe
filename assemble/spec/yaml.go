package spec

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"

	"github.com/pyimg/pyimg/internal/exit"
	"github.com/pyimg/pyimg/internal/near"
)

// Fault is one thing wrong in a spec.
type Fault struct {
	File         string
	Line, Column int // from 1; 0 if the fault has no place
	Field        string
	Msg          string
}

func (f Fault) Error() string {
	text := f.place() + ": "
	if f.Field != "" {
		text += f.Field + ": "
	}
	return text + f.Msg
}

func (f Fault) place() string {
	if f.Line == 0 {
		return f.File
	}
	return fmt.Sprintf("%s:%d:%d", f.File, f.Line, f.Column)
}

// Error has all faults of a spec, in the order of their places.
type Error struct{ Faults []Fault }

func (e *Error) Error() string {
	lines := make([]string, len(e.Faults))
	for i, f := range e.Faults {
		lines[i] = f.Error()
	}
	return strings.Join(lines, "\n")
}

// ExitCode is the exit code of wrong use.
func (e *Error) ExitCode() exit.Code { return exit.Usage }

// decoder walks a YAML syntax tree and collects every fault. It reads scalars as they are written, because YAML's own types turn
// 3.10 into 3.1 and 0755 into 493 (or 755).
type decoder struct {
	file    string
	faults  []Fault
	anchors map[string]ast.Node
	depth   int
	values  int // seen so far
}

// field decodes the value of one mapping key.
type field func(path string, n ast.Node)

// parseYAML returns the top node of the only document in data, or nil if it is empty.
func (d *decoder) parseYAML(data []byte) ast.Node {
	if len(data) > maxSpecBytes {
		d.tooLarge(data)
		return nil
	}
	tokens := lexer.Tokenize(string(bytes.TrimPrefix(data, []byte("\ufeff")))) // a byte order mark
	if !d.checkTokens(tokens) {
		return nil
	}
	f, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		d.syntax(err)
		return nil
	}
	var top ast.Node
	for _, doc := range f.Docs {
		if doc.Body == nil {
			continue
		}
		if top != nil {
			d.faultAt(doc.Body, "", "expected one YAML document, found a second one")
			break
		}
		top = doc.Body
	}
	return top
}

// syntax adds the fault of the YAML parser, which stops at the first one.
func (d *decoder) syntax(err error) {
	f := Fault{File: d.file, Msg: "reading YAML: " + err.Error()}
	var e interface {
		GetToken() *token.Token
		GetMessage() string
	}
	if errors.As(err, &e) {
		f.Msg = "reading YAML: " + e.GetMessage()
		if t := e.GetToken(); t != nil && t.Position != nil {
			f.Line, f.Column = t.Position.Line, t.Position.Column
		}
	}
	d.note(f)
}

func (d *decoder) faultAt(n ast.Node, path, format string, args ...any) {
	f := d.at(n)
	f.Field, f.Msg = path, fmt.Sprintf(format, args...)
	d.note(f)
}

// at adds a fault at the place of a node, which may be nil.
func (d *decoder) at(n ast.Node) Fault {
	f := Fault{File: d.file}
	if n != nil {
		if t := n.GetToken(); t != nil && t.Position != nil {
			f.Line, f.Column = t.Position.Line, t.Position.Column
		}
	}
	return f
}

// place returns FILE:LINE:COLUMN of a node.
func (d *decoder) place(n ast.Node) string { return d.at(n).place() }

// follow steps through anchors, aliases and tags to the value itself. It returns nil after a fault.
func (d *decoder) follow(path string, n ast.Node) ast.Node {
	if d.values++; d.values > maxSpecValues {
		if d.values == maxSpecValues+1 {
			d.faultAt(n, path, "the spec has more than %d values with its aliases expanded", maxSpecValues)
		}
		return nil
	}
	for range maxSpecDepth {
		switch v := n.(type) {
		case *ast.AnchorNode:
			d.anchors[v.Name.GetToken().Value] = v.Value
			n = v.Value
		case *ast.AliasNode:
			name := v.Value.GetToken().Value
			target, ok := d.anchors[name]
			if !ok {
				d.faultAt(v, path, "the alias %q has no anchor before it", name)
				return nil
			}
			n = target
		case *ast.TagNode:
			if !strings.HasPrefix(v.GetToken().Value, "!!") {
				d.faultAt(v, path, "%q is a YAML tag here; write it in quotes", v.GetToken().Value)
				return nil
			}
			n = v.Value
		default:
			return n
		}
	}
	d.faultAt(n, path, "aliases are nested too deeply")
	return nil
}

// isNull reports whether a key has no value, which means that the field is left out.
func isNull(n ast.Node) bool {
	_, null := n.(*ast.NullNode)
	return n == nil || null
}

// enter bounds the depth of the walk. If it returns true, the caller goes on and defers leave.
func (d *decoder) enter(path string, n ast.Node) bool {
	d.depth++
	if d.depth > maxSpecDepth {
		d.faultAt(n, path, "nested more than %d deep", maxSpecDepth)
		return false
	}
	return true
}

func (d *decoder) leave() { d.depth-- }

// pairs yields the keys and values of a mapping.
func (d *decoder) pairs(path string, n ast.Node, do func(key string, at, value ast.Node)) {
	defer d.leave()
	if !d.enter(path, n) {
		return
	}
	n = d.follow(path, n)
	if isNull(n) {
		return
	}
	m, ok := n.(*ast.MappingNode)
	if !ok {
		d.faultAt(n, path, "expected a mapping (key: value), found %s", describe(n))
		return
	}
	seen := make(map[string]bool)
	for _, v := range m.Values {
		key := v.Key.GetToken().Value
		if seen[key] {
			d.faultAt(v.Key, join(path, key), "given twice")
			continue
		}
		seen[key] = true
		do(key, v.Key, v.Value)
	}
}

// mapping decodes a mapping with known fields.
func (d *decoder) mapping(path string, n ast.Node, known fields) {
	d.pairs(path, n, func(key string, at, value ast.Node) {
		i := slices.IndexFunc(known, func(e entry) bool { return e.name == key })
		if i < 0 {
			names := known.names()
			meant := ""
			if name := near.Name(key, names); name != "" {
				meant = fmt.Sprintf("did you mean %q? ", name)
			}
			d.faultAt(at, join(path, key), "unknown field; %sknown here: %s", meant, strings.Join(names, ", "))
			return
		}
		if v := d.follow(join(path, key), value); v != nil && !isNull(v) {
			known[i].read(join(path, key), v)
		}
	})
}

// sequence decodes each item of a list.
func (d *decoder) sequence(path string, n ast.Node, item field) {
	defer d.leave()
	if !d.enter(path, n) {
		return
	}
	s, ok := n.(*ast.SequenceNode)
	if !ok {
		d.faultAt(n, path, "expected a list, found %s", describe(n))
		return
	}
	for i, v := range s.Values {
		at := fmt.Sprintf("%s[%d]", path, i)
		if v := d.follow(at, v); v != nil {
			item(at, v)
		}
	}
}

// scalar returns the text of a scalar as it is written.
func (d *decoder) scalar(path string, n ast.Node) (string, bool) {
	switch v := n.(type) {
	case *ast.LiteralNode:
		return v.Value.Value, true
	case *ast.StringNode:
		return v.Value, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		return v.GetToken().Value, true
	}
	d.faultAt(n, path, "expected a single value, found %s", describe(n))
	return "", false
}

// text decodes a scalar of one line with parse. An error of parse becomes a fault at the scalar.
func (d *decoder) text(parse func(string) error) field {
	return d.lines(func(s string) error {
		if strings.Contains(s, "\n") {
			return errors.New("expected one line")
		}
		return parse(s)
	})
}

// lines is text for scalars that may have several lines.
func (d *decoder) lines(parse func(string) error) field {
	return func(path string, n ast.Node) {
		s, ok := d.scalar(path, n)
		if !ok {
			return
		}
		if i := strings.IndexFunc(s, isControl); i >= 0 {
			r, _ := utf8.DecodeRuneInString(s[i:])
			d.faultAt(n, path, "holds the control character %q", r)
			return
		}
		if err := parse(s); err != nil {
			d.faultAt(n, path, "%v", err)
		}
	}
}

func (d *decoder) str(to *string) field {
	return d.text(func(s string) error { *to = s; return nil })
}

func (d *decoder) integer(to *int, low, high int) field {
	return d.text(func(s string) error {
		v, err := strconv.Atoi(s)
		if err != nil || v < low || v > high {
			return fmt.Errorf("expected a number from %d to %d, found %q", low, high, s)
		}
		*to = v
		return nil
	})
}

func (d *decoder) oneOf(to *string, allowed ...string) field {
	return d.text(func(s string) error {
		if !slices.Contains(allowed, s) {
			return fmt.Errorf("expected one of %s, found %q", strings.Join(allowed, ", "), s)
		}
		*to = s
		return nil
	})
}

// list decodes a list of scalars with add. A single scalar counts as a list of one; if add refuses it and it looks like several
// items, the fault shows how to write them as a list.
func (d *decoder) list(add func(string) error) field {
	return d.listAt(func(_ ast.Node, s string) error { return add(s) })
}

// listAt is list for an add that also needs the scalar's place.
func (d *decoder) listAt(add func(ast.Node, string) error) field {
	one := func(path string, n ast.Node) {
		d.text(func(s string) error { return add(n, s) })(path, n)
	}
	alone := func(path string, n ast.Node) {
		d.text(func(s string) error { return hintList(s, add(n, s)) })(path, n)
	}
	return func(path string, n ast.Node) {
		if _, isList := n.(*ast.SequenceNode); !isList {
			alone(path, n)
			return
		}
		d.sequence(path, n, one)
	}
}

// hintList adds to the error of a single scalar how to write it as a list, if it looks like one.
func hintList(s string, err error) error {
	separators := func(r rune) bool { return r == ',' || unicode.IsSpace(r) }
	if several := strings.FieldsFunc(s, separators); err != nil && len(several) > 1 {
		return fmt.Errorf("%w; a list is written as %s", err, listOf(several))
	}
	return err
}

// words decodes a command, which is a list of words. A command line in one string is a fault, because no shell splits it.
func (d *decoder) words(to *[]string) field {
	list := d.list(func(s string) error { *to = append(*to, s); return nil })
	return func(path string, n ast.Node) {
		*to = []string{}
		switch n.(type) {
		case *ast.StringNode, *ast.LiteralNode:
			if s, _ := d.scalar(path, n); len(strings.Fields(s)) > 1 {
				d.faultAt(n, path, "expected a list of words, found %q; write %s", cut(s), listOf(commandLine(cut(s))))
				return
			}
		}
		list(path, n)
	}
}

// listOf writes a list as a spec does. Of a long list it writes the first words.
func listOf(words []string) string {
	const most = 8
	quoted := make([]string, 0, most)
	for i, w := range words {
		if i == most {
			return "[" + strings.Join(quoted, ", ") + ", ...]"
		}
		quoted = append(quoted, strconv.Quote(w))
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}

// commandLine splits a command line as a shell would. If it needs a shell, the result runs it with sh -c.
func commandLine(s string) []string {
	if strings.ContainsAny(s, "$|&;<>()`\\*?\n") {
		return []string{"sh", "-c", s}
	}
	var words []string
	var quote rune
	in := false // inside a word
	for _, r := range s {
		switch {
		case quote != 0 && r == quote:
			quote = 0
			continue
		case quote == 0 && (r == '"' || r == '\''):
			quote = r
		case quote == 0 && unicode.IsSpace(r):
			in = false
			continue
		}
		if !in {
			words, in = append(words, ""), true
		}
		if r != quote {
			words[len(words)-1] += string(r)
		}
	}
	return words
}

// table decodes a mapping with any keys, whose values are scalars.
func (d *decoder) table(to *map[string]string, check func(key, value string) error) field {
	return func(path string, n ast.Node) {
		*to = make(map[string]string)
		d.pairs(path, n, func(key string, _, value ast.Node) {
			at := join(path, key)
			value = d.follow(at, value)
			if isNull(value) {
				return
			}
			d.lines(func(s string) error {
				if err := check(key, s); err != nil {
					return err
				}
				(*to)[key] = s
				return nil
			})(at, value)
		})
	}
}

func isControl(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' }

func join(path, key string) string {
	if path == "" {
		return shown(key)
	}
	return path + "." + shown(key)
}

// describe names the kind of a node for a message.
func describe(n ast.Node) string {
	switch n.(type) {
	case *ast.MappingNode:
		return "a mapping"
	case *ast.SequenceNode:
		return "a list"
	case nil, *ast.NullNode:
		return "nothing"
	}
	return strconv.Quote(cut(n.GetToken().Value))
}
