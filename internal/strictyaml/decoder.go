package strictyaml

import (
	"bytes"
	"cmp"
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

// Fault is one thing wrong in a document.
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

// Error has all faults of a document, in the order of their places.
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

// A Decoder walks a YAML syntax tree and collects every fault. It reads scalars as they are written, because YAML's own types turn
// 3.10 into 3.1 and 0755 into 493 (or 755).
type Decoder struct {
	file    string
	kind    string // what the document is called in errors
	faults  []Fault
	anchors map[string]ast.Node
	depth   int
	values  int                 // seen so far
	files   map[ast.Node]string // of nodes of included documents
	order   []string            // of these files, as they came
	filler  Filler              // nil: texts stay as they are written
}

// A Field decodes a value; path is its name for errors.
type Field func(path string, n ast.Node)

// New returns a decoder of a file. kind is what the document is called in errors, such as "spec".
func New(file, kind string) *Decoder {
	return &Decoder{file: file, kind: kind, anchors: make(map[string]ast.Node)}
}

// Faults returns how many faults there are so far.
func (d *Decoder) Faults() int { return len(d.faults) }

// Err returns an *Error with all faults, or nil.
func (d *Decoder) Err() error {
	if len(d.faults) == 0 {
		return nil
	}
	rank := func(f Fault) int { return slices.Index(d.order, f.File) }
	slices.SortStableFunc(d.faults, func(a, b Fault) int { return cmp.Or(rank(a)-rank(b), a.Line-b.Line, a.Column-b.Column) })
	return &Error{d.faults}
}

// Parse returns the top node of the only document in data, or nil if it is empty.
func (d *Decoder) Parse(data []byte) ast.Node {
	if len(data) > MaxBytes {
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
			d.FaultAt(doc.Body, "", "expected one YAML document, found a second one")
			break
		}
		top = doc.Body
	}
	return top
}

// syntax adds the fault of the YAML parser, which stops at the first one.
func (d *Decoder) syntax(err error) {
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
	if strings.Contains(f.Msg, "'\t'") {
		f.Msg = "reading YAML: the line is indented with a tab; YAML is indented with spaces"
	}
	d.note(f)
}

// FaultAt adds a fault at the place of a node, which may be nil.
func (d *Decoder) FaultAt(n ast.Node, path, format string, args ...any) {
	f := d.at(n)
	f.Field, f.Msg = path, fmt.Sprintf(format, args...)
	d.note(f)
}

// at returns a fault at the place of a node, which may be nil.
func (d *Decoder) at(n ast.Node) Fault {
	f := Fault{File: d.File(n)}
	if n != nil {
		if t := n.GetToken(); t != nil && t.Position != nil {
			f.Line, f.Column = t.Position.Line, t.Position.Column
		}
	}
	return f
}

// Place returns FILE:LINE:COLUMN of a node.
func (d *Decoder) Place(n ast.Node) string { return d.at(n).place() }

// Follow steps through anchors, aliases and tags to the value itself. It returns nil after a fault.
func (d *Decoder) Follow(path string, n ast.Node) ast.Node {
	if d.values++; d.values > maxValues {
		if d.values == maxValues+1 {
			d.FaultAt(n, path, "the %s has more than %d values with its aliases expanded", d.kind, maxValues)
		}
		return nil
	}
	for range maxDepth {
		switch v := n.(type) {
		case *ast.AnchorNode:
			d.anchors[v.Name.GetToken().Value] = v.Value
			n = v.Value
		case *ast.AliasNode:
			name := v.Value.GetToken().Value
			target, ok := d.anchors[name]
			if !ok {
				d.FaultAt(v, path, "the alias %q has no anchor before it", name)
				return nil
			}
			n = target
		case *ast.TagNode:
			if !strings.HasPrefix(v.GetToken().Value, "!!") {
				d.FaultAt(v, path, "%q is a YAML tag here; write it in quotes", v.GetToken().Value)
				return nil
			}
			n = v.Value
		default:
			return n
		}
	}
	d.FaultAt(n, path, "aliases are nested too deeply")
	return nil
}

