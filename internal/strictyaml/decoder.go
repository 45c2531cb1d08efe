package strictyaml

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"

	"github.com/pyimg/pyimg/internal/near"
)

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
	switch {
	case strings.HasSuffix(f.Msg, " must be specified"): // "',' or '}' must be specified"
		f.Msg += `; within {...} and [...], a value that has one of { } [ ] , in it is quoted: "a-{b}.txt"`
	case strings.Contains(f.Msg, "'\t'"):
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

// Join returns the name, for errors, of the field that a mapping has by a key.
func Join(path, key string) string {
	if path == "" {
		return shown(key)
	}
	return path + "." + shown(key)
}
