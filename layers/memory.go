package layers

import (
	"archive/tar"
	"container/list"
	"sync"
	"unsafe"
)

// A memory holds facts that were read, so that a build, which asks for the same ones at each of its stages, reads and
// decodes them once. It is bounded by bytes: what was not asked for longest is let go, and read again where it is asked
// for.
type memory struct {
	mu    sync.Mutex
	byKey map[string]*list.Element // of *remembered, by digest
	order list.List                // the last used in front
	bytes int
}

// remembered are the facts of one blob, their entries decoded when they are first asked for.
type remembered struct {
	facts
	bytes  int
	decode sync.Once
	list   []Entry
	err    error
}

// entryBytes is about what a decoded entry takes beside its text.
const entryBytes = int(unsafe.Sizeof(Entry{}) + unsafe.Sizeof(tar.Header{}))

// get returns the facts remembered of a blob, or nil.
func (m *memory) get(digest string) *remembered {
	m.mu.Lock()
	defer m.mu.Unlock()
	at := m.byKey[digest]
	if at == nil {
		return nil
	}
	m.order.MoveToFront(at)
	return at.Value.(*remembered)
}

// put remembers facts, if they are not too many, and returns them.
func (m *memory) put(f facts) *remembered {
	r := &remembered{facts: f, bytes: len(f.entries) + f.count*entryBytes}
	m.mu.Lock()
	defer m.mu.Unlock()
	if at := m.byKey[f.Digest]; at != nil {
		return at.Value.(*remembered) // another goroutine was faster
	}
	if r.bytes > maxMemory {
		return r
	}
	if m.byKey == nil {
		m.byKey = map[string]*list.Element{}
	}
	m.byKey[f.Digest] = m.order.PushFront(r)
	for m.bytes += r.bytes; m.bytes > maxMemory; {
		m.drop(m.order.Back())
	}
	return r
}

func (m *memory) forget(digest string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if at := m.byKey[digest]; at != nil {
		m.drop(at)
	}
}

// drop is for who holds the lock.
func (m *memory) drop(at *list.Element) {
	r := m.order.Remove(at).(*remembered)
	delete(m.byKey, r.Digest)
	m.bytes -= r.bytes
}

// each yields the entries in the order of the archive: from a list that is made once, unless that were too long.
func (r *remembered) each(yield func(Entry, error) bool) {
	if r.bytes > maxMemory {
		r.all()(yield)
		return
	}
	r.decode.Do(func() { r.list, r.err = r.decoded() })
	for _, e := range r.list {
		if !yield(e, nil) {
			return
		}
	}
	if r.err != nil {
		yield(Entry{}, r.err)
	}
}
