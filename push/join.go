package push

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/pyimg/pyimg/internal/patience"
	"github.com/pyimg/pyimg/push/oci"
)

// Join makes one index of images that several machines pushed by digest, and makes every reference of refs name it. A
// source is a reference to an image or to an index. The new index lists the images of all sources in the order of the
// sources. It has the annotations that all source indexes share, and those in annotations, so that an image that was
// pushed in parts has the same digest as the whole. Blobs are sent only where a target's repository lacks them.
func (r Registry) Join(ctx context.Context, refs, sources []string, annotations map[string]string, o Options) (Result, error) {
	return patience.Promptly(ctx, func() (Result, error) { return r.join(ctx, refs, sources, annotations, o) })
}

func (r Registry) join(ctx context.Context, refs, sources []string, annotations map[string]string, o Options) (Result, error) {
	if len(sources) == 0 {
		return Result{}, errors.New("joining images: no source given")
	}
	targets, err := r.parseTargets(refs, o)
	if err != nil {
		return Result{}, err
	}
	j := &joined{images: map[v1.Hash]v1.Image{}}
	o.present = map[string]map[v1.Hash]bool{}
	for i, s := range sources {
		ref, err := r.parse(s)
		if err != nil {
			return Result{}, err
		}
		g, err := r.joinOne(ctx, j, s, i == 0)
		if err != nil {
			return Result{}, err
		}
		repo := ref.Context().Name()
		if o.present[repo] == nil {
			o.present[repo] = map[v1.Hash]bool{}
		}
		for _, b := range g.Blobs() {
			o.present[repo][b.Desc.Digest] = true
		}
		mountable := slices.ContainsFunc(targets, func(w targetRef) bool { return w.repo.RegistryStr() == ref.Context().RegistryStr() })
		if mountable && !slices.Contains(o.MountFrom, repo) {
			o.MountFrom = append(slices.Clone(o.MountFrom), repo)
		}
	}
	if err := j.seal(annotations); err != nil {
		return Result{}, err
	}
	return r.Push(ctx, j, refs, o)
}

// joinOne adds the images that one source names.
func (r Registry) joinOne(ctx context.Context, j *joined, source string, first bool) (*oci.Graph, error) {
	idx, err := r.get(ctx, source)
	if err != nil {
		return nil, err
	}
	g, err := oci.Walk(idx)
	if err != nil {
		return nil, fmt.Errorf("joining %q: %w", source, err)
	}
	im, err := idx.IndexManifest()
	if err != nil {
		return nil, fmt.Errorf("joining %q: %w", source, err)
	}
	if g.Root.Desc.MediaType.IsIndex() {
		j.agree(im.Annotations, first || !j.indexes)
		j.indexes = true
	}
	for i, d := range im.Manifests {
		if !d.MediaType.IsImage() || i >= len(g.Images) {
			return nil, fmt.Errorf("joining %q: its entry %q is of media type %q, expected only images", source, d.Digest, d.MediaType)
		}
		if err := j.add(d, g, source); err != nil {
			return nil, err
		}
	}
	return g, nil
}

// joined is an index that is being made; after seal it is that index.
type joined struct {
	manifest v1.IndexManifest
	raw      []byte
	images   map[v1.Hash]v1.Image
	common   map[string]string // annotations that all source indexes so far have
	indexes  bool              // there was a source index
	sources  []string          // the source of each of manifest.Manifests, in the same order
}

// agree keeps the annotations that this source index and all before it share.
func (j *joined) agree(annotations map[string]string, first bool) {
	if first {
		j.common = maps.Clone(annotations)
		return
	}
	maps.DeleteFunc(j.common, func(k, v string) bool { got, ok := annotations[k]; return !ok || got != v })
}

// add adds an image. Adding an image again has no effect; two different images for one platform are an error.
func (j *joined) add(d v1.Descriptor, g *oci.Graph, source string) error {
	if j.images[d.Digest] != nil {
		return nil
	}
	for i, other := range j.manifest.Manifests {
		if p := d.Platform; p != nil && p.OS != "unknown" && other.Platform != nil && other.Platform.Equals(*p) {
			return fmt.Errorf("joining %q: source %[3]q already has an image for %[2]s, with another digest", source, p, j.sources[i])
		}
	}
	at := slices.IndexFunc(g.Platforms, func(p oci.Platform) bool { return p.Digest == d.Digest.String() })
	if at < 0 {
		return fmt.Errorf("joining %q: the source has no image %q", source, d.Digest)
	}
	j.images[d.Digest] = g.Images[at]
	j.manifest.Manifests = append(j.manifest.Manifests, d)
	j.sources = append(j.sources, source)
	return nil
}

// seal computes the bytes of the index.
func (j *joined) seal(annotations map[string]string) (err error) {
	j.manifest.SchemaVersion, j.manifest.MediaType = 2, types.OCIImageIndex
	if all := maps.Clone(j.common); len(all)+len(annotations) > 0 {
		if all == nil {
			all = map[string]string{}
		}
		maps.Copy(all, annotations)
		j.manifest.Annotations = all
	}
	j.raw, err = json.Marshal(j.manifest)
	return err
}

func (j *joined) MediaType() (types.MediaType, error) { return types.OCIImageIndex, nil }
func (j *joined) Digest() (v1.Hash, error)            { return oci.SHA256(j.raw), nil }
func (j *joined) Size() (int64, error)                { return int64(len(j.raw)), nil }
func (j *joined) RawManifest() ([]byte, error)        { return j.raw, nil }
func (j *joined) IndexManifest() (*v1.IndexManifest, error) {
	return v1.ParseIndexManifest(bytes.NewReader(j.raw))
}

func (j *joined) Image(h v1.Hash) (v1.Image, error) {
	if img := j.images[h]; img != nil {
		return img, nil
	}
	return nil, fmt.Errorf("no image %q in the index", h)
}

func (j *joined) ImageIndex(h v1.Hash) (v1.ImageIndex, error) {
	return nil, fmt.Errorf("no index %q in the index", h)
}
