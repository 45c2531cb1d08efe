package solve

import "github.com/pyimg/pyimg/apk"

// choice returns the provider that was chosen for a name, or nobody.
func (s *solver) choice(name int32) provider {
	if n := &s.names[name]; n.locked {
		return n.chosen
	}
	return nobody()
}

// order lists the chosen packages as apk installs them: depth first over the world, each
// package after its dependencies and before what install_if then brings in.
func (s *solver) order(world []want) []int32 {
	var out []int32
	for _, w := range world {
		s.orderWant(&out, none, w)
	}
	return out
}

func (s *solver) orderWant(out *[]int32, by int32, w want) {
	chosen := s.choice(w.name)
	if by != none && !s.provides(by, w, chosen) {
		s.fail(by)
	}
	s.orderName(out, w.name)
	if by != none && chosen.pkg != none && s.packages[chosen.pkg].failed {
		s.fail(by)
	}
}

func (s *solver) orderName(out *[]int32, name int32) {
	if s.names[name].ordered {
		return
	}
	s.names[name].ordered = true
	id := s.choice(name).pkg
	if id == none || s.packages[id].ordered {
		return
	}
	q := &s.catalog.packages[id]
	s.packages[id].ordered = true
	s.names[q.name].ordered = true
	for _, o := range s.offersOf(q) {
		s.names[o.name].ordered = true
	}
	for _, w := range s.dependsOf(q) {
		s.orderWant(out, id, w)
	}
	*out = append(*out, id)
	s.orderTriggered(out, q.name)
	for _, o := range s.offersOf(q) {
		s.orderTriggered(out, o.name)
	}
}

// orderTriggered adds the packages that have the name in install_if, if all other conditions of the rule are in the
// order already.
func (s *solver) orderTriggered(out *[]int32, name int32) {
	for _, d := range s.triggeredBy(name) {
		id := s.choice(d).pkg
		if id != none && !s.names[d].ordered && s.triggerOrdered(id) {
			s.orderName(out, d)
		}
	}
}

func (s *solver) triggerOrdered(id int32) bool {
	for _, w := range s.installIfOf(&s.catalog.packages[id]) {
		mayBeAbsent := w.conflict && s.dialect == apk.Dialect3
		if !mayBeAbsent && !s.names[w.name].ordered || !s.provides(id, w, s.choice(w.name)) {
			return false
		}
	}
	return true
}
