package solve

// A proof tries to show that no choice of packages satisfies a world. It works out what the world forces and what that
// rules out, until it finds a contradiction or nothing new. It ignores tags and triggers, which could only rule out
// more. If it finds no contradiction, there may still be no solution.
type proof struct {
	*catalog
	state     []fate             // by package
	clauses   []clause           // of the world, and of the packages that it may bring
	byOwner   map[int32][]int32  // by package: its clauses
	watching  map[int32][]int32  // by package: clauses that count on it
	owners    map[int32]provider // by name: a forced package that provides it
	asked     map[int32]bool     // names of the world
	conflicts map[int32][]clause // by name: of all packages
	steps     int
	failed    bool // the contradiction was found

	forced, dead, unchecked []int32 // to be worked through: packages, packages, clauses
}

// fate is what a proof knows of a package.
type fate uint8

const (
	fateUnseen fate = iota
	fateOpen
	fateForced
	fateDead
)

// clause is a want that is not a conflict. It has an owner, or none for the world.
type clause struct {
	owner int32
	want  want
	at    [2]int // where in the list of its name's providers the first two are that may satisfy it
}

// maxProofSteps bounds a proof by the size of what it looks at: a step is one look at one provider.
const maxProofSteps = 32

// impossible reports whether a proof shows that nothing satisfies the world.
func (c *catalog) impossible(w worldWants) bool {
	p := &proof{
		catalog: c, state: make([]fate, len(c.packages)), byOwner: make(map[int32][]int32), watching: make(map[int32][]int32),
		owners: make(map[int32]provider), asked: make(map[int32]bool), conflicts: make(map[int32][]clause),
	}
	for id := range c.packages {
		for _, w := range c.dependsOf(&c.packages[id]) {
			if w.conflict {
				p.conflicts[w.name] = append(p.conflicts[w.name], clause{owner: int32(id), want: w})
			}
		}
	}
	for _, want := range w.wants {
		p.asked[want.name] = p.asked[want.name] || !want.conflict
	}
	for _, want := range w.wants {
		p.require(none, want)
	}
	limit := maxProofSteps * (len(c.packages) + len(c.wants) + len(c.offers) + len(w.wants) + 1)
	for !p.failed && p.steps < limit && p.step() {
	}
	return p.failed
}

// step works through one new fact. It reports whether there was one.
func (p *proof) step() bool {
	pop := func(list *[]int32) int32 {
		id := (*list)[0]
		*list = (*list)[1:]
		return id
	}
	p.steps++
	switch {
	case len(p.dead) > 0:
		p.buried(pop(&p.dead))
	case len(p.forced) > 0:
		p.follow(pop(&p.forced))
	case len(p.unchecked) > 0:
		p.check(pop(&p.unchecked))
	default:
		return false
	}
	return true
}

// require adds one want of a forced package or of the world.
func (p *proof) require(owner int32, w want) {
	if !w.conflict {
		p.addClause(owner, w)
		return
	}
	for _, by := range p.providers.of(w.name) {
		p.steps++
		if !p.provides(owner, w, by) {
			p.kill(by.pkg)
		}
	}
}

// addClause adds a clause, which is checked later, since a chain of packages may be long.
func (p *proof) addClause(owner int32, w want) {
	id := int32(len(p.clauses))
	p.clauses = append(p.clauses, clause{owner: owner, want: w, at: [2]int{-1, -1}})
	p.unchecked = append(p.unchecked, id)
	if owner != none {
		p.byOwner[owner] = append(p.byOwner[owner], id)
	}
}

// see adds the clauses of a package that may be installed.
func (p *proof) see(id int32) {
	if p.state[id] != fateUnseen {
		return
	}
	p.state[id] = fateOpen
	q := &p.packages[id]
	if q.refused || p.clashesWithItself(q) {
		p.kill(id)
		return
	}
	for _, w := range p.dependsOf(q) {
		if !w.conflict {
			p.addClause(id, w)
		}
	}
}

