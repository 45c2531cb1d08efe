package spec

import (
	"cmp"
	"slices"

	"github.com/goccy/go-yaml/ast"

	"github.com/pyimg/pyimg/apk"
)

// A Reader reads another YAML file than a spec, by a spec's rules: unknown fields are faults, scalars are taken as written, and all
// faults come at once, each with its place.
type Reader struct{ d *decoder }

// A Field is a field of a mapping that a Reader reads.
type Field struct {
	name string
	read field
}

// ReadYAML reads a mapping whose fields are those of the table. The error is an *Error with all faults. name is used in errors.
// check may add faults when all fields were read and none had a fault.
func ReadYAML(name string, data []byte, table func(Reader) []Field, check func(Reader)) error {
	d := &decoder{file: name, anchors: make(map[string]ast.Node)}
	if top := d.parseYAML(data); top != nil {
		d.mapping("", top, entries(table(Reader{d})))
	}
	if len(d.faults) == 0 {
		check(Reader{d})
	}
	if len(d.faults) == 0 {
		return nil
	}
	slices.SortStableFunc(d.faults, func(a, b Fault) int { return cmp.Or(a.Line-b.Line, a.Column-b.Column) })
	return &Error{d.faults}
}

func entries(table []Field) fields {
	out := make(fields, len(table))
	for i, f := range table {
		out[i] = entry{name: f.name, read: f.read}
	}
	return out
}

// Text is a field with one line of text.
func (r Reader) Text(name string, set func(string) error) Field { return Field{name, r.d.text(set)} }

// List is a field with a list of texts, or a single one.
func (r Reader) List(name string, add func(string) error) Field { return Field{name, r.d.list(add)} }

// Integer is a field with a number from low to high.
func (r Reader) Integer(name string, to *int, low, high int) Field {
	return Field{name, r.d.integer(to, low, high)}
}

// Table is a field with a mapping of any keys to texts.
func (r Reader) Table(name string, to *map[string]string, check func(key, value string) error) Field {
	return Field{name, r.d.table(to, check)}
}

// Mapping is a field with a mapping whose fields are those of the table.
func (r Reader) Mapping(name string, table func() []Field) Field {
	return Field{name, func(p string, n ast.Node) { r.d.mapping(p, n, entries(table())) }}
}

// Each is a field with a mapping of any keys, each of which has a mapping with the fields that table returns for it. An error of
// table is a fault of the key.
func (r Reader) Each(name string, table func(key string) ([]Field, error)) Field {
	return Field{name, func(p string, n ast.Node) {
		r.d.pairs(p, n, func(key string, at, value ast.Node) {
			fields, err := table(key)
			if err != nil {
				r.d.faultAt(at, p, "%v", err)
				return
			}
			if value = r.d.follow(join(p, key), value); value != nil && !isNull(value) {
				r.d.mapping(join(p, key), value, entries(fields))
			}
		})
	}}
}

// Alpine is a field as a spec has it under alpine.
func (r Reader) Alpine(name string, to *Alpine) Field {
	return Field{name, r.d.within(func() fields { return r.d.alpineFields(to) })}
}

// Runtimes is a field as a spec has it under runtime.
func (r Reader) Runtimes(name string, to *[]Runtime) Field {
	return Field{name, func(p string, n ast.Node) { r.d.runtimes(to, p, n) }}
}

// Platforms is a field as a spec has it under platforms.
func (r Reader) Platforms(name string, to *[]Platform) Field {
	return r.List(name, func(v string) error { return appendParsed(to, v, ParsePlatform) })
}

// Packages is a field as a spec has it under packages.
func (r Reader) Packages(name string, to *[]apk.Dependency) Field {
	return r.List(name, func(v string) error { return appendParsed(to, v, apk.ParseDependency) })
}

// Fault adds the fault that a field is missing, or that fields contradict each other. It has no place in the file.
func (r Reader) Fault(field, msg string) { r.d.note(Fault{File: r.d.file, Field: field, Msg: msg}) }
