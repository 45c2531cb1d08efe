package push

import (
	"context"
	"sync"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// known is what a repository is known to have. Safe for concurrent use.
type known struct {
	mu      sync.Mutex
	digests map[v1.Hash]origin
	busy    map[v1.Hash]chan struct{} // closed when the goroutine that asks for the blob or sends it is done
}

// An origin says how a blob or a manifest came to be known.
type origin int

const (
	unasked   origin = iota
	pushed           // Push found it or sent it
	inAnother        // another image of the repository has it
	offered          // it was offered, and was there or was sent: it is counted already
)

func (k *known) of(digest v1.Hash) origin {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.digests[digest]
}

func (k *known) add(digest v1.Hash, how origin) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.digests == nil {
		k.digests = map[v1.Hash]origin{}
	}
	k.digests[digest] = max(k.digests[digest], how)
}

// forget drops everything. It reports whether there was anything that Push did not ask for itself.
func (k *known) forget() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	any := false
	for _, how := range k.digests {
		any = any || how > pushed
	}
	clear(k.digests)
	return any
}

// enter waits until no other goroutine asks for the blob or sends it. leave lets the next one in.
func (k *known) enter(ctx context.Context, digest v1.Hash) (leave func(), err error) {
	for {
		k.mu.Lock()
		other, taken := k.busy[digest]
		if !taken {
			defer k.mu.Unlock()
			if k.busy == nil {
				k.busy = map[v1.Hash]chan struct{}{}
			}
			done := make(chan struct{})
			k.busy[digest] = done
			return func() { k.leave(digest, done) }, nil
		}
		k.mu.Unlock()
		select {
		case <-other:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

func (k *known) leave(digest v1.Hash, done chan struct{}) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.busy, digest)
	close(done)
}
