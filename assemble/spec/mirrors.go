package spec

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"github.com/pyimg/pyimg/internal/registryurl"
	"github.com/pyimg/pyimg/internal/strictyaml"
)

// WheelsField reads a list of places of wheels, where an index that several servers have is a mapping: mirrors, their URLs, and key.
// The first URL is added to the places. check checks a place that is no mapping.
func WheelsField(d *strictyaml.Decoder, to *[]string, mirrors *[]Mirrors, check func(string) error) strictyaml.Field {
	text := d.List(func(v string) error { *to = append(*to, v); return check(v) })
	one := func(path string, n ast.Node) {
		if _, mapping := d.Follow(path, n).(*ast.MappingNode); !mapping {
			text(path, n)
			return
		}
		var m Mirrors
		before := d.Faults()
		d.Mapping(path, n, mirrorFields(d, &m))
		if d.Faults() > before {
			return
		}
		if len(m.URLs) == 0 {
			d.FaultAt(n, path, "name the URLs of the index under mirrors")
			return
		}
		*to, *mirrors = append(*to, m.URLs[0]), append(*mirrors, m)
	}
	return func(path string, n ast.Node) {
		switch d.Follow(path, n).(type) {
		case *ast.SequenceNode:
			d.Sequence(path, n, one)
		case *ast.MappingNode:
			one(path, n)
		default:
			text(path, n)
		}
	}
}

// Mirrored reports whether an entry of Wheels stands for an index that several servers have.
func (p Python) Mirrored(where string) bool {
	return slices.ContainsFunc(p.Mirrors, func(m Mirrors) bool { return m.URLs[0] == where })
}

func mirrorFields(d *strictyaml.Decoder, m *Mirrors) strictyaml.Fields {
	return strictyaml.Fields{
		{Name: "mirrors", Read: d.List(func(v string) error { m.URLs = append(m.URLs, v); return checkMirror(v) }), Value: m.URLs},
		{Name: "key", Read: d.Text(func(v string) error { m.Key = v; return checkInput(v) }), Value: m.Key},
	}
}

func checkMirror(v string) error {
	if registryurl.IsReference(v) {
		_, err := registryurl.ParseReference(v)
		return err
	}
	if scheme, _, _ := strings.Cut(v, "://"); scheme != "http" && scheme != "https" {
		return fmt.Errorf("expected the http or https URL, or oci:HOST/REPOSITORY:TAG, of an index that \"pyimg wheels build\" wrote, found %q", v)
	}
	if hasCredentials(v) {
		return errors.New("a mirror's URL has no user name, password or query: leave them to netrc, or to $HTTP_AUTH")
	}
	return nil
}

// wheelsYAML writes the places of wheels.
func (d decoder) wheelsYAML(p *Python) any {
	if len(p.Mirrors) == 0 {
		return p.Wheels
	}
	out := make([]any, len(p.Wheels))
	for i, where := range p.Wheels {
		out[i] = where
		if at := slices.IndexFunc(p.Mirrors, func(m Mirrors) bool { return m.URLs[0] == where }); at >= 0 {
			out[i] = mirrorFields(d.Decoder, &p.Mirrors[at]).YAML()
		}
	}
	return out
}
