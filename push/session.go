package push

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"golang.org/x/sync/errgroup"

	"github.com/pyimg/pyimg/push/remote"
)

// maxAsking is how many small requests go to registries at once. Uploads have a limit of their own.
const maxAsking = 16

// A Session is a push whose image may still be in the making: it logs in, and asks what the references name now, from
// [Registry.Begin] on. [Session.Push] ends it; where that is not called, [Session.Close] does.
type Session struct {
	registry   Registry
	options    Options
	wanted     []wanted
	targets    []*target
	connection *remote.Connection
	close      context.CancelFunc
}

// A target is a repository to push to.
type target struct {
	repo    name.Repository
	wanted  []wanted
	sources []name.Repository // to mount from

	ready              chan struct{} // closed when what follows is set
	err                error
	*remote.Repository                   // nil where err is not
	tags               map[string]string // what each tag names now: a digest, or ""

	known map[v1.Hash]bool // blobs and manifests that are there for sure
}

// Begin checks all references and begins to push to them. It returns at once; Push returns what fails on the way. ctx
// bounds what goes on until then.
func (r Registry) Begin(ctx context.Context, refs []string, o Options) (*Session, error) {
	if len(refs) == 0 {
		return nil, errors.New("pushing: no reference given")
	}
	wanted, err := r.parseTargets(refs, o)
	if err != nil {
		return nil, err
	}
	s := &Session{registry: r, options: o, wanted: wanted}
	if s.connection, err = r.Connect(); err != nil {
		return nil, err
	}
	if err := s.group(); err != nil {
		return nil, err
	}
	ctx, s.close = context.WithCancel(ctx)
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

// Close ends what Begin began. It may be called at any time, and after Push does nothing.
func (s *Session) Close() { s.close() }

// Ready waits until all registries have answered, and says what went wrong with that: a wrong password shows before the
// image is made. Push does it, too.
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

// group makes a target of each repository, in the order of the references.
func (s *Session) group() error {
	byName := map[string]*target{}
	for _, w := range s.wanted {
		t := byName[w.repo.Name()]
		if t == nil {
			t = &target{repo: w.repo, ready: make(chan struct{}), tags: map[string]string{}, known: map[v1.Hash]bool{}}
			byName[w.repo.Name()] = t
			s.targets = append(s.targets, t)
		}
		t.wanted = append(t.wanted, w)
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
			t.known[digest] = true
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
	for _, w := range t.wanted {
		group.Go(func() error {
			if w.tag == "" { // what is there is asked when the digest is known; the token can be had now
				return t.LogIn(ctx)
			}
			digest, err := t.DigestOf(ctx, w.tag)
			mu.Lock()
			defer mu.Unlock()
			t.tags[w.tag] = digest
			return err
		})
	}
	return group.Wait()
}

// readable are the repositories that a target's token must allow to read: those to mount from, the other targets included.
func (s *Session) readable(t *target) []name.Repository {
	from := slices.Clone(t.sources)
	for _, other := range s.targets {
		if other == t {
			break // blobs reach the targets of one registry in their order
		}
		if other.repo.RegistryStr() == t.repo.RegistryStr() && !slices.Contains(from, other.repo) {
			from = append(from, other.repo)
		}
	}
	return from
}

// behind waits for the targets and returns those that must get something, with the references that must move there.
func (s *Session) behind(ctx context.Context, root v1.Hash) ([]*target, error) {
	if err := s.Ready(ctx); err != nil {
		return nil, err
	}
	var out []*target
	for _, t := range s.targets {
		var moving []wanted
		for _, w := range t.wanted {
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
		if t.wanted = moving; len(moving) > 0 {
			out = append(out, t)
		}
	}
	return out, nil
}

// checkDigests refuses references by digest that are not the root's.
func (s *Session) checkDigests(root v1.Hash) error {
	var faults []error
	for _, w := range s.wanted {
		if w.digest != "" && w.digest != root.String() {
			faults = append(faults, fmt.Errorf("reference %q: the image's digest is %s", w.repo.String()+"@"+w.digest, root))
		}
	}
	return errors.Join(faults...)
}
