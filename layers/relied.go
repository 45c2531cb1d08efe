package layers

import "sync"

// relied says which blobs of a store its user may still open, so that they must not be released.
type relied struct {
	mu   sync.Mutex
	open map[string]bool // asked for
	pins map[string]int  // being rewritten
}

func (r *relied) on(digest string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.open == nil {
		r.open = map[string]bool{}
	}
	r.open[digest] = true
}

func (r *relied) pin(digest string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.pins == nil {
		r.pins = map[string]int{}
	}
	r.pins[digest]++
}

// unpin calls release where nobody relies on the blob any more. Nobody begins to meanwhile.
func (r *relied) unpin(digest string, release func() error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.pins[digest]--
	if r.pins[digest] > 0 || r.open[digest] {
		return nil
	}
	delete(r.pins, digest)
	return release()
}

// holds reports whether the store's user may still open the blob.
func (r *relied) holds(digest string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.open[digest] || r.pins[digest] > 0
}
