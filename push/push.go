package push

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"golang.org/x/sync/errgroup"
)

// A Registry is how registries are reached. The zero value works. The host stands in each reference.
type Registry struct {
	Keychain  authn.Keychain    // nil means Keychain(os.Getenv)
	Transport http.RoundTripper // nil means one that honours the proxies of the environment
	Insecure  bool              // plain http is allowed where https does not answer; to this machine it always is
	Jobs      int               // concurrent uploads over all platforms and repositories; 0 means 4
	Tries     int               // how often one request or upload is tried; 0 means 4
	Backoff   time.Duration     // the first wait between tries, doubled each time; 0 means 500 ms
}

const defaultJobs = 4

// Options are those of one push.
type Options struct {
	Progress Progress // nil reports nothing
}

// Progress is told of uploads. Start is called for each one; calls may be concurrent. The types are those of the standard
// library alone, so that any reporter fits.
type Progress interface {
	Start(kind, name string, size int64) Task
}

// A Task is one upload under way. After a retry, Add takes back what was counted with a negative number.
type Task = interface {
	Add(n int64)
	Done(err error)
}

// A Result says what a push came to.
type Result struct {
	Digest       string     // of the root: what each reference names now
	MediaType    string     // of the root
	Size         int64      // of the root's manifest, in bytes
	Platforms    []Platform // in the order of the index
	Refs         []string   // REF@DIGEST, in the order asked for
	BlobsSent    int
	BytesSent    int64 // of the blobs sent, in bytes
	BlobsPresent int   // already there; 0 also where a tag already named the digest
	Requests     int64 // answered ones, the handshake included
}

// A Platform is one image of a pushed index.
type Platform struct {
	Platform *v1.Platform // nil where neither index nor config states one
	Digest   string
	Size     int64 // of config and layers as they travel, in bytes
}

// Push makes every reference name what idx stands for (see [Root]), and sends for that what is not there yet. All
// references are checked before the first request. A tag that names the digest already is left alone, with everything
// below it. A reference may be REPOSITORY@DIGEST with the digest of the root: it is pushed without a tag.
//
// Tags come last, one after the other, when all repositories have everything; an error before that leaves all of them
// as they were. An error at a tag says which have moved.
func (r Registry) Push(ctx context.Context, idx v1.ImageIndex, refs []string, o Options) (Result, error) {
	return promptly(ctx, func() (Result, error) { return r.push(ctx, idx, refs, o) })
}

func (r Registry) push(ctx context.Context, idx v1.ImageIndex, refs []string, o Options) (Result, error) {
	root, err := Root(idx)
	if err != nil {
		return Result{}, err
	}
	parsed, err := r.parseAll(refs, root.Digest)
	if err != nil {
		return Result{}, err
	}
	p := &pusher{registry: r, progress: o.Progress}
	targets, err := p.missing(ctx, parsed, root.Digest)
	if err != nil {
		return Result{}, err
	}
	g, err := newGraph(idx)
	if err != nil {
		return Result{}, err
	}
	for _, step := range []func(context.Context, *graph, []*target) error{p.blobs, p.manifests, p.tags} {
		if err := step(ctx, g, targets); err != nil {
			return Result{}, err
		}
	}
	return p.result(g, parsed), nil
}

// parseAll reads all references and reports all faults. A tag may be left out; it is then "latest".
func (r Registry) parseAll(refs []string, digest v1.Hash) ([]name.Reference, error) {
	if len(refs) == 0 {
		return nil, errors.New("pushing: no reference given")
	}
	var parsed []name.Reference
	var faults []error
	for _, s := range refs {
		ref, err := r.parse(s)
		if err == nil {
			if d, ok := ref.(name.Digest); ok && d.DigestStr() != digest.String() {
				err = fmt.Errorf("reference %q: the image's digest is %s", s, digest)
			}
		}
		if err != nil {
			faults = append(faults, err)
			continue
		}
		if !slices.ContainsFunc(parsed, func(p name.Reference) bool { return p.Name() == ref.Name() }) {
			parsed = append(parsed, ref)
		}
	}
	return parsed, errors.Join(faults...)
}

func (r Registry) parse(s string) (name.Reference, error) {
	if strings.Contains(s, "://") {
		return nil, errors.New("a reference is HOST/REPOSITORY:TAG, not a URL") // which may hold a password
	}
	if host, _, _ := strings.Cut(s, "/"); strings.Contains(host, "@") && !strings.Contains(host, "@sha256:") {
		return nil, errors.New("a reference holds no user and password (log in instead)") // and is not repeated here
	}
	var opts []name.Option
	if r.Insecure {
		opts = append(opts, name.Insecure)
	}
	ref, err := name.ParseReference(s, opts...)
	if err != nil {
		return nil, fmt.Errorf("reference %q is not of the form HOST/REPOSITORY:TAG: %w", s, err)
	}
	return ref, nil
}

