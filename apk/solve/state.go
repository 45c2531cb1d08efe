package solve

import (
	"slices"

	"github.com/pyimg/pyimg/apk"
)

// A solver runs apk's algorithm. Constraints go down from the world; each name has a list of packages that may still
// provide it; names are decided one by one and never again. The algorithm is greedy, so the order of its steps is part
// of the answer. The rules, also the odd ones, are those of apk-tools 3, src/solver.c.
type solver struct {
	*catalog
	names    []nameState
	packages []packageState
	placed   []uint32       // by name: its place in the order in which names are decided; 0 means none
	asked    map[int32]bool // world's names
	met      []bool         // by package: discover has seen it
	errors   int
	clashes  []clash
	steps    int // see spend

	batch                           uint32   // of packages that are disqualified at once
	dependentsBatch, triggeredBatch []uint32 // by name: the batch that last rechecked its dependents, or what it triggers

	worldPinning uint64 // the tags of the world's dependency that is being applied
	lastPlace    uint32

	dependents, triggersOf map[int32][]int32 // by name, see dependentsOf

	dirty      []int32 // names to reconsider, in order
	resolveNow []int32 // names with one provider left that nothing can change
	selectable nameQueue
	unresolved nameQueue // names none of whose providers may be chosen unasked
}

type nameState struct {
	chosen         provider // of a locked name
	requirers      int      // dependencies on the name that have been applied
	mergeDepends   int32    // how many of the candidates at hand depend on the name
	mergeProvides  int32    // how many of them provide it
	queue          queueID  // where it waits to be decided
	locked         bool     // decided
	dirty          bool     // waits in solver.dirty
	recheckDepends bool     // its providers' dependencies may have become impossible
	recheckTrigger bool     // an install_if of its providers may have come true
	triggered      bool     // an install_if of its providers holds
	untriggerable  bool     // none of its providers has an install_if that may still hold
	triggerNeeded  bool     // an install_if waits for the name to stay absent
	hasOptions     bool
	hasUnasked     bool // some provider may be chosen although world does not name it
	settledAbove   bool // everything that may depend on the name is decided
	virtualProvide bool // scratch for reconsider
	changed        bool // visited for the list of changes
	removed        bool // its package is among the changes, as one that is removed
}

type packageState struct {
	conflicts  int    // applied constraints that it does not satisfy
	pinning    uint64 // the tags it may come from
	selectable bool
	tagOK      bool // a repository that its pinning allows lists it
	tagWanted  bool // a repository that its pinning prefers lists it
	merged     bool // scratch for reconsider
	used       bool // among the candidates when its name was last reconsidered
	triggered  bool // its install_if holds
	untrigger  bool // its install_if cannot hold any more
	failed     bool // counted as an error
	changed    bool // is in the list of changes
	why        ruledBy
	whyWant    want  // the constraint behind it
	whyBy      int32 // the package behind it, none for the world
}

// defaultPinning is the set of tags that holds only "no tag".
const defaultPinning = 1

func newSolver(c *catalog) *solver {
	s := &solver{
		catalog:    c,
		names:      make([]nameState, len(c.names)),
		packages:   make([]packageState, len(c.packages)),
		asked:      make(map[int32]bool),
		placed:     make([]uint32, len(c.names)),
		met:        make([]bool, len(c.packages)),
		dependents: make(map[int32][]int32),
		triggersOf: make(map[int32][]int32),

		dependentsBatch: make([]uint32, len(c.names)),
		triggeredBatch:  make([]uint32, len(c.names)),
	}
	for id := range c.packages {
		p, q := &s.packages[id], &c.packages[id]
		p.whyBy, p.pinning, p.selectable = none, defaultPinning, !q.refused
		if q.refused {
			p.why = ruledByIndex
		}
		p.untrigger = len(c.installIfOf(q)) == 0
		p.tagWanted = q.empty || q.opened&c.tagRepos[0] != 0
		p.tagOK = p.tagWanted || q.isThere
	}
	return s
}

