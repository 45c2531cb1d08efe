package solve

import "github.com/pyimg/pyimg/apk"

// A change is one step from what the root has to what was chosen. Both packages are the same where nothing changes.
type change struct{ old, new int32 }

// A changer lists the changes as apk makes them: first what nothing needs any more, then depth first over the world, each
// package after its dependencies and before what install_if then brings in, and last what else is installed. On an empty root
// that is the order of installation. The rules are those of generate_changeset in apk-tools 3, src/solver.c.
type changer struct {
	*solver
	owner    []int32 // by name: the installed package of that name, or none
	provided []int32 // by name: the name of the installed package that provides it with a version, or none
	needed   []int32 // by name of an installed package: how many installed packages need it
	byName   map[int32][]int32
	out      []change
}

// choice returns the provider that was chosen for a name, or nobody.
func (s *solver) choice(name int32) provider {
	if n := &s.names[name]; n.locked {
		return n.chosen
	}
	return nobody()
}

// changes lists all changes, and packages that stay as they are.
func (s *solver) changes(world []want) []change {
	c := &changer{solver: s}
	c.countNeeds()
	for _, id := range s.installed {
		if name := s.catalog.packages[id].name; c.neededBy(name) == 0 && s.choice(name).pkg == none {
			c.remove(id)
		}
	}
	for _, w := range world {
		c.changeWant(none, w)
	}
	for _, id := range s.installed {
		c.changeName(s.catalog.packages[id].name)
	}
	return c.out
}

// countNeeds finds out which installed package needs which.
func (c *changer) countNeeds() {
	if len(c.installed) == 0 {
		return
	}
	c.owner, c.provided, c.needed = make([]int32, len(c.names)), make([]int32, len(c.names)), make([]int32, len(c.names))
	for i := range c.names {
		c.owner[i], c.provided[i] = none, none
	}
	c.byName = make(map[int32][]int32)
	for _, id := range c.installed {
		q := &c.catalog.packages[id]
		c.owner[q.name], c.provided[q.name] = id, q.name
		for _, o := range c.offersOf(q) {
			if o.version != 0 {
				c.provided[o.name] = q.name
			}
		}
		for _, w := range c.dependsOf(q) {
			c.byName[w.name] = append(c.byName[w.name], id)
		}
	}
	for _, id := range c.installed {
		c.addNeeds(id)
	}
}

func (c *changer) installedOf(name int32) int32 {
	if c.owner == nil {
		return none
	}
	return c.owner[name]
}

func (c *changer) neededBy(name int32) int32 { return c.needed[name] }

func (c *changer) addNeeds(id int32) {
	if c.owner == nil {
		return
	}
	for _, w := range c.dependsOf(&c.catalog.packages[id]) {
		if at := c.provided[w.name]; !w.conflict && at != none {
			c.needed[at]++
		}
	}
}

// dropNeeds removes what only this package needed.
func (c *changer) dropNeeds(id int32) {
	for _, w := range c.dependsOf(&c.catalog.packages[id]) {
		at := c.provided[w.name]
		if w.conflict || at == none {
			continue
		}
		if c.needed[at]--; c.needed[at] > 0 {
			continue
		}
		if was := c.owner[w.name]; was != none {
			c.remove(was)
		}
	}
}

// changeWant lists the changes that a dependency asks for, of a chosen package or of the world.
func (c *changer) changeWant(by int32, w want) {
	chosen := c.choice(w.name)
	if by != none && !c.provides(by, w, chosen) {
		c.fail(by)
	}
	c.changeName(w.name)
	if by != none && chosen.pkg != none && c.packages[chosen.pkg].failed {
		c.fail(by)
	}
}

func (c *changer) changeName(name int32) {
	if c.names[name].changed {
		return
	}
	c.vacate(name)
	id := c.choice(name).pkg
	if id == none || c.packages[id].changed {
		return
	}
	q := &c.catalog.packages[id]
	c.packages[id].changed = true
	c.vacate(q.name)
	for _, o := range c.offersOf(q) {
		c.vacate(o.name)
	}
	old := c.installedOf(q.name)
	if old != none {
		c.eachTriggered(old, c.removeUntriggered)
	}
	for _, w := range c.dependsOf(q) {
		c.changeWant(id, w)
	}
	c.out = append(c.out, change{old, id})
	c.eachTriggered(id, c.changeTriggered)
	c.addNeeds(id)
	if old != none {
		c.dropNeeds(old)
	}
}

