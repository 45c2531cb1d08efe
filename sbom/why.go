package sbom

import (
	"slices"
	"strings"
)

// A Reason says why a component is in an image.
type Reason struct {
	Component
	Asked    string   // who asked for it; "" if nobody did
	NeededBy []string // IDs of components that require it, sorted
	Inside   []string // IDs of components that contain it, sorted; not the distribution, which contains all packages
}

// Why returns the components that are called name, sorted by ID, and by ID the reasons for them and for all components that they are there for.
// A name is also a package URL, or NAME@VERSION; of a Python project it is written in any way that PEP 503 takes for the same.
func (d Document) Why(name string) (found []string, reasons map[string]Reason) {
	all := make(map[string]*Reason)
	for _, c := range d.normal() {
		all[c.ID] = &Reason{Component: c, Asked: d.Asked[c.ID]}
		if c.called(name) {
			found = append(found, c.ID)
		}
	}
	for id, r := range all {
		for _, needed := range r.Requires {
			all[needed].NeededBy = append(all[needed].NeededBy, id)
		}
		for _, within := range r.Contains {
			if r.Kind != System {
				all[within].Inside = append(all[within].Inside, id)
			}
		}
	}
	reasons = make(map[string]Reason)
	for queue := slices.Clone(found); len(queue) > 0; queue = queue[1:] {
		id := queue[0]
		if _, ok := reasons[id]; ok {
			continue
		}
		r := all[id]
		slices.Sort(r.NeededBy)
		slices.Sort(r.Inside)
		reasons[id] = *r
		queue = append(append(queue, r.NeededBy...), r.Inside...)
	}
	return found, reasons
}

// called reports whether people call the component name.
func (c Component) called(name string) bool {
	if name == c.PURL || name == c.ID || name == c.Name || name == c.Name+"@"+c.Version {
		return true
	}
	return strings.HasPrefix(c.PURL, "pkg:pypi/") && normalProject(name) == normalProject(c.Name)
}

// normalProject is a project's name as PEP 503 writes it.
func normalProject(name string) string {
	name = strings.Map(func(r rune) rune {
		if r == '_' || r == '.' {
			return '-'
		}
		return r
	}, strings.ToLower(name))
	for strings.Contains(name, "--") {
		name = strings.ReplaceAll(name, "--", "-")
	}
	return name
}

// Names are the names of the components, sorted, each once.
func (d Document) Names() []string {
	names := make([]string, len(d.Components))
	for i, c := range d.Components {
		names[i] = c.Name
	}
	slices.Sort(names)
	return slices.Compact(names)
}
