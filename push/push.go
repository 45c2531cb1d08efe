package push

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"golang.org/x/sync/errgroup"

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

// learn finds out what the images that the tags name now consist of, where that takes fewer round trips than to ask for
// each blob: two, against one for every [maxAsking] blobs. It is worth no error.
func (p *pusher) learn(ctx context.Context, g *oci.Graph, targets []*target) error {
	if len(g.Layers)+len(g.Configs) <= 3*maxAsking {
		return nil
	}
	var group errgroup.Group
	for _, t := range targets {
		var digests []string
		for _, w := range t.wanted {
			if now := t.tags[w.tag]; now != "" && !slices.Contains(digests, now) {
				digests = append(digests, now)
			}
		}
		group.Go(func() error {
			for _, digest := range digests {
				p.know(ctx, t, digest)
			}
			return nil
		})
	}
	_ = group.Wait()
	return ctx.Err()
}

// know notes what a manifest of the repository names: a registry takes a manifest only with all of that there.
func (p *pusher) know(ctx context.Context, t *target, digest string) {
	desc, raw, err := t.Manifest(ctx, digest)
	if err != nil {
		return
	}
	named, children := references(desc.MediaType, raw)
	for _, d := range named {
		t.known[d.Digest] = true
	}
	found := make([][]v1.Descriptor, len(children))
	var group errgroup.Group
	group.SetLimit(maxAsking)
	for i, c := range children {
		group.Go(func() error {
			if _, raw, err := t.Manifest(ctx, c.Digest.String()); err == nil {
				found[i], _ = references(c.MediaType, raw)
			}
			return nil
		})
	}
	_ = group.Wait()
	for _, ds := range found {
		for _, d := range ds {
			t.known[d.Digest] = true
		}
	}
}

// references are what a manifest names: blobs and manifests, all of which a registry has that took it, and of these the
// manifests.
func references(mediaType types.MediaType, raw []byte) (named, manifests []v1.Descriptor) {
	if mediaType.IsIndex() {
		im, err := v1.ParseIndexManifest(bytes.NewReader(raw))
		if err != nil {
			return nil, nil
		}
		return im.Manifests, im.Manifests
	}
	man, err := v1.ParseManifest(bytes.NewReader(raw))
	if err != nil {
		return nil, nil
	}
	return append(man.Layers, man.Config), nil
}

// contents brings all blobs and manifests to all targets, so that only the tags are left. Where a registry lacks a blob
// after all, of an image that it has, everything is asked for.
func (p *pusher) contents(ctx context.Context, g *oci.Graph, targets []*target) error {
	for {
		err := p.blobs(ctx, g, targets)
		if err == nil {
			err = p.manifests(ctx, g, targets)
		}
		if err == nil || !lacksBlob(err) || !forget(targets) {
			return err
		}
	}
}

// lacksBlob says whether a registry refused a manifest since it does not have what the manifest names.
func lacksBlob(err error) bool {
	var te *transport.Error
	return errors.As(err, &te) && slices.ContainsFunc(te.Errors, func(d transport.Diagnostic) bool {
		return d.Code == transport.ManifestBlobUnknownErrorCode || d.Code == transport.BlobUnknownErrorCode
	})
}

// forget drops what was taken for known, and says whether there was something.
func forget(targets []*target) bool {
	any := false
	for _, t := range targets {
		any = any || len(t.known) > 0
		clear(t.known)
	}
	return any
}

// blobs brings all layers and configs to all targets. Large ones go first: the last to end is then a small one. Of the
// repositories of one registry the first gets a blob, the others mount it from there.
func (p *pusher) blobs(ctx context.Context, g *oci.Graph, targets []*target) error {
	blobs := slices.Concat(g.Layers, g.Configs)
	slices.SortStableFunc(blobs, func(a, b oci.Blob) int { return cmp.Compare(b.Desc.Size, a.Desc.Size) })
	group, ctx := errgroup.WithContext(ctx)
	for _, b := range blobs {
		for _, ts := range byRegistry(targets) {
			group.Go(func() error {
				for i, t := range ts {
					if err := p.blob(ctx, t, b, ts[:i]); err != nil {
						return err
					}
				}
				return nil
			})
		}
	}
	return group.Wait()
}

// byRegistry groups targets, in their order.
func byRegistry(targets []*target) [][]*target {
	at := map[string]int{}
	var out [][]*target
	for _, t := range targets {
		host := t.repo.RegistryStr()
		if _, ok := at[host]; !ok {
			at[host] = len(out)
			out = append(out, nil)
		}
		out[at[host]] = append(out[at[host]], t)
	}
	return out
}

// blob sends one blob unless it is there. earlier are targets of the same registry that have it.
func (p *pusher) blob(ctx context.Context, t *target, b oci.Blob, earlier []*target) error {
	there, from := t.known[b.Desc.Digest], ""
	if !there {
		err := in(ctx, p.asking, func() (err error) {
			there, from, err = t.find(ctx, b.Desc.Digest)
			return err
		})
		if err != nil {
			return err
		}
	}
	mounted := false
	if !there {
		if len(earlier) > 0 {
			from = earlier[0].repo.RepositoryStr()
		}
		err := in(ctx, p.sending, func() (err error) {
			task := p.start(b)
			mounted, err = t.Upload(ctx, b, from, task)
			task.Done(err)
			return err
		})
		if err != nil {
			return err
		}
	}
	p.count(b, there, mounted)
	return nil
}

