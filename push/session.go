package push

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"golang.org/x/sync/errgroup"

	"github.com/pyimg/pyimg/push/oci"
	"github.com/pyimg/pyimg/push/remote"
)

// maxAsking bounds the concurrent requests that send no blob. Uploads have a limit of their own.
const maxAsking = 16

// A Session is a push that begins before the image is complete. It logs in, and asks what the references name now, as
// soon as [Registry.Begin] is called. [Session.Offer] sends layers, and [Session.Push] or [Session.Close] ends it.
type Session struct {
	registry   Registry
	options    Options
	refs       []targetRef
	targets    []*target
	connection *remote.Connection
	pusher     *pusher
	close      context.CancelFunc

	offers chan oci.Blob
	failed chan error      // the first error of a registry that got an offered layer
	done   <-chan struct{} // closed when the session has ended

	attachments func() (Attachments, error)
}

// A target is a repository to push to.
type target struct {
	repo    name.Repository
	refs    []targetRef
	sources []name.Repository // repositories to mount from

	ready              chan struct{} // closed when the fields of this group are set
	err                error
	*remote.Repository                   // nil after an error
	tags               map[string]string // the digest that each tag names now, or ""
	outdated           bool              // see isOutdated

	known known
	read  atomic.Bool // known has what an image consists of that a tag names now

	connection *remote.Connection
	mu         sync.Mutex
	mounts     map[string]*remote.Repository // see mounting
}

// Begin checks all references and starts to log in to their registries. It returns at once; Ready, Wait and Push return
// the errors of that. ctx bounds the requests until Push is called, and the sending of layers that were offered.
func (r Registry) Begin(ctx context.Context, refs []string, o Options) (*Session, error) {
	if len(refs) == 0 {
		return nil, errors.New("pushing: no reference given")
	}
	targetRefs, err := r.parseTargets(refs, o)
	if err != nil {
		return nil, err
	}
	s := &Session{registry: r, options: o, refs: targetRefs, pusher: r.newPusher(o.Progress),
		offers: make(chan oci.Blob), failed: make(chan error, 1)}
	if s.connection, err = r.connect(); err != nil {
		return nil, err
	}
	if err := s.group(); err != nil {
		return nil, err
	}
	ctx, s.close = context.WithCancel(ctx)
	s.done = ctx.Done()
	go s.sendOffers(ctx)
	for _, t := range s.targets {
		s.connection.Greet(ctx, t.repo.Registry)
	}
	for _, t := range s.targets {
		go func() {
			t.err = s.prepare(ctx, t)
			close(t.ready)
			if t.err == nil {
				t.KeepToken(ctx)
			}
		}()
	}
	return s, nil
}

// Close ends the session. It may be called at any time; after Push it does nothing.
func (s *Session) Close() { s.close() }

// Ready waits until all registries have answered, and returns the first error. With it a caller can find a wrong password
// before it makes the image. Push waits for the registries, too.
func (s *Session) Ready(ctx context.Context) error {
	for _, t := range s.targets {
		select {
		case <-t.ready:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		if t.err != nil {
			return t.err
		}
	}
	return nil
}

// group makes one target for each repository, in the order of the references.
func (s *Session) group() error {
	byName := map[string]*target{}
	for _, w := range s.refs {
		t := byName[w.repo.Name()]
		if t == nil {
			t = &target{repo: w.repo, ready: make(chan struct{}), tags: map[string]string{}, connection: s.connection}
			byName[w.repo.Name()] = t
			s.targets = append(s.targets, t)
		}
		t.refs = append(t.refs, w)
	}
	for _, from := range s.options.MountFrom {
		repo, err := s.registry.parseRepository(from)
		if err != nil {
			return err
		}
		for _, t := range s.targets {
			if repo.RegistryStr() == t.repo.RegistryStr() && repo.Name() != t.repo.Name() {
				t.sources = append(t.sources, repo)
			}
		}
	}
	for _, t := range s.targets {
		for digest := range s.options.present[t.repo.Name()] {
			t.known.add(digest, inAnother)
		}
	}
	return nil
}

// prepare logs in to a repository and asks what its tags name.
func (s *Session) prepare(ctx context.Context, t *target) (err error) {
	if t.Repository, err = s.connection.Open(ctx, t.repo, "push,pull", s.readable(t)); err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(maxAsking)
	var mu sync.Mutex
	for _, w := range t.refs {
		group.Go(func() error {
			if w.tag == "" { // the digest is not known yet, but the token can be fetched now
				return t.LogIn(ctx)
			}
			digest, err := t.DigestOf(ctx, w.tag)
			mu.Lock()
			defer mu.Unlock()
			t.tags[w.tag] = digest
			return err
		})
	}
	err = group.Wait()
	t.outdated = t.isOutdated()
	return err
}

// readable returns the repositories that a target's token must allow to read: those to mount from, and the targets that
// are served earlier.
func (s *Session) readable(t *target) []name.Repository {
	from := slices.Clone(t.sources)
	for _, other := range s.targets {
		if other == t {
			break // the targets of one registry receive a blob in their order
		}
		if other.repo.RegistryStr() == t.repo.RegistryStr() && !slices.Contains(from, other.repo) {
			from = append(from, other.repo)
		}
	}
	return from
}

// behind waits for the targets and returns those that lack the root, each with the references that must move.
func (s *Session) behind(ctx context.Context, root v1.Hash) ([]*target, error) {
	if err := s.Ready(ctx); err != nil {
		return nil, err
	}
	var out []*target
	for _, t := range s.targets {
		var moving []targetRef
		for _, w := range t.refs {
			now := t.tags[w.tag]
			if w.tag == "" {
				var err error
				if now, err = t.DigestOf(ctx, root.String()); err != nil {
					return nil, err
				}
			}
			if now != root.String() {
				moving = append(moving, w)
			}
		}
		if t.refs = moving; len(moving) > 0 {
			out = append(out, t)
		}
	}
	return out, nil
}

// checkDigests returns an error for each reference whose digest is not the root's.
func (s *Session) checkDigests(root v1.Hash) error {
	var faults []error
	for _, w := range s.refs {
		if w.digest != "" && w.digest != root.String() {
			faults = append(faults, fmt.Errorf("reference %q: the image's digest is %s", w.repo.String()+"@"+w.digest, root))
		}
	}
	return errors.Join(faults...)
}