// IsNull reports whether a key has no value, which means that the field is left out.
func IsNull(n ast.Node) bool {
	_, null := n.(*ast.NullNode)
	return n == nil || null
}

// enter bounds the depth of the walk. If it returns true, the caller goes on and defers leave.
func (d *Decoder) enter(path string, n ast.Node) bool {
	d.depth++
	if d.depth > maxDepth {
		d.FaultAt(n, path, "nested more than %d deep", maxDepth)
		return false
	}
	return true
}

func (d *Decoder) leave() { d.depth-- }

// Pairs yields the keys and values of a mapping.
func (d *Decoder) Pairs(path string, n ast.Node, do func(key string, at, value ast.Node)) {
	defer d.leave()
	if !d.enter(path, n) {
		return
	}
	n = d.Follow(path, n)
	if IsNull(n) {
		return
	}
	m, ok := n.(*ast.MappingNode)
	if !ok {
		d.FaultAt(n, path, "expected a mapping (key: value), found %s", describe(n))
		return
	}
	seen := make(map[string]bool)
	for _, v := range m.Values {
		key := v.Key.GetToken().Value
		if seen[key] {
			d.FaultAt(v.Key, Join(path, key), "given twice")
			continue
		}
		seen[key] = true
		d.checkKey(path, v.Key, key)
		do(key, v.Key, v.Value)
	}
}

// Mapping decodes a mapping with known fields.
func (d *Decoder) Mapping(path string, n ast.Node, known Fields) {
	d.Pairs(path, n, func(key string, at, value ast.Node) {
		i := slices.IndexFunc(known, func(r Row) bool { return r.Name == key })
		if i < 0 {
			names := known.names()
			meant := ""
			if name := near.Name(key, names); name != "" {
				meant = fmt.Sprintf("did you mean %q? ", name)
			}
			d.FaultAt(at, Join(path, key), "unknown field; %sknown here: %s", meant, strings.Join(names, ", "))
			return
		}
		if v := d.Follow(Join(path, key), value); v != nil && !IsNull(v) {
			known[i].Read(Join(path, key), v)
		}
	})
}

// Sequence decodes each item of a list.
func (d *Decoder) Sequence(path string, n ast.Node, item Field) {
	defer d.leave()
	if !d.enter(path, n) {
		return
	}
	s, ok := n.(*ast.SequenceNode)
	if !ok {
		d.FaultAt(n, path, "expected a list, found %s", describe(n))
		return
	}
	for i, v := range s.Values {
		at := fmt.Sprintf("%s[%d]", path, i)
		if v := d.Follow(at, v); v != nil {
			item(at, v)
		}
	}
}

// Each decodes a list of mappings, each through one; a single mapping counts as a list of one.
func (d *Decoder) Each(one Field) Field {
	return func(p string, n ast.Node) {
		if _, list := n.(*ast.SequenceNode); list {
			d.Sequence(p, n, one)
			return
		}
		one(p, n)
	}
}

// Within decodes a nested mapping.
func (d *Decoder) Within(table func() Fields) Field {
	return func(p string, n ast.Node) { d.Mapping(p, n, table()) }
}

// scalar returns the text of a scalar as it is written.
func (d *Decoder) scalar(path string, n ast.Node) (string, bool) {
	switch v := n.(type) {
	case *ast.LiteralNode:
		return v.Value.Value, true
	case *ast.StringNode:
		return v.Value, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		return v.GetToken().Value, true
	}
	hint := ""
	if name := bareTemplate(n); name != "" {
		hint = fmt.Sprintf("; write \"{%s}\" in quotes", name)
	}
	d.FaultAt(n, path, "expected a single value, found %s%s", describe(n), hint)
	return "", false
}

// Text decodes a scalar of one line with parse. An error of parse becomes a fault at the scalar.
func (d *Decoder) Text(parse func(string) error) Field {
	return d.lines(func(s string) error {
		if strings.Contains(s, "\n") {
			return errors.New("expected one line")
		}
		return parse(s)
	})
}