func (p *pusher) count(b oci.Blob, there, mounted bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case there:
		p.present++
	case mounted:
		p.mounted++
	default:
		p.sent++
		p.sentBytes += b.Desc.Size
	}
}

// find asks for a blob in the target and, at the same time, in the repositories to mount from. A registry that does not
// want to tell of these is asked no further: the blob is then sent.
func (t *target) find(ctx context.Context, digest v1.Hash) (there bool, from string, err error) {
	has := make([]bool, len(t.sources))
	group, gctx := errgroup.WithContext(ctx)
	for i, s := range t.sources {
		group.Go(func() error {
			has[i], _ = t.HasBlob(gctx, s, digest)
			return nil
		})
	}
	there, err = t.HasBlob(ctx, t.repo, digest)
	_ = group.Wait()
	if i := slices.Index(has, true); i >= 0 {
		from = t.sources[i].RepositoryStr()
	}
	return there, from, err
}

// manifests brings the manifests by digest, those first that others name. The root goes straight under its tag where there
// is but one repository: what could refuse it then refuses the first tag. Of several none may move before all are able to.
func (p *pusher) manifests(ctx context.Context, g *oci.Graph, targets []*target) error {
	for _, level := range append(slices.Clone(g.Levels), []oci.Manifest{g.Root}) {
		group, ctx := errgroup.WithContext(ctx)
		group.SetLimit(maxAsking)
		for _, m := range level {
			for _, t := range targets {
				isRoot := m.Desc.Digest == g.Root.Desc.Digest
				if t.known[m.Desc.Digest] || isRoot && len(targets) == 1 && t.wanted[0].tag != "" {
					continue
				}
				group.Go(func() error {
					_, err := t.PutManifest(ctx, m, m.Desc.Digest.String())
					return err
				})
			}
		}
		if err := group.Wait(); err != nil {
			return err
		}
	}
	return nil
}

// tags moves the tags. No registry can move two at once, so they go one by one, and are put back where one fails.
func (p *pusher) tags(ctx context.Context, g *oci.Graph, targets []*target) error {
	var moved []move
	for _, t := range targets {
		for _, w := range t.wanted {
			if w.tag == "" {
				continue
			}
			_, err := t.PutManifest(ctx, g.Root, w.tag)
			if lacksBlob(err) && len(moved) == 0 && forget(targets) {
				if err = p.contents(ctx, g, targets); err == nil {
					_, err = t.PutManifest(ctx, g.Root, w.tag)
				}
			}
			if err != nil {
				return putBack(ctx, moved, err)
			}
			moved = append(moved, move{t, w, t.tags[w.tag]})
		}
	}
	return nil
}

// A move is a tag that names the new image now, and another or none before.
type move struct {
	t      *target
	w      wanted
	before string
}

func (m move) String() string { return m.w.repo.String() + ":" + m.w.tag }

// putBack undoes moves after the error cause, and says in it which could not be undone.
func putBack(ctx context.Context, moved []move, cause error) error {
	var stay []string
	for _, m := range moved {
		if err := m.undo(ctx); err != nil {
			stay = append(stay, m.String())
		}
	}
	switch {
	case len(stay) > 0:
		return fmt.Errorf("%w; these tags name the new image already: %s", cause, strings.Join(stay, ", "))
	case len(moved) > 0:
		return fmt.Errorf("%w; the tags that had moved before were put back", cause)
	}
	return cause
}

// undo lets a tag name what it did before. Many registries cannot delete a tag that is new.
func (m move) undo(ctx context.Context) error {
	if m.before == "" {
		return m.t.Untag(ctx, m.w.tag)
	}
	desc, raw, err := m.t.Manifest(ctx, m.before)
	if err != nil {
		return err
	}
	_, err = m.t.PutManifest(ctx, oci.Manifest{Desc: desc, Raw: raw}, m.w.tag)
	return err
}

// verify asks the registries what the tags name now. Another image there is another push's: ours must still be there.
func (p *pusher) verify(ctx context.Context, g *oci.Graph, targets []*target) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(maxAsking)
	root := g.Root.Desc.Digest.String()
	for _, t := range targets {
		for _, w := range t.wanted {
			group.Go(func() error { return p.verifyOne(ctx, t, w, root) })
		}
	}
	return group.Wait()
}

func (p *pusher) verifyOne(ctx context.Context, t *target, w wanted, root string) error {
	asked := cmp.Or(w.tag, root)
	now, err := t.DigestOf(ctx, asked)
	if err != nil || now == root {
		return err
	}
	if now == "" { // an answer to GET can say why
		var desc v1.Descriptor
		if desc, _, err = t.Manifest(ctx, asked); err != nil {
			return err
		}
		now = desc.Digest.String()
	}
	if now != root && w.tag != "" {
		if _, _, err := t.Manifest(ctx, root); err != nil {
			return t.Fail("verifying what was pushed", fmt.Errorf("the registry took %s and now says that %q is %s, and: %w", root, w.tag, now, err))
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		p.overtaken = append(p.overtaken, w.repo.String()+":"+w.tag)
	}
	return nil
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
