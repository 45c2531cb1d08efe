package assemble

import (
	"slices"
	"strings"
)

// Image is InputRuntime.Image of what a lock has for a spec.
func (r LockedRuntime) Image(spec Spec) string {
	if !strings.HasPrefix(r.URL, fromImage) {
		return ""
	}
	return spec.imagePath(r.URL)
}

func (l Lock) has(name string) bool { return slices.Contains(l.names(), name) }

// names are those of the packages of all platforms, sorted.
func (l Lock) names() []string {
	var names []string
	for _, p := range l.Platforms {
		names = append(names, p.Install...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}
