package assemble

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/pyimg/pyimg/apk"
	"github.com/pyimg/pyimg/apk/solve"
	"github.com/pyimg/pyimg/assemble/spec"
)

// asked is where each package of the world is asked for: in the spec, by a flag, or by what the spec's fields imply.
// allocator is the package that brings the allocator; "" where none does.
func asked(s spec.Spec, allocator string) []spec.Asked {
	asked := slices.Clone(s.Asked)
	for _, r := range s.Runtimes {
		if r.Source == spec.FromAPK || slices.Contains(slices.Collect(maps.Values(r.Sources)), spec.FromAPK) {
			asked = append(asked, spec.Asked{Name: "python3", At: "the runtime " + spec.FromAPK})
		}
	}
	if allocator != "" {
		asked = append(asked, spec.Asked{Name: allocator, At: "the allocator"})
	}
	return asked
}

// explainAsked adds to an error of the solver where the packages are asked for that cannot be had, or that need what
// cannot be had.
func explainAsked(err error, asked []spec.Asked, indexes []*apk.Index) error {
	var unsolved *solve.Error
	if !errors.As(err, &unsolved) {
		return err
	}
	const shown = 20 // as many as the solver shows problems
	var text strings.Builder
	n := 0
	guilty := guiltyNames(unsolved.Problems, indexes)
	for _, a := range asked {
		if !guilty[a.Name] {
			continue
		}
		if n++; n > shown {
			break
		}
		fmt.Fprintf(&text, "\n  %q is asked for by %s", a.Name, a.At)
	}
	return fmt.Errorf("%w%s", err, text.String())
}

// guiltyNames are the names in world that cannot be had, or that want what cannot be had, at first or last hand.
func guiltyNames(problems []solve.Problem, indexes []*apk.Index) map[string]bool {
	names := make(map[string]bool)
	add := func(p *apk.Package) {
		names[p.Name] = true
		for _, provided := range p.Provides {
			names[provided.Name] = true
		}
	}
	first := make(map[string]bool) // NAME-VERSION of packages that world wants
	for _, p := range problems {
		switch {
		case p.Clash:
			for _, c := range p.Candidates {
				add(c.Package)
			}
		case len(p.By) > 0:
			first[p.By[len(p.By)-1]] = true
		default:
			names[p.Want.Name] = true
		}
	}
	if len(first) == 0 {
		return names
	}
	for _, x := range indexes {
		for p := range x.Packages() {
			if first[p.String()] {
				add(p)
			}
		}
	}
	return names
}