// clashesWithItself reports whether a package provides one name twice and not both times without a version.
func (p *proof) clashesWithItself(q *catalogPackage) bool {
	own := map[int32]versionID{q.name: q.version}
	for _, o := range p.offersOf(q) {
		if v, again := own[o.name]; again && v|o.version != 0 {
			return true
		}
		own[o.name] = o.version
	}
	return false
}

// check finds the packages that may still satisfy a clause. If there is none, its owner is dead. If there is one, the
// owner forces it.
func (p *proof) check(id int32) {
	c := &p.clauses[id]
	list := p.providers.of(c.want.name)
	satisfies := func(i int) bool {
		by := list[i]
		return p.state[by.pkg] != fateDead && p.provides(none, c.want, by) && p.choosable(by)
	}
	at := 0
	for k, was := range c.at {
		// The dead stay dead, so that no provider is passed twice.
		for at = max(at, was); at < len(list) && !satisfies(at); at++ {
			p.steps++
		}
		p.clauses[id].at[k] = at
		if at < len(list) && at != was {
			p.see(list[at].pkg)
			p.watching[list[at].pkg] = append(p.watching[list[at].pkg], id)
		}
		at++
	}
	c = &p.clauses[id] // see may have moved it
	first, second := c.at[0], c.at[1]
	switch owned := c.owner == none || p.state[c.owner] == fateForced; {
	case first >= len(list) && c.owner == none:
		p.failed = true
	case first >= len(list):
		p.kill(c.owner)
	case second >= len(list) && owned:
		p.force(list[first].pkg)
	}
}

// choosable reports whether apk may choose a provider: see solver.choosableUnasked, or world names it.
func (p *proof) choosable(by provider) bool {
	q := &p.packages[by.pkg]
	return !by.virtual() || q.priority != 0 || p.asked[q.name] || len(p.wantedBy.of(q.name)) > 0 || len(p.triggers.of(q.name)) > 0
}

func (p *proof) kill(id int32) {
	switch p.state[id] {
	case fateDead:
		return
	case fateForced:
		p.failed = true
	}
	p.state[id] = fateDead
	p.dead = append(p.dead, id)
}

func (p *proof) force(id int32) {
	switch p.state[id] {
	case fateForced:
		return
	case fateDead:
		p.failed = true
		return
	case fateUnseen:
		p.see(id)
	}
	if p.state[id] == fateDead {
		p.failed = true
		return
	}
	p.state[id] = fateForced
	p.forced = append(p.forced, id)
}

// buried checks the clauses that a dead package might have satisfied.
func (p *proof) buried(id int32) {
	for _, c := range p.watching[id] {
		p.check(c)
	}
	delete(p.watching, id)
}

// follow works out what a forced package forces and rules out.
func (p *proof) follow(id int32) {
	q := &p.packages[id]
	p.take(id, offer{q.name, q.version})
	for _, o := range p.offersOf(q) {
		p.take(id, o)
	}
	for _, c := range p.byOwner[id] {
		p.check(c)
	}
	for _, w := range p.dependsOf(q) {
		if w.conflict {
			p.require(id, w)
		}
	}
}

// take rules out what cannot be installed together with a forced package that provides a name: other providers of the
// name, and packages that conflict with it.
func (p *proof) take(id int32, o offer) {
	mine := provider{id, o.version}
	if other, taken := p.owners[o.name]; !taken || other.virtual() && !mine.virtual() {
		p.owners[o.name] = mine
		for _, by := range p.providers.of(o.name) {
			p.steps++
			if by.pkg != id && !(by.virtual() && mine.virtual()) {
				p.kill(by.pkg)
			}
		}
	}
	for _, c := range p.conflicts[o.name] {
		p.steps++
		if !p.provides(c.owner, c.want, mine) {
			p.kill(c.owner)
		}
	}
}