// maxSteps bounds an attempt by what is on offer, the world included. apk's algorithm grows with the square of what depends
// on one name and provides it; worlds of all kinds from Alpine's own indexes take at most a twentieth of this.
const (
	maxSteps     = 12 << 20
	stepsPerItem = 64
)

// spend counts n steps, looks at one package or name each. It reports whether none are left; the result so far is
// useless then.
func (s *solver) spend(n int) (spent bool) {
	s.steps += n
	return s.steps > maxSteps+stepsPerItem*(len(s.catalog.packages)+len(s.wants)+len(s.offers))
}

// withhold rules out a package before anything is decided.
func (s *solver) withhold(id int32) {
	if p := &s.packages[id]; p.selectable {
		p.selectable, p.why = false, ruledBySearch
	}
}

// reposOf returns the repositories that a set of tags allows.
func (s *solver) reposOf(pinning uint64) (repos uint64) {
	for i, r := range s.tagRepos {
		if pinning&(1<<i) != 0 {
			repos |= r
		}
	}
	return repos
}

// dependentsOf returns the names whose providers depend on a name. triggeredBy returns those whose providers have it in
// install_if.
func (s *solver) dependentsOf(name int32) []int32 {
	list, known := s.dependents[name]
	if !known {
		list = s.namesOf(s.wantedBy.of(name))
		s.dependents[name] = list
	}
	return list
}

func (s *solver) triggeredBy(name int32) []int32 {
	packages := s.triggers.of(name)
	if len(packages) == 0 {
		return nil
	}
	list, known := s.triggersOf[name]
	if !known {
		list = s.namesOf(packages)
		s.triggersOf[name] = list
	}
	return list
}

// discover gives places in the order to a name and to all names that it may bring in, after the names it depends on.
// Marks in a place sort names that world has before others, see nameQueue, and then package names before names that are
// only provided. discover visits most of the indexes, so it looks at little of each package.
func (s *solver) discover(name int32) {
	if s.placed[name] != 0 {
		return
	}
	const underWay = 1
	s.placed[name] = underWay
	providers := s.providers.of(name)
	virtual := 0
	for _, p := range providers {
		s.discoverPackage(p.pkg)
		if s.catalog.packages[p.pkg].name != name {
			virtual++
		}
	}
	s.discoverAll(s.triggeredBy(name))
	for _, p := range providers {
		q := &s.catalog.packages[p.pkg]
		if s.spend(len(s.offersOf(q))) {
			break
		}
		if q.name != name {
			s.discoverAll(s.triggeredBy(q.name))
		}
		for _, o := range s.offersOf(q) {
			s.discover(o.name)
		}
	}
	const notAsked, notOnlyProvided = 1 << 31, 1 << 30
	s.lastPlace++
	place := s.lastPlace + underWay
	if !s.asked[name] {
		place |= notAsked
	}
	if virtual != len(providers) {
		place |= notOnlyProvided
	}
	s.placed[name] = place
	for _, p := range providers {
		for _, w := range s.installIfOf(&s.catalog.packages[p.pkg]) {
			s.discover(w.name)
		}
	}
}

func (s *solver) discoverAll(names []int32) {
	if s.spend(len(names)) {
		return
	}
	for _, n := range names {
		s.discover(n)
	}
}

func (s *solver) discoverPackage(id int32) {
	if s.met[id] {
		return
	}
	s.met[id] = true
	for _, w := range s.dependsOf(&s.catalog.packages[id]) {
		s.discover(w.name)
	}
}

// apply applies a dependency of package by (none: of the world) to the remaining providers.
func (s *solver) apply(by int32, w want) {
	n := &s.names[w.name]
	if !w.conflict {
		n.requirers++
		if n.requirers == 1 {
			s.requirersChanged(w.name)
		}
	}
	if by != none && !w.conflict && w.op == apk.OpAny && s.packages[by].pinning == defaultPinning {
		return // every provider satisfies it, and there is no tag to pass on
	}
	s.batch++
	for _, p := range s.providers.of(w.name) {
		if s.spend(1) {
			return
		}
		if s.provides(by, w, p) {
			s.inherit(p.pkg, by)
			continue
		}
		state := &s.packages[p.pkg]
		state.conflicts++
		if state.selectable {
			s.disqualify(p.pkg, ruledByWant, w, by)
		}
	}
}

