package strictyaml

import (
	"slices"

	"github.com/goccy/go-yaml/ast"
)

// Include parses another document that is a part of this one, for Merge. Its faults name its own file. It returns nil if the
// document is empty or has a fault. Aliases are replaced by what they stand for, because a merged document has another order.
func (d *Decoder) Include(file string, data []byte) ast.Node {
	main, before := d.file, len(d.faults)
	d.file = file
	defer func() { d.file = main }()
	top := d.Parse(data)
	if top == nil {
		return nil
	}
	if d.files == nil {
		d.files = make(map[ast.Node]string)
	}
	if !slices.Contains(d.order, file) {
		d.order = append(d.order, file)
	}
	top = d.resolve(top, make(map[string]ast.Node))
	if len(d.faults) > before {
		return nil
	}
	return top
}

// resolve replaces anchors and aliases below a node and notes the file of each node. The depth of a parsed document is bounded.
func (d *Decoder) resolve(n ast.Node, anchors map[string]ast.Node) ast.Node {
	switch v := n.(type) {
	case *ast.AnchorNode:
		value := d.resolve(v.Value, anchors)
		anchors[v.Name.GetToken().Value] = value
		return value
	case *ast.AliasNode:
		d.files[n] = d.file
		name := v.Value.GetToken().Value
		target, ok := anchors[name]
		if !ok {
			d.FaultAt(v, "", "the alias %q has no anchor before it", name)
		}
		return target
	case *ast.TagNode:
		v.Value = d.resolve(v.Value, anchors)
	case *ast.MappingNode:
		for _, pair := range v.Values {
			d.files[pair.Key] = d.file
			pair.Value = d.resolve(pair.Value, anchors)
		}
	case *ast.SequenceNode:
		for i := range v.Values {
			v.Values[i] = d.resolve(v.Values[i], anchors)
		}
	case nil:
		return nil
	}
	d.files[n] = d.file
	return n
}

// Merge puts a document over another one: mappings merge, key by key, and any other value above replaces that below. An empty
// value above takes away what is below.
func (d *Decoder) Merge(below, above ast.Node) ast.Node {
	under, isMap := below.(*ast.MappingNode)
	over, both := above.(*ast.MappingNode)
	if !isMap || !both {
		return above
	}
	if d.values++; d.values > maxValues {
		if d.values == maxValues+1 {
			d.FaultAt(above, "", "the %s has more than %d values with its aliases expanded", d.kind, maxValues)
		}
		return above
	}
	merged := &ast.MappingNode{BaseNode: over.BaseNode, Start: over.Start, End: over.End, Values: slices.Clone(under.Values)}
	d.files[merged] = d.files[above]
	at := make(map[string]int, len(under.Values))
	for i, pair := range under.Values {
		at[pair.Key.GetToken().Value] = i
	}
	for _, pair := range over.Values {
		key := pair.Key.GetToken().Value
		i, again := at[key]
		if !again { // Pairs reports a key that one document gives twice
			merged.Values = append(merged.Values, pair)
			continue
		}
		delete(at, key)
		both := *pair
		both.Value = d.Merge(under.Values[i].Value, pair.Value)
		merged.Values[i] = &both
	}
	return merged
}

// File returns the file that a node is from.
func (d *Decoder) File(n ast.Node) string {
	if file, included := d.files[n]; included {
		return file
	}
	return d.file
}

// Find returns a value of a mapping with its key; nil if there is none. It is for fields that must be known before the others are
// decoded.
func Find(n ast.Node, key string) (at, value ast.Node) {
	m, ok := n.(*ast.MappingNode)
	if !ok {
		return nil, nil
	}
	for _, pair := range m.Values {
		if pair.Key.GetToken().Value == key {
			return pair.Key, pair.Value
		}
	}
	return nil, nil
}

// A Filler completes the texts of a document after it is parsed, such as templates in its values.
type Filler interface {
	// Value returns what a scalar's text becomes. path is the name of its field.
	Value(path string, n ast.Node, text string) (string, error)
	// Key refuses a key that must not be there.
	Key(key string) error
}

// Fill has f complete all values that are decoded from now on.
func (d *Decoder) Fill(f Filler) { d.filler = f }

// filled is the text of a scalar after the filler, if there is one.
func (d *Decoder) filled(path string, n ast.Node, text string) (string, error) {
	if d.filler == nil {
		return text, nil
	}
	return d.filler.Value(path, n, text)
}

// checkKey adds a fault for a key that the filler refuses.
func (d *Decoder) checkKey(path string, at ast.Node, key string) {
	if d.filler == nil {
		return
	}
	if err := d.filler.Key(key); err != nil {
		d.FaultAt(at, Join(path, key), "%v", err)
	}
}
