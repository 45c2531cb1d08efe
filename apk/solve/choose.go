package solve

import (
	"cmp"

	"github.com/pyimg/pyimg/apk"
)

// run decides every name that the world needs.
func (s *solver) run(world worldWants) {
	for _, w := range world.wants {
		s.asked[w.name] = true
	}
	for _, w := range world.wants {
		s.discover(w.name)
	}
	for i, w := range world.wants {
		s.worldPinning = world.pinning[i]
		s.apply(none, w)
	}
	s.worldPinning = 0
	for !s.spend(0) {
		for name, ok := s.nextDirty(); ok && !s.spend(1); name, ok = s.nextDirty() {
			s.reconsider(name)
		}
		name := s.nextName()
		if name == none {
			return
		}
		s.decide(name)
	}
}

// decide chooses the package for a name, and for all other names that the package provides. apk never takes this back.
func (s *solver) decide(name int32) {
	best := s.choose(name)
	if best.pkg == none {
		s.lock(name, nobody())
		if s.names[name].requirers > 0 {
			s.errors++
		}
		return
	}
	p, q := &s.packages[best.pkg], &s.catalog.packages[best.pkg]
	if !p.selectable || !p.tagOK {
		s.fail(best.pkg)
	}
	s.lock(q.name, provider{best.pkg, q.version})
	for _, o := range s.offersOf(q) {
		s.lock(o.name, provider{best.pkg, o.version})
	}
	for _, w := range s.dependsOf(q) {
		s.apply(best.pkg, w)
	}
}

func (s *solver) choose(name int32) provider {
	best := nobody()
	n := &s.names[name]
	if n.requirers == 0 && !n.triggered {
		return best
	}
	for _, p := range s.providers.of(name) {
		state := &s.packages[p.pkg]
		if n.requirers == 0 && !(state.triggered && state.tagOK && state.selectable) {
			continue
		}
		if s.choosableUnasked(p) && s.prefer(p, best) > 0 {
			best = p
		}
	}
	return best
}

// prefer returns a positive number if a is the better choice, a negative one if b is. Without flags these are apk's criteria,
// in its order.
func (s *solver) prefer(a, b provider) int {
	if b.pkg == none {
		return 1
	}
	p, q := &s.packages[a.pkg], &s.packages[b.pkg]
	if c := cmp.Or(
		preferTrue(p.selectable, q.selectable),
		preferTrue(p.used, q.used),
		cmp.Compare(q.conflicts, p.conflicts),
		preferTrue(p.tagOK, q.tagOK),
		preferTrue(p.tagWanted, q.tagWanted),
	); c != 0 {
		return c
	}
	x, y := &s.catalog.packages[a.pkg], &s.catalog.packages[b.pkg]
	if x.name == y.name || !a.virtual() || !b.virtual() {
		if c := preferTrue(x.isThere, y.isThere); c != 0 {
			return c
		}
	}
	if s.dialect == apk.Dialect3 || !a.virtual() && !b.virtual() { // in Dialect3 a version is preferred to none
		if c := s.compareVersions(a.version, b.version); c != 0 {
			return c
		}
	}
	if x.name == y.name {
		if c := s.compareVersions(x.version, y.version); c != 0 {
			return c
		}
	}
	return cmp.Or(
		cmp.Compare(x.priority, y.priority),
		preferTrue(x.isThere, y.isThere),
		cmp.Compare(y.firstRepo(), x.firstRepo()),
	)
}

func preferTrue(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	default:
		return -1
	}
}

// lock decides a name. It rules out all other providers, unless both they and by provide the name without a version.
func (s *solver) lock(name int32, by provider) {
	n := &s.names[name]
	if n.locked {
		if !by.virtual() || !n.chosen.virtual() {
			s.clash(name, by.pkg)
		}
		return
	}
	n.locked, n.chosen, n.dirty = true, by, false
	s.dequeue(name)
	if by.pkg != none && n.requirers == 0 && s.packages[by.pkg].triggered {
		for _, w := range s.installIfOf(&s.catalog.packages[by.pkg]) {
			if !s.names[w.name].locked {
				s.apply(by.pkg, w)
			}
		}
	}
	s.batch++
	for _, p := range s.providers.of(name) {
		if s.spend(1) {
			return
		}
		if p.pkg != by.pkg && !(p.virtual() && by.virtual()) {
			s.disqualify(p.pkg, ruledByLock, want{name: name}, by.pkg)
		}
	}
	s.recheckDependents(name)
	if by.pkg == none {
		s.recheckTriggers(name)
	} else {
		s.recheckTriggersOf(by.pkg)
	}
}

func (s *solver) clash(name, second int32) {
	first := s.names[name].chosen.pkg
	if first != second && first != none && second != none {
		s.clashes = append(s.clashes, clash{name, first, second})
	}
	s.fail(second)
	s.fail(first)
}

// fail counts an error of a package, once.
func (s *solver) fail(id int32) {
	if id != none && !s.packages[id].failed {
		s.packages[id].failed = true
		s.errors++
	}
}
