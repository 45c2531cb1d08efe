package push

import (
	"context"
	"slices"
	"sync"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/pyimg/pyimg/internal/patience"
	"github.com/pyimg/pyimg/push/oci"
	"github.com/pyimg/pyimg/push/remote"
)

// A Registry pushes images to registries and reads them. The zero value works.
type Registry struct {
	remote.Client
	Jobs int // concurrent uploads to all repositories; 0 means 4

	together *together // nil: each push is alone
}

const defaultJobs = 4

// Options are the options of one push.
type Options struct {
	Progress  Progress // nil reports nothing
	ByDigest  bool     // the references are HOST/REPOSITORY; no tag is written
	MountFrom []string // HOST/REPOSITORY of the same registry, which may have blobs already

	present map[string]map[v1.Hash]bool // by repository: blobs and manifests that it is known to have
}

// Progress shows uploads. Push calls Start for each upload; the calls may be concurrent. The interface uses types of
// the standard library only, so that other packages can implement it without importing this one.
type Progress interface {
	Start(kind, name string, size int64) Task
}

// A Task is one upload. Before a retry, Push calls Add with a negative number, which takes back the bytes counted so
// far.
type Task = interface {
	Add(n int64)
	Done(err error)
}

// A Result is the result of a push.
type Result struct {
	Digest       string         // of the root; every reference names it now
	MediaType    string         // of the root
	Size         int64          // of the root's manifest, in bytes
	Platforms    []oci.Platform // in the order of the index
	Refs         []string       // REF@DIGEST, in the order of the references
	Overtaken    []string       // REPOSITORY:TAG that another push moved before this one ended
	Unattached   []string       // REPOSITORY: why its registry refused an attachment that was not required
	BlobsSent    int
	BytesSent    int64 // of the blobs sent, in bytes
	BlobsMounted int   // mounted from another repository of the registry
	BlobsPresent int   // in the repository already; 0 where the tag already named the digest
	Requests     int64 // with an answer, those of logging in included
}

// Push makes every reference name the image or index idx (see [oci.Root]), and sends what the registries lack. It
// checks all references before the first request. It leaves a tag alone that already names the digest, and asks for
// nothing below it. A reference may be REPOSITORY@DIGEST with the digest of the root; Push then writes no tag.
//
// Push writes the tags last, one after the other, when all repositories have everything. An error before that leaves
// all tags as they were. Where writing a tag fails, Push puts back the tags it had moved; the error lists those that
// still name the new image. At the end Push asks for each tag again, to confirm what the registry has stored.
func (r Registry) Push(ctx context.Context, idx v1.ImageIndex, refs []string, o Options) (Result, error) {
	s, err := r.Begin(ctx, refs, o)
	if err != nil {
		return Result{}, err
	}
	return s.Push(ctx, idx)
}

// Push does what [Registry.Push] describes. It may be called only once.
func (s *Session) Push(ctx context.Context, idx v1.ImageIndex) (Result, error) {
	defer s.Close()
	return patience.Promptly(ctx, func() (Result, error) { return s.push(ctx, idx) })
}

func (s *Session) push(ctx context.Context, idx v1.ImageIndex) (Result, error) {
	root, err := oci.Root(idx)
	if err != nil {
		return Result{}, err
	}
	if err := s.checkDigests(root.Digest); err != nil {
		return Result{}, err
	}
	targets, err := s.behind(ctx, root.Digest)
	if err != nil {
		return Result{}, err
	}
	g, err := oci.Walk(idx)
	if err != nil {
		return Result{}, err
	}
	p := s.pusher
	attach := func(ctx context.Context, g *oci.Graph, targets []*target) error {
		return p.attach(ctx, s.attachments, g, targets)
	}
	for _, step := range []func(context.Context, *oci.Graph, []*target) error{p.readContents, p.contents, attach, p.tags, p.verify} {
		if err := step(ctx, g, targets); err != nil {
			return Result{}, err
		}
	}
	return p.result(g, s.refs, s.connection.Answered()), nil
}

// Describe returns the Result of an image without pushing it: digests and sizes.
func Describe(idx v1.ImageIndex) (Result, error) {
	g, err := oci.Walk(idx)
	if err != nil {
		return Result{}, err
	}
	return Registry{}.newPusher(nil).result(g, nil, 0), nil
}

// A pusher runs one push.
type pusher struct {
	limits
	progress Progress
	together *together // nil: this push is alone

	mu        sync.Mutex
	sent      int
	sentBytes int64
	mounted   int
	present   int
	overtaken []string

	unattached []string
}

// limits bound what is under way at the same time.
type limits struct {
	asking  chan struct{} // a slot for each request that sends no blob
	sending chan struct{} // a slot for each upload
}

func newLimits(jobs int) limits {
	if jobs <= 0 {
		jobs = defaultJobs
	}
	return limits{asking: make(chan struct{}, maxAsking), sending: make(chan struct{}, jobs)}
}

func (r Registry) newPusher(progress Progress) *pusher {
	if r.together != nil {
		return &pusher{limits: r.together.limits, progress: progress, together: r.together}
	}
	return &pusher{limits: newLimits(r.Jobs), progress: progress}
}

// in runs f in one of the slots, which bound how many run at the same time.
func in(ctx context.Context, slots chan struct{}, f func() error) error {
	select {
	case slots <- struct{}{}:
		defer func() { <-slots }()
		return f()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (p *pusher) start(b oci.Blob) Task {
	if p.progress == nil {
		return silent{}
	}
	return p.progress.Start("upload", b.Desc.Digest.String(), b.Desc.Size)
}

type silent struct{}

func (silent) Add(int64)  {}
func (silent) Done(error) {}

func (p *pusher) result(g *oci.Graph, refs []targetRef, requests int64) Result {
	p.mu.Lock() // a layer that was offered in vain may still be under way
	defer p.mu.Unlock()
	slices.Sort(p.overtaken)
	slices.Sort(p.unattached)
	res := Result{
		Digest:    g.Root.Desc.Digest.String(),
		MediaType: string(g.Root.Desc.MediaType),
		Size:      g.Root.Desc.Size,
		Platforms: g.Platforms,
		Overtaken: p.overtaken, Unattached: slices.Compact(p.unattached),
		BlobsSent: p.sent, BytesSent: p.sentBytes, BlobsMounted: p.mounted, BlobsPresent: p.present,
		Requests: requests,
	}
	for _, w := range refs {
		res.Refs = append(res.Refs, w.String(res.Digest))
	}
	return res
}
