package solve

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/pyimg/pyimg/apk"
)

// Solution is the list of packages that satisfies a world.
type Solution struct {
	Packages []*apk.Package // in install order
	Tags     []string       // by package: the tag of its repository, mostly ""
	Notes    []string       // for the user: what real apk would not report, and where it would have given up
}

// Options say which apk's rules to follow.
type Options struct {
	Dialect apk.Dialect // 0 means Dialect3
}

// Solve finds the packages that satisfy a world, as apk-tools 3 would add it to an empty root. Wherever apk has an
// answer, Solve returns the same packages in the same order. The order of indexes counts: of equal packages Solve
// chooses the one of the earlier index. If world has a name twice, the later entry counts.
//
// In Dialect2 the algorithm is the same, but some rules are those of apk-tools 2: how versions compare, what a name
// that is provided without a version satisfies and when it is preferred, an install_if with a conflict, a package in
// conflict with itself, and fields of an index that apk does not know.
//
// apk never takes a decision back, and so finds no solution for some worlds that have one. In that case Solve searches
// a little further, within bounds, and adds a note if it finds a solution. If not, the error is an *Error, for which
// errors.Is(err, ErrNoSolution) holds. Its field Undecided says whether a solution may exist.
func Solve(world []apk.Dependency, indexes []*apk.Index, o Options) (Solution, error) {
	c, err := newCatalog(Root{}, indexes, cmp.Or(o.Dialect, apk.Dialect3))
	if err != nil {
		return Solution{}, err
	}
	wanted, notes := normalizeWorld(world)
	w, problems := c.world(wanted)
	if len(problems) > 0 {
		return Solution{}, &Error{Problems: problems}
	}
	a := c.attempt(w, nil)
	if a.spend(0) {
		return Solution{}, a.tooMany()
	}
	if a.errors > 0 {
		problems := a.explain()
		if c.impossible(w) {
			return Solution{}, &Error{Problems: problems, Searched: c.searched()}
		}
		better, tries := c.search(w, a)
		if better == nil {
			return Solution{}, &Error{Problems: problems, Undecided: true, Tries: tries, Searched: c.searched()}
		}
		notes = append(notes, better.note(problems))
		a = better
	}
	return a.solution(notes), nil
}

// tooMany is the error of an attempt that took too many steps.
func (a *attempt) tooMany() error {
	return fmt.Errorf("solving: apk's algorithm takes more than %d steps with these indexes: they list very many providers of some names and very many packages that need them; "+
		"ask for versions, or use smaller repositories", a.steps)
}

// worldWants is a world with its names and tags as numbers, in apk's order.
type worldWants struct {
	wants   []want
	pinning []uint64 // by want: the tags that it may be satisfied from
}

// world looks up a world's names. It adds new names to the catalog, which nothing provides.
func (c *catalog) world(ds []apk.Dependency) (w worldWants, problems []Problem) {
	for i := range ds {
		tag := slices.Index(c.tags, ds[i].Tag)
		if tag < 0 {
			problems = append(problems, Problem{Want: ds[i], Reason: c.unknownTag(ds[i].Tag)})
			continue
		}
		d := ds[i]
		w.wants = append(w.wants, want{name: c.intern(d.Name), version: c.addVersion(d.Version), op: d.Op, conflict: d.Conflict, tag: uint8(tag)})
		w.pinning = append(w.pinning, 1<<tag)
	}
	return w, problems
}

// An attempt is one run of apk's algorithm to its end.
type attempt struct {
	*solver
	world worldWants
	chain []int32 // the chosen packages, in the order of the changes
	list  []change

	without []int32         // packages that the attempt may not choose
	wanters map[int32]int32 // see findWanters
}

// attempt solves as apk does, but without some packages.
func (c *catalog) attempt(w worldWants, without []int32) *attempt {
	s := newSolver(c)
	for _, id := range without {
		s.withhold(id)
	}
	s.run(w)
	a := &attempt{solver: s, world: w, without: without}
	if !s.spend(0) {
		a.list = s.changes(w.wants)
		for _, c := range a.list {
			if c.new != none {
				a.chain = append(a.chain, c.new)
			}
		}
	}
	return a
}

func (a *attempt) solution(notes []string) Solution {
	out := Solution{Notes: notes}
	for _, id := range a.chain {
		out.Packages = append(out.Packages, a.packageOf(id))
		out.Tags = append(out.Tags, a.tagOf(id))
	}
	return out
}

// tagOf returns the first tag that allows a package to be installed; "" comes before all others.
func (a *attempt) tagOf(id int32) string {
	for i, repos := range a.tagRepos {
		if a.packages[id].pinning&(1<<i) != 0 && repos&a.catalog.packages[id].opened != 0 {
			return a.tags[i]
		}
	}
	return ""
}

// normalizeWorld returns what apk add makes of its arguments: one entry for each name, the last one, sorted by name
// without regard to case. The notes say which entries it dropped.
func normalizeWorld(world []apk.Dependency) (out []apk.Dependency, notes []string) {
	place := make(map[string]int, len(world))
	for _, d := range world {
		i, twice := place[d.Name]
		if !twice {
			place[d.Name] = len(out)
			out = append(out, d)
			continue
		}
		if out[i] != d {
			notes = append(notes, fmt.Sprintf("you asked for %q twice: %q replaces %q, as with apk add", d.Name, d, out[i]))
		}
		out[i] = d
	}
	slices.SortFunc(out, func(a, b apk.Dependency) int {
		return cmp.Or(compareFold(a.Name, b.Name), cmp.Compare(a.Name, b.Name))
	})
	return out, notes
}

// compareFold is C's strcasecmp: it ignores the case of ASCII letters only.
func compareFold(a, b string) int {
	for i := range min(len(a), len(b)) {
		if c := cmp.Compare(lower(a[i]), lower(b[i])); c != 0 {
			return c
		}
	}
	return cmp.Compare(len(a), len(b))
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}