// vacate removes the packages that had a name, if they go.
func (c *changer) vacate(name int32) {
	n := &c.names[name]
	if n.changed {
		return
	}
	n.changed = true
	if len(c.installed) == 0 {
		return
	}
	chosen := c.choice(name).pkg
	if was := c.owner[name]; was != none && (chosen == none || c.catalog.packages[chosen].name != name) {
		c.remove(was)
	}
	for _, p := range c.providers.of(name) {
		if at := c.catalog.packages[p.pkg].name; c.owner[at] == p.pkg && c.choice(at).pkg == none {
			c.remove(p.pkg)
		}
	}
}

// remove lists the removal of an installed package, after that of the packages that need it.
func (c *changer) remove(id int32) {
	name := c.catalog.packages[id].name
	if chosen := c.choice(name).pkg; c.packages[id].changed || chosen != none && c.catalog.packages[chosen].name == name {
		return
	}
	c.names[name].removed = true
	c.packages[id].changed = true
	c.removeDependents(id, name)
	for _, o := range c.offersOf(&c.catalog.packages[id]) {
		c.removeDependents(id, o.name)
	}
	c.eachTriggered(id, c.removeUntriggered)
	c.out = append(c.out, change{id, none})
	c.dropNeeds(id)
}

// removeDependents removes the installed packages that depend on one of the names of a package, and that it satisfies.
func (c *changer) removeDependents(id, name int32) {
	for _, d := range c.namesOf(c.byName[name]) {
		for _, p := range c.providers.of(d) {
			if c.spend(1) {
				return
			}
			if !c.catalog.packages[p.pkg].isThere {
				continue
			}
			for _, w := range c.dependsOf(&c.catalog.packages[p.pkg]) {
				if c.spend(1) {
					return
				}
				if c.satisfiedBy(p.pkg, w, id) {
					c.remove(p.pkg)
				}
			}
		}
	}
}

// satisfiedBy reports whether a package bears a name that a dependency asks for, and satisfies it.
func (c *changer) satisfiedBy(self int32, w want, by int32) bool {
	q := &c.catalog.packages[by]
	if w.name == q.name {
		return c.provides(self, w, provider{by, q.version})
	}
	for _, o := range c.offersOf(q) {
		if o.name == w.name {
			return c.provides(self, w, provider{by, o.version})
		}
	}
	return false
}

// eachTriggered calls f with each name whose packages have a name of the package in install_if.
func (c *changer) eachTriggered(id int32, f func(name int32)) {
	q := &c.catalog.packages[id]
	for _, d := range c.triggeredBy(q.name) {
		f(d)
	}
	for _, o := range c.offersOf(q) {
		for _, d := range c.triggeredBy(o.name) {
			f(d)
		}
	}
}

// changeTriggered lists the package that was chosen for a name, if its install_if brings it and all that it names is listed.
func (c *changer) changeTriggered(name int32) {
	id := c.choice(name).pkg
	if id == none || c.names[name].changed {
		return
	}
	for _, w := range c.installIfOf(&c.catalog.packages[id]) {
		mayBeAbsent := w.conflict && c.dialect == apk.Dialect3
		if !mayBeAbsent && !c.names[w.name].changed || !c.provides(id, w, c.choice(w.name)) {
			return
		}
	}
	c.changeName(name)
}

// removeUntriggered removes an installed package whose install_if does not hold any more, if nothing needs it.
func (c *changer) removeUntriggered(name int32) {
	id := c.installedOf(name)
	if id == none || c.choice(name).pkg != none || c.names[name].changed || c.names[name].removed {
		return
	}
	for _, w := range c.installIfOf(&c.catalog.packages[id]) {
		if c.names[w.name].removed && c.choice(w.name).pkg == none {
			if c.needed[name] == 0 {
				c.remove(id)
			}
			return
		}
	}
}
