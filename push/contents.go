package push

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"golang.org/x/sync/errgroup"

	"github.com/pyimg/pyimg/push/oci"
	"github.com/pyimg/pyimg/push/remote"
)

// readContents reads the images that the tags name now, and notes the blobs that they consist of. It does so only where
// that needs fewer round trips than asking for each blob: it needs two, and asking needs one for every [maxAsking]
// blobs. It ignores errors: contents then asks for the blobs.
func (p *pusher) readContents(ctx context.Context, g *oci.Graph, targets []*target) error {
	if len(g.Layers)+len(g.Configs) <= 3*maxAsking && p.together == nil {
		return nil // of several pushes the requests count, not their round trips
	}
	var group errgroup.Group
	for _, t := range targets {
		var digests []string
		for _, w := range t.refs {
			if now := t.tags[w.tag]; now != "" && !slices.Contains(digests, now) {
				digests = append(digests, now)
			}
		}
		group.Go(func() error {
			for _, digest := range digests {
				p.addKnown(ctx, t, digest)
			}
			return nil
		})
	}
	_ = group.Wait()
	return ctx.Err()
}

// addKnown notes all that a manifest of the repository names. A registry accepts a manifest only when it has all of
// that.
func (p *pusher) addKnown(ctx context.Context, t *target, digest string) {
	desc, raw, err := t.Manifest(ctx, digest)
	if err != nil {
		return
	}
	t.read.Store(true)
	named, children := references(desc.MediaType, raw)
	for _, d := range named {
		t.known.add(d.Digest, inAnother)
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
			t.known.add(d.Digest, inAnother)
		}
	}
}

// references returns what a manifest names, and the manifests among it.
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

// contents sends all blobs and manifests to all targets, so that only the tags are left. It first trusts what
// readContents found out. Where a registry then refuses a manifest because a blob is missing, contents asks for every
// blob.
func (p *pusher) contents(ctx context.Context, g *oci.Graph, targets []*target) error {
	for {
		err := p.blobs(ctx, g, targets)
		if err == nil {
			err = p.manifests(ctx, g, targets)
		}
		if err == nil || !lacksBlob(err) || !forget(targets) {
			return err
		}
		p.together.lost(targets)
	}
}

// lacksBlob reports whether a registry refused a manifest because the registry does not have all that the manifest
// names.
func lacksBlob(err error) bool {
	var te *transport.Error
	return errors.As(err, &te) && slices.ContainsFunc(te.Errors, func(d transport.Diagnostic) bool {
		return d.Code == transport.ManifestBlobUnknownErrorCode || d.Code == transport.BlobUnknownErrorCode
	})
}

// forget drops what the targets are known to have. It reports whether there was anything to drop.
func forget(targets []*target) bool {
	any := false
	for _, t := range targets {
		any = t.known.forget() || any
	}
	return any
}

// blobs sends all layers and configs to all targets. It starts with the largest, so that the last upload to end is a
// small one. It sends a blob to the first repository of a registry; the others mount it from there.
func (p *pusher) blobs(ctx context.Context, g *oci.Graph, targets []*target) error {
	blobs := slices.Concat(g.Layers, g.Configs)
	slices.SortStableFunc(blobs, func(a, b oci.Blob) int { return cmp.Compare(b.Desc.Size, a.Desc.Size) })
	group, ctx := errgroup.WithContext(ctx)
	for _, b := range blobs {
		for _, ts := range byRegistry(targets) {
			group.Go(func() error {
				for i, t := range ts {
					if err := p.blob(ctx, t, b, ts[:i], false); err != nil {
						return err
					}
				}
				return nil
			})
		}
	}
	return group.Wait()
}

// byRegistry groups targets by registry and keeps their order.
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

