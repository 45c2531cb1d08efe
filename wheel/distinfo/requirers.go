package distinfo

import (
	"maps"
	"slices"

	"github.com/pyimg/pyimg/wheel/dependency"
)

// Requirers reports which of dists require which others: for each normalised name
// the names of those that have it as a dependency that applies, also through an
// extra that another one asks for. What cannot be parsed or evaluated is left out.
func Requirers(dists []Metadata, env dependency.Environment) map[string][]string {
	readable := make([]Metadata, len(dists))
	for i, m := range dists {
		readable[i] = m
		readable[i].RequiresDist = slices.DeleteFunc(slices.Clone(m.RequiresDist), func(text string) bool {
			r, err := dependency.ParseRequirement(text)
			if err == nil {
				_, err = r.Marker.Applies(env.WithExtra(""))
			}
			return err != nil
		})
	}
	by := make(map[string]map[string]bool)
	c := newChecker(readable, env)
	c.found = func(name, requirer string) {
		if by[name] == nil {
			by[name] = make(map[string]bool)
		}
		by[name][requirer] = true
	}
	for len(c.queue) > 0 {
		next := c.queue[0]
		c.queue = c.queue[1:]
		_ = c.visit(next) // only too many extras are left as an error
	}
	out := make(map[string][]string, len(by))
	for name, requirers := range by {
		delete(requirers, name) // its own extras
		out[name] = slices.Sorted(maps.Keys(requirers))
	}
	return out
}