// lines is Text for scalars that may have several lines.
func (d *Decoder) lines(parse func(string) error) Field {
	return func(path string, n ast.Node) {
		s, ok := d.scalar(path, n)
		if !ok {
			return
		}
		s, err := d.filled(path, n, s)
		if err != nil {
			d.FaultAt(n, path, "%v", err)
			return
		}
		if i := strings.IndexFunc(s, isControl); i >= 0 {
			r, _ := utf8.DecodeRuneInString(s[i:])
			d.FaultAt(n, path, "holds the control character %q", r)
			return
		}
		if err := parse(s); err != nil {
			d.FaultAt(n, path, "%v", err)
		}
	}
}

// Str decodes a scalar of one line as it is.
func (d *Decoder) Str(to *string) Field {
	return d.Text(func(s string) error { *to = s; return nil })
}

// Lines decodes a scalar as it is, which may have several lines.
func (d *Decoder) Lines(to *string) Field {
	return d.lines(func(s string) error { *to = s; return nil })
}

// Integer decodes a decimal number from low to high.
func (d *Decoder) Integer(to *int, low, high int) Field {
	return d.Text(func(s string) error {
		v, err := strconv.Atoi(s)
		if err != nil || v < low || v > high {
			return fmt.Errorf("expected a number from %d to %d, found %q", low, high, s)
		}
		*to = v
		return nil
	})
}

// OneOf decodes one of the allowed words.
func (d *Decoder) OneOf(to *string, allowed ...string) Field {
	return d.Text(func(s string) error {
		if !slices.Contains(allowed, s) {
			return fmt.Errorf("expected one of %s, found %q", strings.Join(allowed, ", "), s)
		}
		*to = s
		return nil
	})
}

// List decodes a list of scalars with add. A single scalar counts as a list of one; if add refuses it and it looks like several
// items, the fault shows how to write them as a list.
func (d *Decoder) List(add func(string) error) Field {
	return d.ListAt(func(_ ast.Node, s string) error { return add(s) })
}

// ListAt is List for an add that also needs the scalar's place.
func (d *Decoder) ListAt(add func(ast.Node, string) error) Field {
	one := func(path string, n ast.Node) {
		d.Text(func(s string) error { return add(n, s) })(path, n)
	}
	alone := func(path string, n ast.Node) {
		d.Text(func(s string) error { return hintList(s, add(n, s)) })(path, n)
	}
	return func(path string, n ast.Node) {
		if _, isList := n.(*ast.SequenceNode); !isList {
			alone(path, n)
			return
		}
		d.Sequence(path, n, one)
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

// Words decodes a command, which is a list of words. A command line in one string is a fault, because no shell splits it.
func (d *Decoder) Words(to *[]string) Field {
	list := d.List(func(s string) error { *to = append(*to, s); return nil })
	return func(path string, n ast.Node) {
		*to = []string{}
		switch n.(type) {
		case *ast.StringNode, *ast.LiteralNode:
			if s, _ := d.scalar(path, n); len(strings.Fields(s)) > 1 {
				d.FaultAt(n, path, "expected a list of words, found %q; write %s", cut(s), listOf(commandLine(cut(s))))
				return
			}
		}
		list(path, n)
	}
}

// listOf writes a list as YAML does. Of a long list it writes the first words.
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

// Table decodes a mapping with any keys, whose values are scalars.
func (d *Decoder) Table(to *map[string]string, check func(key, value string) error) Field {
	return func(path string, n ast.Node) {
		*to = make(map[string]string)
		d.Pairs(path, n, func(key string, _, value ast.Node) {
			at := Join(path, key)
			value = d.Follow(at, value)
			if IsNull(value) {
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

// Join returns the name, for errors, of the field that a mapping has by a key.
func Join(path, key string) string {
	if path == "" {
		return shown(key)
	}
	return path + "." + shown(key)
}

// bareTemplate is the name in {NAME} without quotes, which YAML reads as a mapping; "" for anything else.
func bareTemplate(n ast.Node) string {
	m, ok := n.(*ast.MappingNode)
	if !ok || !m.IsFlowStyle || len(m.Values) != 1 || !IsNull(m.Values[0].Value) {
		return ""
	}
	return cut(m.Values[0].Key.GetToken().Value)
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
