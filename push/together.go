package push

import (
	"context"
	"slices"
	"sync"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/pyimg/pyimg/push/remote"
)

// Together returns the Registry for several pushes of one run. They may run at the same time. They greet each registry once, keep to
// one limit of uploads, and send each blob once to each registry: its other repositories mount it from there.
func (r Registry) Together() (Registry, error) {
	connection, err := r.Connect()
	if err != nil {
		return Registry{}, err
	}
	r.together = &together{connection: connection, limits: newLimits(r.Jobs), blobs: map[held]*holding{}}
	return r, nil
}

// together is what several pushes of one run share.
type together struct {
	connection *remote.Connection
	limits     limits

	mu    sync.Mutex
	blobs map[held]*holding
}

// held is a blob in a registry.
type held struct {
	registry string
	digest   v1.Hash
}

// A holding is a repository that has a blob, once done is closed.
type holding struct {
	done chan struct{}
	repo name.Repository
	sent bool // otherwise the push that was to send the blob failed
}

// connect returns the connection of one push or read.
func (r Registry) connect() (*remote.Connection, error) {
	if r.together != nil {
		return r.together.connection.Another(), nil
	}
	return r.Connect()
}

// holder returns the repository of repo's registry that has a blob by an earlier push. Where there is none, the caller must send the
// blob and then call sent, which says whether the registry has it now; other pushes wait until then.
func (g *together) holder(ctx context.Context, repo name.Repository, digest v1.Hash) (from name.Repository, found bool, sent func(ok bool), err error) {
	key := held{repo.RegistryStr(), digest}
	for {
		g.mu.Lock()
		h := g.blobs[key]
		if h == nil {
			h = &holding{done: make(chan struct{}), repo: repo}
			g.blobs[key] = h
			g.mu.Unlock()
			return name.Repository{}, false, func(ok bool) { g.end(key, h, ok) }, nil
		}
		g.mu.Unlock()
		select {
		case <-h.done:
		case <-ctx.Done():
			return name.Repository{}, false, nil, context.Cause(ctx)
		}
		if h.sent {
			return h.repo, true, nil, nil
		}
	}
}

// end ends the sending of a blob. After a failure another push may send it.
func (g *together) end(key held, h *holding, ok bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if h.sent = ok; !ok {
		delete(g.blobs, key)
	}
	close(h.done)
}

// lost forgets what repositories were noted to have, because one of them lacks it.
func (g *together) lost(targets []*target) {
	if g == nil {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	for key, h := range g.blobs {
		if h.sent && slices.ContainsFunc(targets, func(t *target) bool { return t.repo.Name() == h.repo.Name() }) {
			delete(g.blobs, key)
		}
	}
}

// has notes that a repository has a blob.
func (g *together) has(repo name.Repository, digest v1.Hash) {
	g.mu.Lock()
	defer g.mu.Unlock()
	key := held{repo.RegistryStr(), digest}
	if g.blobs[key] == nil {
		h := &holding{done: make(chan struct{}), repo: repo, sent: true}
		close(h.done)
		g.blobs[key] = h
	}
}

// mounting returns the target's repository with a login that may also read the repository from. Logins ask a token server for
// their own token, so a target has one for each such repository.
func (t *target) mounting(ctx context.Context, from name.Repository) (*remote.Repository, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if r := t.mounts[from.Name()]; r != nil {
		return r, nil
	}
	r, err := t.connection.Open(ctx, t.repo, "push,pull", []name.Repository{from})
	if err != nil {
		return nil, err
	}
	if t.mounts == nil {
		t.mounts = map[string]*remote.Repository{}
	}
	t.mounts[from.Name()] = r
	return r, nil
}

// openOne opens a repository for a single operation.
func (r Registry) openOne(ctx context.Context, repo name.Repository, actions string) (*remote.Repository, error) {
	way, err := r.connect()
	if err != nil {
		return nil, err
	}
	return way.Open(ctx, repo, actions, nil)
}
