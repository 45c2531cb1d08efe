package early

import (
	"context"
	"sync"
)

const (
	// fewAtOnce is how many large packages are fetched at once while layers are sent. Each more would get a smaller share of
	// a slow link, and so be there later.
	fewAtOnce = 3
	// smallPackage is the size, in bytes, up to which a package takes a network's delay rather than its speed.
	smallPackage = 64 << 10
)

// Slots bound how many packages are fetched at once. Where layers are sent meanwhile, packages must not share a slow link
// so that all are there at the same time, with nothing to send before. So they begin one after the other: one more when
// half of a package is there, up to fewAtOnce, and one more after each that costs the link little.
type Slots struct {
	free chan struct{}
	most int

	mu   sync.Mutex
	open int // slots that are in use or free
}

// NewSlots returns n slots. Where paced is set, only the first one is free at once.
func NewSlots(n int, paced bool) *Slots {
	s := &Slots{free: make(chan struct{}, n), most: n}
	if s.more(1); !paced {
		for range n {
			s.more(n)
		}
	}
	return s
}

// more opens one more slot, up to a number of them.
func (s *Slots) more(most int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open < min(most, s.most) {
		s.open++
		s.free <- struct{}{}
	}
}

// Take waits for a slot.
func (s *Slots) Take(ctx context.Context) error {
	select {
	case <-s.free:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Give gives a slot back. fetched is the size of the package that was fetched; 0 where it was there.
func (s *Slots) Give(fetched int64) {
	s.free <- struct{}{}
	if fetched <= smallPackage {
		s.more(s.most)
	}
}

// A task is a transfer, and progress is what shows transfers: see input.Progress.
type (
	task = interface {
		Add(bytes int64)
		Done(err error)
	}
	progress interface {
		Start(kind, name string, size int64) task
	}
)

// Watch returns a display that shows what next shows, and opens slots as packages come in. next may be nil.
func (s *Slots) Watch(next progress) interface {
	Start(kind, name string, size int64) task
} {
	return watch{s, next}
}

type watch struct {
	slots *Slots
	next  progress
}

func (w watch) Start(kind, name string, size int64) task {
	t := &watched{slots: w.slots, left: size / 2}
	if w.next != nil {
		t.next = w.next.Start(kind, name, size)
	}
	return t
}

type watched struct {
	slots *Slots
	next  task

	mu   sync.Mutex
	left int64 // until half of the package is there
}

func (t *watched) Add(n int64) {
	if t.next != nil {
		t.next.Add(n)
	}
	t.mu.Lock()
	before := t.left
	t.left -= n
	half := before > 0 && t.left <= 0
	t.mu.Unlock()
	if half {
		t.slots.more(fewAtOnce)
	}
}

func (t *watched) Done(err error) {
	if t.next != nil {
		t.next.Done(err)
	}
}
