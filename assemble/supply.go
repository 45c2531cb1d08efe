package assemble

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/pyimg/pyimg/apk"
	"github.com/pyimg/pyimg/assemble/base"
	"github.com/pyimg/pyimg/assemble/ingest"
	"github.com/pyimg/pyimg/assemble/input"
	"github.com/pyimg/pyimg/assemble/internal/cut"
	"github.com/pyimg/pyimg/assemble/lock"
	"github.com/pyimg/pyimg/assemble/runtime"
	"github.com/pyimg/pyimg/assemble/spec"
	"github.com/pyimg/pyimg/layers"
)

// Supply brings the layers of a lock: out of the store, else from where the lock says that they come from, else made
// anew from their sources. Nothing is done before a layer is asked for.
type Supply struct {
	lock   lock.Lock
	spec   spec.Spec
	src    ingest.Mirrors
	plan   Plan
	builds []*platformOnce
}

type platformOnce struct {
	sync.Mutex
	built bool
}

// NewSupply makes the supply of a lock that fits the spec. keys are as Resolve has them.
func NewSupply(l lock.Lock, spec spec.Spec, src input.Access, keys *apk.Keyring) (*Supply, error) {
	plan, err := lockedPackages(l, spec, keys)
	if err != nil {
		return nil, err
	}
	s := &Supply{lock: l, spec: spec, src: ingest.Mirrors{Access: src, Keys: keys}, plan: plan}
	for range l.Platforms {
		s.builds = append(s.builds, new(platformOnce))
	}
	return s, nil
}

// Open opens a layer of the lock. One that is its source's own bytes streams from there, and into the store in the same
// pass; its reader ends well only when both its digest is right and it is stored.
func (s *Supply) Open(ctx context.Context, digest string) (io.ReadCloser, error) {
	return s.open(ctx, digest, s.src.Store.Open)
}

// Stream is Open for a caller that can begin anew, such as a push: damage in the store shows only at the end of reading.
// Then Stream brings the layer anew.
func (s *Supply) Stream(ctx context.Context, digest string) (io.ReadCloser, error) {
	return s.open(ctx, digest, s.src.Store.Stream)
}

func (s *Supply) open(ctx context.Context, digest string, stored func(string) (io.ReadCloser, error)) (io.ReadCloser, error) {
	r, err := stored(digest)
	if !errors.Is(err, fs.ErrNotExist) {
		return r, err
	}
	p, l, err := s.find(digest)
	if err != nil {
		return nil, err
	}
	if l.Made() {
		if err := s.make(ctx, p, l); err != nil {
			return nil, err
		}
		return stored(digest)
	}
	if s.lock.Platforms[p].OfBase(digest) {
		return base.OpenLocked(ctx, s.spec, s.lock.Platforms[p], l, s.src.Access)
	}
	if pkg := s.plan.Platforms[p].unpacking(s.lock.Platforms[p], digest); pkg != nil {
		return s.streamPackage(ctx, pkg, digest)
	}
	return s.streamRuntime(ctx, p, digest)
}

// Fetch brings all layers into the store, many at once, and reports to progress (or nobody, if it is nil).
func (s *Supply) Fetch(ctx context.Context, progress input.Progress) error {
	reported := *s
	reported.src.Progress = progress
	return reported.fetch(ctx)
}

func (s *Supply) fetch(ctx context.Context) error {
	if err := s.bringAll(ctx); err != nil {
		return err
	}
	return eachPlatform(s.plan.Spec.Platforms, func(p int) error {
		for _, l := range s.lock.Platforms[p].Layers {
			if _, err := s.src.Store.Blob(l.Digest); err == nil || !l.Made() {
				continue
			}
			if err := s.make(ctx, p, l); err != nil {
				return err
			}
		}
		return nil
	})
}

// bringAll stores the layers that are their sources' own bytes.
func (s *Supply) bringAll(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(s.src.Limit())
	for p, platform := range s.lock.Platforms {
		for _, l := range platform.Layers {
			if !l.Made() && !platform.OfBase(l.Digest) { // the base's are read where they are written
				g.Go(func() error { return s.bring(ctx, p, l.Digest) })
			}
		}
	}
	return g.Wait()
}

// find finds the layer, and the platform that has it.
func (s *Supply) find(digest string) (platform int, l lock.Layer, err error) {
	for p, platform := range s.lock.Platforms {
		for _, l := range platform.Layers {
			if l.Digest == digest {
				return p, l, nil
			}
		}
	}
	return 0, lock.Layer{}, fmt.Errorf("the lock has no layer %s", digest)
}

// unpacking is the package whose data stream has this digest; nil where none has.
func (p PlatformPlan) unpacking(locked lock.Platform, digest string) *apk.Package {
	i := slices.IndexFunc(locked.Packages, func(q lock.Package) bool { return q.Data == digest })
	if i < 0 {
		return nil
	}
	return p.Packages[slices.Index(locked.Install, locked.Packages[i].Name)]
}

