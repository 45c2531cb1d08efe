package layers

import "sync"

// relied notes which blobs the user of a store may still open, so that they must not be released.
type relied struct {
	mu   sync.Mutex
	open map[string]bool // the user asked for them
	pins map[string]int  // RewriteSource calls that read them now
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

// unpin calls release if nobody relies on the blob any more. Nobody can begin to rely on it meanwhile.
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
