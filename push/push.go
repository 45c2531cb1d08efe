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

// A Registry is how images are pushed and read. The zero value works.
type Registry struct {
	remote.Client
	Jobs int // concurrent uploads over all platforms and repositories; 0 means 4
}

const defaultJobs = 4

// Options are those of one push.
type Options struct {
	Progress  Progress // nil reports nothing
	ByDigest  bool     // the references are HOST/REPOSITORY; no tag is put
	MountFrom []string // HOST/REPOSITORY, where the same registry may have blobs already

	present map[string]map[v1.Hash]bool // by repository: blobs and manifests that are there for sure
}

// Progress shows uploads. Push calls Start for each one; calls may be concurrent. The types are those of the standard
// library alone, so that any reporter fits.
type Progress interface {
	Start(kind, name string, size int64) Task
}

// A Task is one upload under way. After a retry, Add takes back what was counted with a negative number.
type Task = interface {
	Add(n int64)
	Done(err error)
}

// A Result is what a push did.
type Result struct {
	Digest       string         // of the root: what each reference names now
	MediaType    string         // of the root
	Size         int64          // of the root's manifest, in bytes
	Platforms    []oci.Platform // in the order of the index
	Refs         []string       // REF@DIGEST, in the order asked for
	Overtaken    []string       // REPOSITORY:TAG that another push moved on before this one had ended
	BlobsSent    int
	BytesSent    int64 // of the blobs sent, in bytes
	BlobsMounted int   // taken from another repository of the registry
	BlobsPresent int   // already there; 0 also where a tag already named the digest
	Requests     int64 // answered ones, the handshake included
}

// Push makes every reference name what idx stands for (see [oci.Root]), and sends for that what is not there yet. All
// references are checked before the first request. A tag that names the digest already is left alone, with everything
// below it. A reference may be REPOSITORY@DIGEST with the digest of the root: it is pushed without a tag.
//
// Tags come last, one after the other, when all repositories have everything; an error before that leaves all of them
// as they were. Where one cannot be put, those that were are put back to what they named before; the error says which
// tags name the new image nevertheless. In the end each tag is asked for once more: that it names the image is what the
// registry says, not what was sent.
func (r Registry) Push(ctx context.Context, idx v1.ImageIndex, refs []string, o Options) (Result, error) {
	s, err := r.Begin(ctx, refs, o)
	if err != nil {
		return Result{}, err
	}
	return s.Push(ctx, idx)
}

// Push does what [Registry.Push] says. It is called once.
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
	p := newPusher(s.registry.Jobs, s.options.Progress)
	for _, step := range []func(context.Context, *oci.Graph, []*target) error{p.learn, p.contents, p.tags, p.verify} {
		if err := step(ctx, g, targets); err != nil {
			return Result{}, err
		}
	}
	return p.result(g, s.wanted, s.connection.Answered()), nil
}

// Describe is the result of an image that was not pushed: digests and sizes.
func Describe(idx v1.ImageIndex) (Result, error) {
	g, err := oci.Walk(idx)
	if err != nil {
		return Result{}, err
	}
	return newPusher(0, nil).result(g, nil, 0), nil
}

// A pusher is one push under way.
type pusher struct {
	progress Progress
	asking   chan struct{} // a place for each request that only asks
	sending  chan struct{} // a place for each upload

	mu        sync.Mutex
	sent      int
	sentBytes int64
	mounted   int
	present   int
	overtaken []string
}

func newPusher(jobs int, progress Progress) *pusher {
	if jobs <= 0 {
		jobs = defaultJobs
	}
	return &pusher{progress: progress, asking: make(chan struct{}, maxAsking), sending: make(chan struct{}, jobs)}
}

// in runs f in one of the places, which bound how much goes on at once.
func in(ctx context.Context, places chan struct{}, f func() error) error {
	select {
	case places <- struct{}{}:
		defer func() { <-places }()
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

func (p *pusher) result(g *oci.Graph, refs []wanted, requests int64) Result {
	slices.Sort(p.overtaken)
	res := Result{
		Digest:    g.Root.Desc.Digest.String(),
		MediaType: string(g.Root.Desc.MediaType),
		Size:      g.Root.Desc.Size,
		Platforms: g.Platforms,
		Overtaken: p.overtaken,
		BlobsSent: p.sent, BytesSent: p.sentBytes, BlobsMounted: p.mounted, BlobsPresent: p.present,
		Requests: requests,
	}
	for _, w := range refs {
		res.Refs = append(res.Refs, w.String(res.Digest))
	}
	return res
}
