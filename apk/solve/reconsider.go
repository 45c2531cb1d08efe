package solve

import (
	"slices"

	"github.com/pyimg/pyimg/apk"
)

// reconsider looks at a name's providers again after a change: which are still possible, whether an install_if holds,
// and what all remaining ones have in common. That already holds before one of them is chosen.
func (s *solver) reconsider(name int32) {
	n := &s.names[name]
	r := reconsideration{solver: s, name: name, depends: n.recheckDepends, trigger: n.recheckTrigger, untriggerable: true, first: none}
	n.recheckDepends, n.recheckTrigger = false, false
	for _, p := range s.providers.of(name) {
		if s.spend(1) {
			return
		}
		r.provider(p)
	}
	n.hasOptions = r.options > 1 || r.tagNotOK
	n.triggered, n.untriggerable = r.triggered, r.untriggerable
	again := r.unasked != n.hasUnasked
	n.hasUnasked = r.unasked
	if r.first != none {
		r.propagate()
	}
	n.settledAbove = !slices.ContainsFunc(s.dependentsOf(name), func(d int32) bool {
		return s.spend(1) || s.placed[d] != 0 && !s.names[d].locked
	})
	s.enqueue(name, again)
}

// reconsideration is one pass over the providers of a name.
type reconsideration struct {
	*solver
	name          int32
	depends       bool // check dependencies again
	trigger       bool // check install_if again
	first         int32
	options       int32
	tagNotOK      bool
	triggered     bool
	untriggerable bool
	unasked       bool
	among         map[int32]bool // see isProvider
}

func (r *reconsideration) provider(p provider) {
	state, q := &r.packages[p.pkg], &r.catalog.packages[p.pkg]
	state.merged = false
	if r.depends && state.selectable {
		for _, w := range r.dependsOf(q) {
			if !r.satisfiable(p.pkg, w) {
				r.batch++
				r.disqualify(p.pkg, ruledByDepends, w, none)
				break
			}
		}
	}
	if !state.selectable {
		return
	}
	if r.trigger {
		r.checkTrigger(p.pkg)
	}
	r.triggered = r.triggered || state.triggered
	r.untriggerable = r.untriggerable && state.untrigger
	r.unasked = r.unasked || state.triggered
	if r.names[r.name].requirers == 0 {
		return
	}
	r.merge(p)
	r.unasked = r.unasked || r.choosableUnasked(p)
}

// checkTrigger finds out whether a package's install_if holds, cannot hold, or is undecided.
func (r *reconsideration) checkTrigger(id int32) {
	state, q := &r.packages[id], &r.catalog.packages[id]
	if !state.triggered && !state.untrigger {
		state.triggered = true
		for _, w := range r.installIfOf(q) {
			n := &r.names[w.name]
			if !n.locked {
				if w.conflict && r.dialect == apk.Dialect3 { // apk-tools 2 does not decide the name here
					n.triggerNeeded = true
					r.enqueue(w.name, false)
				}
				state.triggered = false
				break
			}
			if !r.provides(id, w, n.chosen) {
				state.triggered, state.untrigger = false, true
				break
			}
		}
	}
	if state.triggered {
		for _, w := range r.installIfOf(q) {
			r.inherit(id, r.names[w.name].chosen.pkg)
		}
	}
}

// merge counts what this candidate has in common with all before it.
func (r *reconsideration) merge(p provider) {
	state, q := &r.packages[p.pkg], &r.catalog.packages[p.pkg]
	r.spend(len(r.dependsOf(q)) + len(r.offersOf(q)))
	state.merged = true
	if r.first == none {
		r.first = p.pkg
	}
	for _, w := range r.dependsOf(q) {
		if n := &r.names[w.name]; !w.conflict && n.mergeDepends == r.options {
			n.mergeDepends = r.options + 1
		}
	}
	r.mergeProvided(q.name, p.virtual())
	for _, o := range r.offersOf(q) {
		r.mergeProvided(o.name, o.version == 0)
	}
	r.tagNotOK = r.tagNotOK || !state.tagOK
	r.options++
}

func (r *reconsideration) mergeProvided(name int32, virtual bool) {
	if n := &r.names[name]; n.mergeProvides == r.options {
		n.mergeProvides = r.options + 1
		n.virtualProvide = n.virtualProvide || virtual
	}
}

// propagate applies what all candidates have in common.
func (r *reconsideration) propagate() {
	for _, p := range r.providers.of(r.name) {
		r.packages[p.pkg].used = r.packages[p.pkg].merged
	}
	q := &r.catalog.packages[r.first]
	for _, w := range r.dependsOf(q) {
		n := &r.names[w.name]
		common := n.mergeDepends == r.options
		n.mergeDepends = 0
		switch {
		case !common:
		case r.options == 1:
			r.apply(r.first, w)
		case n.requirers == 0:
			r.requireName(w.name)
		}
	}
	r.excludeOthers(q.name)
	for _, o := range r.offersOf(q) {
		r.excludeOthers(o.name)
	}
	r.names[q.name].virtualProvide = false
	for _, o := range r.offersOf(q) {
		r.names[o.name].virtualProvide = false
	}
}

// requireName requires a name that all candidates depend on, in any version.
func (r *reconsideration) requireName(name int32) {
	r.names[name].requirers++
	r.requirersChanged(name)
	for _, p := range r.providers.of(name) {
		r.inherit(p.pkg, r.first)
	}
}

// excludeOthers rules out other providers of a name that all candidates provide: each candidate would take the name. If
// the candidates provide it without a version, only packages that provide no name without a version are ruled out.
func (r *reconsideration) excludeOthers(name int32) {
	n := &r.names[name]
	common := n.mergeProvides == r.options
	n.mergeProvides = 0
	if !common || name == r.name || n.virtualProvide && !r.versioned[name] {
		return
	}
	r.batch++
	for _, p := range r.providers.of(name) {
		if r.spend(1) {
			return
		}
		q := &r.catalog.packages[p.pkg]
		if q.name == r.name || !r.packages[p.pkg].selectable || n.virtualProvide && (p.virtual() || q.virtual) || r.isProvider(p.pkg) {
			continue
		}
		r.disqualify(p.pkg, ruledByExclusive, want{name: name}, r.first)
	}
}

// isProvider reports whether a package provides the name.
func (r *reconsideration) isProvider(id int32) bool {
	if r.among == nil {
		r.among = make(map[int32]bool)
		for _, p := range r.providers.of(r.name) {
			r.among[p.pkg] = true
		}
	}
	return r.among[id]
}

// choosableUnasked reports whether a provider may be chosen for a name although world does not name it. It may not if
// it provides the name without a version and has no provider_priority.
func (s *solver) choosableUnasked(p provider) bool {
	q := &s.catalog.packages[p.pkg]
	return !p.virtual() || q.priority != 0 || s.names[q.name].requirers > 0
}