// blob sends one blob unless the target has it. The targets in earlier are of the same registry and have it. early says
// that the image is not complete: the target is known to have the blob from then on.
func (p *pusher) blob(ctx context.Context, t *target, b oci.Blob, earlier []*target, early bool) error {
	leave, err := t.known.enter(ctx, b.Desc.Digest)
	if err != nil {
		return err
	}
	defer leave()
	known, now := t.known.of(b.Desc.Digest), pushed
	if early {
		now = offered
	}
	if known == offered || early && known != unasked {
		return nil
	}
	there, mounted, err := p.sendMissing(ctx, t, b, earlier, known == inAnother)
	if err != nil {
		return err
	}
	if p.together != nil {
		p.together.has(t.repo, b.Desc.Digest)
	}
	p.count(b, there, mounted)
	t.known.add(b.Desc.Digest, now)
	return nil
}

// sendMissing sends one blob, unless the target is known to have it, or has it when it is asked.
func (p *pusher) sendMissing(ctx context.Context, t *target, b oci.Blob, earlier []*target, has bool) (there, mounted bool, err error) {
	if !has && p.together != nil && t.read.Load() && len(t.sources) == 0 && len(earlier) == 0 {
		return p.sendOnce(ctx, t, b, !b.Desc.MediaType.IsConfig()) // the images that the tags name now do not have it
	}
	there, from := has, ""
	if !there {
		err = in(ctx, p.asking, func() (err error) {
			there, from, err = t.find(ctx, b.Desc.Digest)
			return err
		})
	}
	if there || err != nil {
		return there, false, err
	}
	if len(earlier) > 0 {
		from = earlier[0].repo.RepositoryStr()
	}
	if p.together != nil && from == "" {
		return p.sendOnce(ctx, t, b, false)
	}
	mounted, err = p.send(ctx, t.Repository, b, from)
	return false, mounted, err
}

// send sends one blob, or mounts it from a repository of the same registry.
func (p *pusher) send(ctx context.Context, to *remote.Repository, b oci.Blob, from string) (mounted bool, err error) {
	err = in(ctx, p.sending, func() (err error) {
		task := p.start(b)
		mounted, err = to.Upload(ctx, b, from, task)
		task.Done(err)
		return err
	})
	return mounted, err
}

// sendOnce sends one blob unless another push of this run sends it to the same registry: then it mounts the blob from there. there
// is true where the other push sent it to the same repository. Where nobody has sent it, ask says whether to ask the target first.
func (p *pusher) sendOnce(ctx context.Context, t *target, b oci.Blob, ask bool) (there, mounted bool, err error) {
	from, found, sent, err := p.together.holder(ctx, t.repo, b.Desc.Digest)
	switch {
	case err != nil:
		return false, false, err
	case !found:
		if ask {
			there, err = p.asks(ctx, t, b)
		}
		if !there && err == nil {
			mounted, err = p.send(ctx, t.Repository, b, "")
		}
		sent(err == nil)
		return there, mounted, err
	case from.Name() == t.repo.Name():
		return true, false, nil
	}
	to, err := t.mounting(ctx, from)
	if err != nil {
		return false, false, err
	}
	mounted, err = p.send(ctx, to, b, from.RepositoryStr())
	return false, mounted, err
}

// asks reports whether the target has a blob.
func (p *pusher) asks(ctx context.Context, t *target, b oci.Blob) (there bool, err error) {
	err = in(ctx, p.asking, func() (err error) {
		there, err = t.HasBlob(ctx, t.repo, b.Desc.Digest)
		return err
	})
	return there, err
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

// find asks for a blob in the target and, at the same time, in the repositories to mount from. Where the registry
// refuses to answer for those, find ignores them, and the blob is sent.
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

// manifests pushes the manifests by digest; a manifest comes after all that it names. With one repository the root is
// pushed by its tag, which saves a request. With several repositories it goes up by digest first, so that no tag moves
// before all registries accept it.
func (p *pusher) manifests(ctx context.Context, g *oci.Graph, targets []*target) error {
	for _, level := range append(slices.Clone(g.Levels), []oci.Manifest{g.Root}) {
		group, ctx := errgroup.WithContext(ctx)
		group.SetLimit(maxAsking)
		for _, m := range level {
			for _, t := range targets {
				isRoot := m.Desc.Digest == g.Root.Desc.Digest
				if t.known.of(m.Desc.Digest) != unasked || isRoot && len(targets) == 1 && t.refs[0].tag != "" {
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