// bring stores the bytes of a package or a runtime, unless they are there.
func (s *Supply) bring(ctx context.Context, p int, digest string) error {
	if _, err := s.src.Store.Blob(digest); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if pkg := s.plan.Platforms[p].unpacking(s.lock.Platforms[p], digest); pkg != nil {
		u, err := s.src.Package(ctx, pkg)
		if err != nil {
			return fmt.Errorf("package %s: %w", pkg, s.src.Gone(ctx, pkg, err))
		}
		return ingest.SameData(pkg, u.Blob.Digest, digest)
	}
	r, err := s.streamRuntime(ctx, p, digest)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, r)
	return errors.Join(err, r.Close())
}

func (s *Supply) streamPackage(ctx context.Context, p *apk.Package, digest string) (io.ReadCloser, error) {
	r, err := s.src.Stream(ctx, p, digest)
	if err != nil {
		return nil, fmt.Errorf("package %s: %w", p, s.src.Gone(ctx, p, err))
	}
	return r, nil
}

// streamRuntime opens a runtime's tarball, whose digest the lock says.
func (s *Supply) streamRuntime(ctx context.Context, p int, digest string) (io.ReadCloser, error) {
	tarball, err := s.tarball(p, digest)
	if err != nil {
		return nil, err
	}
	return s.src.Store.IngestWhileReading(ctx, tarball)
}

// tarball is the runtime with this digest.
func (s *Supply) tarball(p int, digest string) (layers.Source, error) {
	platform := s.lock.Platforms[p]
	for i, r := range s.spec.Tarballs(platform.Platform) {
		if i >= len(platform.Runtimes) || platform.Runtimes[i].Digest != digest {
			continue
		}
		from, err := runtime.Locked(r, s.spec, platform.Platform, platform.Runtimes[i])
		return from.Source(s.src.Access), err
	}
	return layers.Source{}, fmt.Errorf("layer %s is neither a package's nor a runtime's: write the lock anew with \"pyimg lock\"", digest)
}

// make makes a layer anew: from its own sources where its recipe says how, else from all of its platform.
func (s *Supply) make(ctx context.Context, p int, l lock.Layer) error {
	blob, err := layers.Healing(func() (layers.Blob, error) { return s.remake(ctx, p, l) })
	if err != nil {
		return fmt.Errorf("making layer %s (%s) anew: %w", l.Digest, l.From, err)
	}
	if blob.Digest != l.Digest {
		return &lock.MismatchError{Changes: []string{fmt.Sprintf("layer %s comes out as %s, not as %s, which another version of pyimg may have made",
			l.From, blob.Digest, l.Digest)}}
	}
	return nil
}

func (s *Supply) remake(ctx context.Context, p int, l lock.Layer) (layers.Blob, error) {
	if l.Recipe == nil || l.OfWheels() {
		return l.Blob(), s.build(ctx, p, l.Digest)
	}
	switch {
	case l.Recipe.Packages != nil:
		for _, digest := range l.Recipe.Packages.Sources {
			if err := s.bring(ctx, p, digest); err != nil {
				return layers.Blob{}, err
			}
		}
		return cut.Make(ctx, *l.Recipe.Packages, s.src.Store)
	case l.Recipe.Image != nil:
		return s.takeImage(ctx, p, *l.Recipe.Image)
	case l.Recipe.Runtime != nil:
		tarball, err := s.tarball(p, l.Recipe.Runtime.Source)
		if err != nil {
			return layers.Blob{}, err
		}
		return runtime.MakeRuntime(ctx, *l.Recipe.Runtime, tarball, s.src.Store)
	}
	return layers.Blob{}, errors.New("its recipe is empty")
}

// takeImage makes the layer of a runtime out of an image, REF@DIGEST.
func (s *Supply) takeImage(ctx context.Context, p int, recipe lock.ImageRecipe) (layers.Blob, error) {
	platform := s.lock.Platforms[p]
	for i, r := range s.spec.Tarballs(platform.Platform) {
		if i < len(platform.Runtimes) && strings.HasSuffix(recipe.Image, "@"+platform.Runtimes[i].Digest) {
			r.Exclude = recipe.Exclude // with what wheels replace
			plan, err := runtime.IngestImage(ctx, r, s.spec, platform.Platform, platform.Runtimes[i], s.src.Access)
			return plan.Layer.Blob(), err
		}
	}
	return layers.Blob{}, fmt.Errorf("image %s is none of the lock's runtimes: write the lock anew with \"pyimg lock\"", recipe.Image)
}

// build builds a platform from the lock's plan and expects what the lock says. Once is enough, unless the layer that is
// asked for was damaged in the store and is found so only now.
func (s *Supply) build(ctx context.Context, p int, digest string) error {
	once := s.builds[p]
	once.Lock()
	defer once.Unlock()
	if once.built {
		if _, err := s.src.Store.Blob(digest); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	want, err := s.lock.Only([]spec.Platform{s.lock.Platforms[p].Platform})
	if err != nil {
		return err
	}
	plan, err := PlanOf(ctx, want, s.spec, s.src.Access, s.src.Keys)
	if err != nil {
		return err
	}
	got, err := Build(ctx, plan, s.src.Access, BuildOptions{}) // its warnings were said when the lock was made
	if err != nil {
		return err
	}
	once.built = true
	return want.Expect(got.Lock)
}
