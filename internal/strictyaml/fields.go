package strictyaml

import (
	"slices"

	"github.com/goccy/go-yaml"
)

// Fields is the table of a mapping's fields, for reading and writing, in the order in which they are written.
type Fields []Row

// A Row is one field of a table.
type Row struct {
	Name  string
	Read  Field
	Value any // the value to write; a zero value is left out, unless it is Always
}

// names returns the fields' names, sorted.
func (f Fields) names() []string {
	names := make([]string, len(f))
	for i, e := range f {
		names[i] = e.Name
	}
	slices.Sort(names)
	return names
}

// Always is a number that is written even if it is 0.
type Always int

// YAML returns the fields whose values are not zero.
func (f Fields) YAML() yaml.MapSlice {
	out := yaml.MapSlice{}
	for _, e := range f {
		empty, value := false, e.Value
		switch v := value.(type) {
		case nil:
			empty = true
		case Always:
			value = int(v)
		case string:
			empty = v == ""
		case bool:
			empty = !v
		case int:
			empty = v == 0
		case []string:
			empty = len(v) == 0
		case map[string]string:
			empty = v == nil // a document may say that there are none
		case yaml.MapSlice:
			empty = len(v) == 0
		case []yaml.MapSlice:
			empty = len(v) == 0
		}
		if !empty {
			out = append(out, yaml.MapItem{Key: e.Name, Value: value})
		}
	}
	return out
}

// ListYAML writes a list of mappings.
func ListYAML[T any](list []T, table func(*T) Fields) []yaml.MapSlice {
	out := make([]yaml.MapSlice, len(list))
	for i := range list {
		out[i] = table(&list[i]).YAML()
	}
	return out
}
