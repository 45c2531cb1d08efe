package lock

import (
	"slices"
	"strings"

	"github.com/pyimg/pyimg/assemble/spec"
)

// Image is InputRuntime.Image of what a lock has for a spec.
func (r Runtime) Image(s spec.Spec) string {
	if !strings.HasPrefix(r.URL, spec.FromImage) {
		return ""
	}
	return s.ImagePath(r.URL)
}

func (l Lock) Has(name string) bool { return slices.Contains(l.Names(), name) }

// Names returns the names of the packages and wheels of all platforms, sorted.
func (l Lock) Names() []string {
	var names []string
	for _, p := range l.Platforms {
		names = append(names, p.Install...)
		for _, w := range p.Wheels {
			names = append(names, w.Name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
