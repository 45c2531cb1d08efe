package solve

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/pyimg/pyimg/apk"
)

// Change is one step of what "apk add" does to a root: Old gives way to New. One of them is nil where a package is new, or is
// removed. Both may have the same version: then it is another build of it.
type Change struct {
	Old, New *apk.Package
	Tag      string // the tag of New's repository, see Solution.Tags
	Why      string // why Old does not stay, for people; "" where Old is nil, and after a hundred changes
}

// Addition is what "apk add" makes of a root.
type Addition struct {
	World    []apk.Dependency // the world afterwards, sorted as apk writes it
	Changes  []Change         // in apk's order; none where nothing changes
	Packages []*apk.Package   // all packages afterwards: first those that stay, in the root's order, then the new ones
	Notes    []string         // for the user
}

// Add finds what "apk add" with these arguments changes on a root, as apk-tools 3 does it. What is installed is preferred, so
// something is upgraded only where a dependency demands it. What nothing needs any more is removed. Unlike Solve, Add searches no
// further where apk finds no solution: the error is an *Error, for which errors.Is(err, ErrNoSolution) holds.
func Add(to Root, asked []apk.Dependency, indexes []*apk.Index, o Options) (Addition, error) {
	c, err := newCatalog(to, indexes, cmp.Or(o.Dialect, apk.Dialect3))
	if err != nil {
		return Addition{}, err
	}
	fresh, notes := normalizeWorld(asked)
	world, _ := normalizeWorld(slices.Concat(to.World, fresh))
	w, problems := c.world(world)
	if len(problems) > 0 {
		return Addition{}, &Error{Problems: problems}
	}
	a := c.attempt(w, nil)
	if a.spend(0) {
		return Addition{}, a.tooMany()
	}
	if a.errors > 0 {
		return Addition{}, &Error{Problems: a.explain(), Undecided: !c.impossible(w), Searched: c.searched()}
	}
	return a.addition(world, notes), nil
}

// maxReasons bounds the changes whose reason is looked for, in all that the others depend on. An error shows fewer.
const maxReasons = 100

func (a *attempt) addition(world []apk.Dependency, notes []string) Addition {
	out := Addition{World: world, Notes: notes}
	gone := make(map[int32]bool)
	var added []*apk.Package
	for _, c := range a.list {
		if c.old == c.new {
			continue
		}
		var change Change
		if c.old != none {
			change.Old = a.packageOf(c.old)
			if len(gone) < maxReasons {
				change.Why = a.why(c)
			}
			gone[c.old] = true
		}
		if c.new != none {
			change.New, change.Tag = a.packageOf(c.new), a.tagOf(c.new)
			added = append(added, change.New)
		}
		out.Changes = append(out.Changes, change)
	}
	for _, id := range a.installed {
		if !gone[id] {
			out.Packages = append(out.Packages, a.packageOf(id))
		}
	}
	out.Packages = append(out.Packages, added...)
	return out
}

// why says why an installed package does not stay: what needs something else, or what it misses.
func (a *attempt) why(c change) string {
	old := &a.catalog.packages[c.old]
	for _, w := range a.world.wants {
		if a.spurns(none, w, c.old) {
			return fmt.Sprintf("you asked for %q", a.dependency(w))
		}
	}
	for _, id := range a.chain {
		if id == c.old {
			continue
		}
		for _, w := range a.dependsOf(&a.catalog.packages[id]) {
			if a.spurns(id, w, c.old) {
				return fmt.Sprintf("%s needs %q", a.packageText(id), a.dependency(w))
			}
		}
	}
	for _, w := range a.dependsOf(old) {
		if !a.provides(c.old, w, a.choice(w.name)) {
			return fmt.Sprintf("%s needs %q, which the others rule out", a.packageText(c.old), a.dependency(w))
		}
	}
	for _, o := range append([]offer{{old.name, old.version}}, a.offersOf(old)...) {
		if by := a.choice(o.name).pkg; by != none && by != c.old && by != c.new {
			return fmt.Sprintf("%s provides %q, too", a.packageText(by), a.catalog.names[o.name].text)
		}
	}
	if c.new == none {
		return "nothing needs it any more"
	}
	return "the others need it so"
}

// spurns reports whether a dependency is on a name of an installed package that does not satisfy it.
func (a *attempt) spurns(by int32, w want, id int32) bool {
	q := &a.catalog.packages[id]
	for _, o := range append([]offer{{q.name, q.version}}, a.offersOf(q)...) {
		if o.name == w.name && !a.provides(by, w, provider{id, o.version}) {
			return true
		}
	}
	return false
}