func (s *solver) requirersChanged(name int32) {
	s.enqueue(name, false)
	s.recheckTriggers(name)
	s.markDirty(name)
}

// inherit passes tags on from package by to a package that it depends on.
func (s *solver) inherit(id, by int32) {
	p, repos := &s.packages[id], s.catalog.packages[id].opened
	if by != none {
		p.pinning |= s.packages[by].pinning
	} else {
		p.pinning |= s.worldPinning
		p.tagWanted = repos&s.reposOf(s.worldPinning) != 0
	}
	p.tagOK = p.tagOK || repos&s.reposOf(p.pinning) != 0
}

// disqualify rules out a package, and notes the reason for errors.
func (s *solver) disqualify(id int32, why ruledBy, w want, by int32) {
	p, q := &s.packages[id], &s.catalog.packages[id]
	if p.selectable {
		p.why, p.whyWant, p.whyBy = why, w, by
	}
	p.selectable = false
	s.recheckAfter(q.name)
	for _, o := range s.offersOf(q) {
		s.recheckAfter(o.name)
	}
	s.recheckTriggersAfter(q.name)
	for _, o := range s.offersOf(q) {
		s.recheckTriggersAfter(o.name)
	}
}

// recheckAfter and recheckTriggersAfter recheck once in a batch. The solver looks at the marks only after the batch,
// and a name that many packages depend on may have many providers.
func (s *solver) recheckAfter(name int32) {
	if s.dependentsBatch[name] != s.batch {
		s.dependentsBatch[name] = s.batch
		s.recheckDependents(name)
	}
}

func (s *solver) recheckTriggersAfter(name int32) {
	if s.triggeredBatch[name] != s.batch {
		s.triggeredBatch[name] = s.batch
		s.recheckTriggers(name)
	}
}

func (s *solver) recheckDependents(name int32) {
	dependents := s.dependentsOf(name)
	if s.spend(len(dependents)) {
		return
	}
	for _, d := range dependents {
		if s.placed[d] != 0 {
			s.names[d].recheckDepends = true
			s.markDirty(d)
		}
	}
}

func (s *solver) recheckTriggers(name int32) {
	triggered := s.triggeredBy(name)
	if s.spend(len(triggered)) {
		return
	}
	for _, d := range triggered {
		if n := &s.names[d]; s.placed[d] != 0 && !n.untriggerable {
			n.recheckTrigger = true
			s.markDirty(d)
		}
	}
}

func (s *solver) recheckTriggersOf(id int32) {
	q := &s.catalog.packages[id]
	s.recheckTriggers(q.name)
	for _, o := range s.offersOf(q) {
		s.recheckTriggers(o.name)
	}
}

// satisfiable reports whether a dependency of a package can still be satisfied.
func (s *solver) satisfiable(self int32, w want) bool {
	n := &s.names[w.name]
	switch {
	case n.locked:
		return s.provides(self, w, n.chosen)
	case n.requirers == 0 && w.conflict:
		return true
	}
	return slices.ContainsFunc(s.providers.of(w.name), func(p provider) bool {
		return s.spend(1) || s.packages[p.pkg].selectable && s.provides(self, w, p)
	})
}

func (s *solver) markDirty(name int32) {
	n := &s.names[name]
	if n.dirty || n.locked || n.requirers == 0 && !n.recheckTrigger {
		return
	}
	n.dirty = true
	s.dirty = append(s.dirty, name)
}

func (s *solver) nextDirty() (int32, bool) {
	for len(s.dirty) > 0 {
		name := s.dirty[0]
		s.dirty = s.dirty[1:]
		if s.names[name].dirty { // false if it was locked meanwhile
			s.names[name].dirty = false
			return name, true
		}
	}
	return none, false
}
