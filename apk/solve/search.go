package solve

import (
	"fmt"
	"slices"
	"strings"
)

// maxAttempts bounds the second search: an attempt takes some 10 ms with Alpine's main and
// community.
const maxAttempts = 64

// search looks for a solution after apk's first attempt failed. It runs the same algorithm again without one of the
// packages that led to the failure, then without two, and so on. It checks each result from scratch. tries is the
// number of attempts.
func (c *catalog) search(w worldWants, failed *attempt) (found *attempt, tries int) {
	if failed.sound() { // the failure was in a package that nothing needs in the end
		return failed, 0
	}
	queue := withheldSets(nil, failed.suspects())
	tried := make(map[string]bool)
	steps := 0 // of all attempts; together they may take as many as one attempt
	for len(queue) > 0 {
		without := queue[0]
		queue = queue[1:]
		key := fmt.Sprint(without)
		if tried[key] {
			continue
		}
		if tries == maxAttempts {
			return nil, tries
		}
		tried[key] = true
		tries++
		a := c.attempt(w, without)
		a.steps, steps = a.steps+steps, a.steps+steps
		if a.spend(0) {
			return nil, tries
		}
		if a.errors == 0 && a.sound() {
			return a, tries
		}
		queue = append(queue, withheldSets(without, a.suspects())...)
	}
	return nil, tries
}

// withheldSets adds each suspect in turn to a set of packages.
func withheldSets(without, suspects []int32) [][]int32 {
	var sets [][]int32
	for _, id := range suspects {
		if i, found := slices.BinarySearch(without, id); !found {
			sets = append(sets, slices.Insert(slices.Clone(without), i, id))
		}
	}
	return sets
}

// suspects lists the chosen packages without which an attempt may succeed: those that need a missing package, those
// that rule it out, and those that clash.
func (a *attempt) suspects() []int32 {
	var out []int32
	added := make(map[int32]bool)
	add := func(id int32) {
		if id != none && !added[id] && a.choice(a.catalog.packages[id].name).pkg == id {
			added[id] = true
			out = append(out, id)
		}
	}
	a.blame(add)
	for _, c := range a.clashes {
		add(c.first)
		add(c.second)
	}
	for id := range a.packages {
		if a.packages[id].failed {
			add(int32(id))
		}
	}
	return out
}

// blame adds the packages that need a missing one, and those that ruled out its providers or what these need.
func (a *attempt) blame(add func(int32)) {
	var names []int32
	for _, u := range a.unmet() {
		add(u.by)
		names = append(names, u.want.name)
	}
	followed := make(map[int32]bool)
	for ; len(names) > 0; names = names[1:] {
		if followed[names[0]] {
			continue
		}
		followed[names[0]] = true
		for _, p := range a.providers.of(names[0]) {
			state := &a.packages[p.pkg]
			add(state.whyBy)
			if state.why == ruledByDepends {
				names = append(names, state.whyWant.name)
			}
		}
	}
}

// sound checks the result against the constraints alone, whatever algorithm found it.
func (a *attempt) sound() bool {
	owner := make(map[int32]provider)
	chosen := make(map[int32][]provider)
	for _, id := range a.chain {
		q := &a.catalog.packages[id]
		if q.refused || !a.packages[id].tagOK {
			return false
		}
		for _, o := range append([]offer{{q.name, q.version}}, a.offersOf(q)...) {
			p := provider{id, o.version}
			if other, taken := owner[o.name]; taken && !(other.virtual() && p.virtual()) {
				return false // also if one package provides a name twice
			}
			owner[o.name] = p
			chosen[o.name] = append(chosen[o.name], p)
		}
	}
	for _, w := range a.world.wants {
		if !a.met(none, w, chosen[w.name]) {
			return false
		}
	}
	return !slices.ContainsFunc(a.chain, func(id int32) bool {
		return slices.ContainsFunc(a.dependsOf(&a.catalog.packages[id]), func(w want) bool {
			return !a.met(id, w, chosen[w.name])
		})
	})
}

// met reports whether one of the given providers satisfies a want. A conflict must be satisfied by all of them.
func (a *attempt) met(by int32, w want, at []provider) bool {
	satisfies := func(p provider) bool { return a.provides(by, w, p) }
	if w.conflict {
		return !slices.ContainsFunc(at, func(p provider) bool { return !satisfies(p) })
	}
	return slices.ContainsFunc(at, satisfies)
}

// note describes what a solution leaves out that apk does not find.
func (a *attempt) note(problems []Problem) string {
	names := make([]string, len(a.without))
	for i, id := range a.without {
		names[i] = a.packageText(id)
	}
	first := problems[0].summary()
	if len(names) == 0 {
		return fmt.Sprintf("real apk gives up here (%s), but its choice satisfies what you asked for", first)
	}
	return fmt.Sprintf("real apk gives up here (%s); pyimg found a solution without %s",
		first, strings.Join(names, ", "))
}
