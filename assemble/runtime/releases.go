package runtime

import "sync"

// Releases remembers which release is the newest, so that all platforms of a build use the same one. A nil *Releases remembers
// nothing.
type Releases struct {
	mu     sync.Mutex
	newest map[string]string // tag by mirror
}

// tag returns the newest release at a mirror. It calls find if it does not know the release.
func (r *Releases) tag(mirror string, find func() (string, error)) (string, error) {
	if r == nil {
		return find()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if tag := r.newest[mirror]; tag != "" {
		return tag, nil
	}
	tag, err := find()
	if err == nil {
		if r.newest == nil {
			r.newest = make(map[string]string)
		}
		r.newest[mirror] = tag
	}
	return tag, err
}