// A pusher is one push under way.
type pusher struct {
	registry Registry
	progress Progress
	answered atomic.Int64

	mu        sync.Mutex
	sent      int
	sentBytes int64
	present   int
}

// A target is a repository that lacks something, with the references that are to move there.
type target struct {
	*session
	refs []name.Reference
}

// missing asks for every reference what it names, and returns the repositories of those that must move.
func (p *pusher) missing(ctx context.Context, refs []name.Reference, digest v1.Hash) ([]*target, error) {
	transport := p.registry.transport(&p.answered)
	sessions := map[string]*target{}
	var targets []*target
	for _, ref := range refs {
		repo := ref.Context()
		t := sessions[repo.Name()]
		if t == nil {
			s, err := p.registry.session(ctx, repo, transport)
			if err != nil {
				return nil, err
			}
			t = &target{session: s}
			sessions[repo.Name()] = t
		}
		got, err := t.headManifest(ctx, ref)
		if err != nil {
			return nil, err
		}
		if got == digest.String() {
			continue
		}
		if len(t.refs) == 0 {
			targets = append(targets, t)
		}
		t.refs = append(t.refs, ref)
	}
	return targets, nil
}

// blobs brings all layers, then all configs, to all targets. Large ones go first: the last to end is then a small one.
func (p *pusher) blobs(ctx context.Context, g *graph, targets []*target) error {
	for _, blobs := range [][]blob{g.layers, g.configs} {
		blobs = slices.Clone(blobs)
		slices.SortStableFunc(blobs, func(a, b blob) int { return cmp.Compare(b.desc.Size, a.desc.Size) })
		group, ctx := p.group(ctx)
		for _, b := range blobs {
			for _, t := range targets {
				group.Go(func() error { return p.blob(ctx, t, b) })
			}
		}
		if err := group.Wait(); err != nil {
			return err
		}
	}
	return nil
}

// blob sends one blob unless it is there.
func (p *pusher) blob(ctx context.Context, t *target, b blob) error {
	if err := ctx.Err(); err != nil {
		return err // another one failed while this one waited
	}
	there, err := t.hasBlob(ctx, b.desc.Digest)
	if err != nil {
		return err
	}
	if !there {
		task := p.start(b)
		err = t.upload(ctx, b, task)
		task.Done(err)
	}
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if there {
		p.present++
		return nil
	}
	p.sent++
	p.sentBytes += b.desc.Size
	return nil
}

// manifests brings all manifests by digest, those first that others name, the root last.
func (p *pusher) manifests(ctx context.Context, g *graph, targets []*target) error {
	for _, level := range append(slices.Clone(g.levels), []manifest{g.root}) {
		group, ctx := p.group(ctx)
		for _, m := range level {
			for _, t := range targets {
				group.Go(func() error { return t.putManifest(ctx, m, m.desc.Digest.String()) })
			}
		}
		if err := group.Wait(); err != nil {
			return err
		}
	}
	return nil
}

// tags moves the tags. No registry can move two at once, so they go one by one and an error says how far it came.
func (p *pusher) tags(ctx context.Context, g *graph, targets []*target) error {
	var moved []string
	for _, t := range targets {
		for _, ref := range t.refs {
			if _, ok := ref.(name.Digest); ok {
				continue
			}
			err := t.putManifest(ctx, g.root, ref.Identifier())
			if err != nil && len(moved) > 0 {
				return fmt.Errorf("%w; these tags name the new image already: %s", err, strings.Join(moved, ", "))
			}
			if err != nil {
				return err
			}
			moved = append(moved, ref.String())
		}
	}
	return nil
}

// group runs what may go at once. There is one at a time in a push, so its limit is the push's.
func (p *pusher) group(ctx context.Context) (*errgroup.Group, context.Context) {
	group, ctx := errgroup.WithContext(ctx)
	jobs := p.registry.Jobs
	if jobs <= 0 {
		jobs = defaultJobs
	}
	group.SetLimit(jobs)
	return group, ctx
}

func (p *pusher) start(b blob) Task {
	if p.progress == nil {
		return silent{}
	}
	return p.progress.Start("upload", b.desc.Digest.String(), b.desc.Size)
}

type silent struct{}

func (silent) Add(int64)  {}
func (silent) Done(error) {}

func (p *pusher) result(g *graph, refs []name.Reference) Result {
	res := Result{
		Digest:    g.root.desc.Digest.String(),
		MediaType: string(g.root.desc.MediaType),
		Size:      g.root.desc.Size,
		Platforms: g.platforms,
		BlobsSent: p.sent, BytesSent: p.sentBytes, BlobsPresent: p.present,
		Requests: p.answered.Load(),
	}
	for _, ref := range refs {
		s := ref.String()
		if _, ok := ref.(name.Digest); !ok {
			s += "@" + res.Digest
		}
		res.Refs = append(res.Refs, s)
	}
	return res
}
