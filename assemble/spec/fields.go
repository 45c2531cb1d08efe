package spec

import (
	"fmt"
	"slices"

	"github.com/goccy/go-yaml"
)

// fields is the table of a mapping's fields, for reading and writing, in the order in which they are written.
type fields []entry

// An entry is one field.
type entry struct {
	name  string
	read  field
	value any // the value to write; a zero value is left out
}

// names returns the fields' names, sorted.
func (f fields) names() []string {
	names := make([]string, len(f))
	for i, e := range f {
		names[i] = e.name
	}
	slices.Sort(names)
	return names
}

// always is a number that is written even if it is 0.
type always struct{ number int }

// yaml returns the fields whose values are not zero.
func (f fields) yaml() yaml.MapSlice {
	out := yaml.MapSlice{}
	for _, e := range f {
		empty, value := false, e.value
		switch v := value.(type) {
		case nil:
			empty = true
		case always:
			value = v.number
		case string:
			empty = v == ""
		case bool:
			empty = !v
		case int:
			empty = v == 0
		case []string:
			empty = len(v) == 0
		case map[string]string:
			empty = len(v) == 0
		case yaml.MapSlice:
			empty = len(v) == 0
		case []yaml.MapSlice:
			empty = len(v) == 0
		}
		if !empty {
			out = append(out, yaml.MapItem{Key: e.name, Value: value})
		}
	}
	return out
}

// yamlOf writes a list of mappings.
func yamlOf[T any](list []T, table func(*T) fields) []yaml.MapSlice {
	out := make([]yaml.MapSlice, len(list))
	for i := range list {
		out[i] = table(&list[i]).yaml()
	}
	return out
}

func texts[T fmt.Stringer](vs []T) []string {
	out := make([]string, len(vs))
	for i, v := range vs {
		out[i] = v.String()
	}
	return out
}

// byPlatformYAML returns the value for all platforms, or else a mapping with one for each.
func byPlatformYAML(all string, each map[Platform]string) any {
	if all != "" {
		return all
	}
	out := yaml.MapSlice{}
	for _, p := range sortPlatforms(platformsOf(each)) {
		if p != (Platform{}) {
			out = append(out, yaml.MapItem{Key: p.String(), Value: each[p]})
		}
	}
	return out
}
