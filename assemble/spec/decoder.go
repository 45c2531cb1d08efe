package spec

import (
	"fmt"

	"github.com/goccy/go-yaml"

	"github.com/pyimg/pyimg/internal/strictyaml"
)

// Error has all faults of a spec, in the order of their places. Fault is one of them.
type (
	Error = strictyaml.Error
	Fault = strictyaml.Fault
)

// A decoder decodes the fields of a spec. Their tables are its methods; for writing alone it needs nothing in it.
type decoder struct{ *strictyaml.Decoder }

type (
	field  = strictyaml.Field
	fields = strictyaml.Fields
)

// row is one field of a table: its name, how it is read, and its value, which is written unless it is zero.
func row(name string, read field, value any) strictyaml.Row {
	return strictyaml.Row{Name: name, Read: read, Value: value}
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

func texts[T fmt.Stringer](vs []T) []string {
	out := make([]string, len(vs))
	for i, v := range vs {
		out[i] = v.String()
	}
	return out
}
