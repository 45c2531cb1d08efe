package solve

import (
	"cmp"
	"slices"
)

// queueID names the queue in which a name waits for its decision.
type queueID uint8

const (
	queueNone queueID = iota
	queueNow
	queueSelectable
	queueUnresolved
)

// enqueue puts a name into its queue. A name that is in a queue already moves only if it may be decided now. With again
// set, it also moves if it has become selectable or is no longer so.
func (s *solver) enqueue(name int32, again bool) {
	n := &s.names[name]
	now := n.settledAbove && n.requirers > 0 && n.hasUnasked && !n.hasOptions
	switch {
	case n.locked, n.queue == queueNow:
		return
	case n.queue == queueNone && n.requirers == 0 && !n.triggered && !n.triggerNeeded:
		return
	case n.queue != queueNone && !now && !again:
		return
	}
	s.dequeue(name)
	switch {
	case now:
		n.queue = queueNow
		s.resolveNow = append(s.resolveNow, name)
	case n.hasUnasked:
		n.queue = queueSelectable
		s.selectable.add(s.placed, name)
	default:
		n.queue = queueUnresolved
		s.unresolved.add(s.placed, name)
	}
}

func (s *solver) dequeue(name int32) {
	n := &s.names[name]
	switch n.queue {
	case queueNow:
		s.resolveNow = slices.DeleteFunc(s.resolveNow, func(o int32) bool { return o == name })
	case queueSelectable:
		s.selectable.remove(s.placed, name)
	case queueUnresolved:
		s.unresolved.remove(s.placed, name)
	}
	n.queue = queueNone
}

// nextName returns the name to decide next, or none at the end.
func (s *solver) nextName() int32 {
	var name int32
	switch {
	case len(s.resolveNow) > 0:
		name = s.resolveNow[0]
	case len(s.selectable) > 0:
		name = s.selectable[0]
	case len(s.unresolved) > 0:
		name = s.unresolved[0]
	default:
		return none
	}
	s.dequeue(name)
	return name
}

// nameQueue has names by their places, the last place first. No two names have the same place. apk compares places as
// signed numbers, so names that world does not have, whose highest bit is set, come after all others.
type nameQueue []int32

func (q nameQueue) search(placed []uint32, name int32) (int, bool) {
	return slices.BinarySearchFunc(q, placed[name], func(o int32, place uint32) int {
		return cmp.Compare(int32(place), int32(placed[o]))
	})
}

func (q *nameQueue) add(placed []uint32, name int32) {
	i, _ := q.search(placed, name)
	*q = slices.Insert(*q, i, name)
}

func (q *nameQueue) remove(placed []uint32, name int32) {
	if i, ok := q.search(placed, name); ok {
		*q = slices.Delete(*q, i, i+1)
	}
}
