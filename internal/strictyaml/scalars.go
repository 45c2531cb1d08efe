package strictyaml

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/goccy/go-yaml/ast"
)

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
