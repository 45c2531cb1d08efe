package layers

import (
	"archive/tar"
	"container/list"
	"sync"
	"unsafe"
)

// A memory holds facts that were read, so that a build, which needs the same facts at each stage, reads and decodes
// them once. It is bounded by bytes: it drops the facts that were unused for longest. The store reads them again when
// it needs them.
type memory struct {
	mu    sync.Mutex
	byKey map[string]*list.Element // of *remembered, by digest
	order list.List                // the last used in front
	bytes int
}

// remembered are the facts of one blob. Their entries are decoded at the first use, or at each use if there are so many
// that only their encoded form is remembered.
type remembered struct {
	facts
	bytes  int
	long   bool
	decode sync.Once
	list   []Entry
	err    error
}

// entryBytes is about what a decoded entry takes, its text not counted.
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

// put remembers facts and returns them. It does not remember what is too large even in its encoded form.
func (m *memory) put(f facts) *remembered {
	r := &remembered{facts: f, bytes: len(f.entries) + f.count*entryBytes}
	m.mu.Lock()
	defer m.mu.Unlock()
	if at := m.byKey[f.Digest]; at != nil {
		return at.Value.(*remembered) // another goroutine was faster
	}
	if r.bytes > maxMemory {
		r.bytes, r.long = len(f.entries), true
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

// drop removes one element. The caller holds the lock.
func (m *memory) drop(at *list.Element) {
	r := m.order.Remove(at).(*remembered)
	delete(m.byKey, r.Digest)
	m.bytes -= r.bytes
}

// each yields the entries in the order of the archive. It decodes them once into a list, unless that list would be too
// long.
func (r *remembered) each(yield func(Entry, error) bool) {
	if r.long {
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
