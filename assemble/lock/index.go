package lock

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/pyimg/pyimg/layers"
)

// OpenBlob opens the compressed bytes of a layer.
type OpenBlob func(ctx context.Context, digest string) (io.ReadCloser, error)

// FromStore opens layers from the store that they were built in.
func FromStore(s *layers.Store) OpenBlob {
	return func(_ context.Context, digest string) (io.ReadCloser, error) { return s.Open(digest) }
}

// encode writes a manifest or configuration as compact JSON. Its digest depends on each byte.
func encode(v any) ([]byte, v1.Descriptor, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, v1.Descriptor{}, err
	}
	h, n, err := v1.SHA256(bytes.NewReader(b))
	return b, v1.Descriptor{Digest: h, Size: n}, err
}

// manifest computes the configuration and the manifest of one platform.
func (p Platform) manifest(annotations map[string]string) (config, manifest []byte, desc v1.Descriptor, err error) {
	config, configDesc, err := encode(p.configDocument())
	if err != nil {
		return nil, nil, desc, err
	}
	configDesc.MediaType = types.OCIConfigJSON
	m := v1.Manifest{SchemaVersion: 2, MediaType: types.OCIManifestSchema1, Config: configDesc, Annotations: annotations,
		Layers: []v1.Descriptor{}}
	for _, l := range p.Layers {
		m.Layers = append(m.Layers, v1.Descriptor{MediaType: types.MediaType(l.MediaType), Digest: Hash(l.Digest), Size: l.Size})
	}
	manifest, desc, err = encode(m)
	desc.MediaType = types.OCIManifestSchema1
	desc.Platform = p.Platform.OCI()
	return config, manifest, desc, err
}

// The annotations that name the base of an image. See the OCI image-spec, annotations.md.
const (
	baseName   = "org.opencontainers.image.base.name"
	baseDigest = "org.opencontainers.image.base.digest"
)

// annotated adds the base to the annotations of a manifest, unless the spec names another one.
func (p Platform) annotated(annotations map[string]string) map[string]string {
	if p.Base == nil {
		return annotations
	}
	all := map[string]string{baseDigest: p.Base.Digest}
	if name := p.Base.Reference(); name != "" {
		all[baseName] = name
	}
	maps.Copy(all, annotations)
	return all
}

// indexAnnotations adds the base to the annotations of the index, if all platforms have the same one. Its digest is known where the
// spec names it: that of an index is not a platform's.
func (l Lock) indexAnnotations() map[string]string {
	if len(l.Platforms) == 0 || l.Platforms[0].Base == nil {
		return l.Annotations
	}
	first := *l.Platforms[0].Base
	if first.Reference() == "" {
		return l.Annotations
	}
	for _, p := range l.Platforms {
		if p.Base == nil || p.Base.URL != first.URL {
			return l.Annotations
		}
	}
	all := map[string]string{baseName: first.Reference()}
	if _, digest, pinned := strings.Cut(first.URL, "@"); pinned {
		all[baseDigest] = digest
	}
	maps.Copy(all, l.Annotations)
	return all
}

// documents are the JSON documents of an image, computed from the lock.
type documents struct {
	index     *v1.IndexManifest
	raw       []byte // of the index
	desc      v1.Descriptor
	configs   [][]byte // by platform
	manifests [][]byte // by platform
}

func (l Lock) documents() (d documents, err error) {
	d.index = &v1.IndexManifest{SchemaVersion: 2, MediaType: types.OCIImageIndex, Annotations: l.indexAnnotations(), Manifests: []v1.Descriptor{}}
	for _, p := range l.Platforms {
		config, manifest, desc, err := p.manifest(p.annotated(l.Annotations))
		if err != nil {
			return d, fmt.Errorf("computing the manifest for %s: %w", p.Platform, err)
		}
		d.index.Manifests = append(d.index.Manifests, desc)
		d.configs, d.manifests = append(d.configs, config), append(d.manifests, manifest)
	}
	d.raw, d.desc, err = encode(d.index)
	return d, err
}

// Index returns the lock's image as an OCI image index. It calls open only when the caller reads a layer's bytes. ctx bounds
// these reads.
func (l Lock) Index(ctx context.Context, open OpenBlob) (v1.ImageIndex, error) {
	d, err := l.documents()
	if err != nil {
		return nil, err
	}
	idx := &index{docs: d, images: make(map[v1.Hash]v1.Image)}
	for i, p := range l.Platforms {
		img, err := partial.CompressedToImage(&image{d.configs[i], d.manifests[i], p.layerMap(ctx, open)})
		if err != nil {
			return nil, fmt.Errorf("reading back the manifest for %s: %w", p.Platform, err)
		}
		idx.images[d.index.Manifests[i].Digest] = img
	}
	return idx, nil
}

func (p Platform) layerMap(ctx context.Context, open OpenBlob) map[v1.Hash]partial.CompressedLayer {
	m := make(map[v1.Hash]partial.CompressedLayer)
	for _, l := range p.Layers {
		m[Hash(l.Digest)] = &layer{l, func() (io.ReadCloser, error) { return open(ctx, l.Digest) }}
	}
	return m
}

// index is a v1.ImageIndex of a lock's documents.
type index struct {
	docs   documents
	images map[v1.Hash]v1.Image
}

func (i *index) MediaType() (types.MediaType, error)       { return types.OCIImageIndex, nil }
func (i *index) Digest() (v1.Hash, error)                  { return i.docs.desc.Digest, nil }
func (i *index) Size() (int64, error)                      { return i.docs.desc.Size, nil }
func (i *index) IndexManifest() (*v1.IndexManifest, error) { return i.docs.index.DeepCopy(), nil }
func (i *index) RawManifest() ([]byte, error)              { return i.docs.raw, nil }
func (i *index) ImageIndex(h v1.Hash) (v1.ImageIndex, error) {
	return nil, fmt.Errorf("no index %s", h)
}

func (i *index) Image(h v1.Hash) (v1.Image, error) {
	img, ok := i.images[h]
	if !ok {
		return nil, fmt.Errorf("no image %s in the index", h)
	}
	return img, nil
}

// image has the methods from which go-containerregistry derives a v1.Image.
type image struct {
	config, manifest []byte
	layers           map[v1.Hash]partial.CompressedLayer
}

func (i *image) RawConfigFile() ([]byte, error)      { return i.config, nil }
func (i *image) RawManifest() ([]byte, error)        { return i.manifest, nil }
func (i *image) MediaType() (types.MediaType, error) { return types.OCIManifestSchema1, nil }
func (i *image) LayerByDigest(h v1.Hash) (partial.CompressedLayer, error) {
	l, ok := i.layers[h]
	if !ok {
		return nil, fmt.Errorf("no layer %s in the image", h)
	}
	return l, nil
}

// layer is one layer of the lock. It is opened when its bytes are read.
type layer struct {
	locked Layer
	open   func() (io.ReadCloser, error)
}

func (l *layer) Digest() (v1.Hash, error)            { return Hash(l.locked.Digest), nil }
func (l *layer) DiffID() (v1.Hash, error)            { return Hash(l.locked.DiffID), nil }
func (l *layer) Size() (int64, error)                { return l.locked.Size, nil }
func (l *layer) MediaType() (types.MediaType, error) { return types.MediaType(l.locked.MediaType), nil }
func (l *layer) Compressed() (io.ReadCloser, error)  { return l.open() }

func sha256Of(b []byte) string {
	sum := sha256.Sum256(b)
	return "sha256:" + hex.EncodeToString(sum[:])
}
