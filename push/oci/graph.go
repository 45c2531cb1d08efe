package oci

import (
	"bytes"
	"fmt"
	"io"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

const (
	// MaxManifest bounds a manifest or an index: registries refuse more than 4 MiB.
	MaxManifest = 4 << 20
	// MaxConfig bounds an image config. It is read into memory; containerd and docker refuse more than 8 MiB.
	MaxConfig = 8 << 20
	// maxDepth bounds how deep indexes may be nested; two levels are already rare.
	maxDepth = 4
	// maxManifests bounds the manifests that one index may lead to: ten times the number of existing platforms, with
	// attestations.
	maxManifests = 1024
)

// A Graph is everything that a root leads to. All of it must be stored before the root may be named.
type Graph struct {
	Root      Manifest
	Levels    [][]Manifest // manifests below the root; a manifest names only manifests of earlier levels
	Layers    []Blob       // each digest once, in the order of first use
	Configs   []Blob
	Platforms []Platform
	Images    []v1.Image // the images of Platforms, in the same order

	seen    map[v1.Hash]bool
	entries int // entries of indexes seen so far
}

// A Platform is one image below a root.
type Platform struct {
	Platform     *v1.Platform // nil where neither the index nor the config states one
	Digest       string
	ManifestSize int64 // in bytes
	Size         int64 // of the config and the compressed layers, in bytes
	Config       v1.Descriptor
	Layers       []v1.Descriptor
}

// A Manifest is an image manifest or an index, as bytes.
type Manifest struct {
	Desc v1.Descriptor
	Raw  []byte
}

// A Blob is a layer, a config or a manifest. Opening it may be expensive, so it is opened only where its bytes must be
// copied.
type Blob struct {
	Desc v1.Descriptor
	Open func() (io.ReadCloser, error)
}

// Walk reads and checks all manifests and configs that idx leads to (see [Root]). It opens no layer.
func Walk(idx v1.ImageIndex) (*Graph, error) {
	g := &Graph{seen: map[v1.Hash]bool{}}
	if s, ok := idx.(*single); ok {
		desc, err := describe(s.image)
		if err != nil {
			return nil, err
		}
		g.Root, err = g.image(s.image, desc)
		return g, err
	}
	desc, err := Root(idx)
	if err != nil {
		return nil, err
	}
	g.Root, _, err = g.index(idx, desc, 0)
	return g, err
}

// image adds an image's blobs. The caller stores the returned manifest in its level.
func (g *Graph) image(img v1.Image, desc v1.Descriptor) (Manifest, error) {
	m, err := rawManifest(img, desc)
	if err != nil {
		return Manifest{}, err
	}
	man, err := v1.ParseManifest(bytes.NewReader(m.Raw))
	if err != nil {
		return Manifest{}, fmt.Errorf("reading image manifest %q: %w", desc.Digest, err)
	}
	raw, err := readConfig(img, man.Config)
	if err != nil {
		return Manifest{}, fmt.Errorf("reading the config of image %q: %w", desc.Digest, err)
	}
	g.add(&g.Configs, Memory(man.Config, raw))
	size := man.Config.Size
	for _, l := range man.Layers {
		size += l.Size
		if !l.MediaType.IsDistributable() { // its bytes are at the manifest's urls
			continue
		}
		g.add(&g.Layers, Blob{l, func() (io.ReadCloser, error) { return openLayer(img, l.Digest) }})
	}
	platform := desc.Platform
	if platform == nil {
		platform = configPlatform(raw)
	}
	g.Platforms = append(g.Platforms, Platform{
		Platform: platform, Digest: desc.Digest.String(), ManifestSize: desc.Size, Size: size, Config: man.Config, Layers: man.Layers,
	})
	g.Images = append(g.Images, img)
	return m, nil
}

// index adds all that an index leads to. It returns the index's manifest and its height above the images.
func (g *Graph) index(idx v1.ImageIndex, desc v1.Descriptor, depth int) (Manifest, int, error) {
	if depth >= maxDepth {
		return Manifest{}, 0, fmt.Errorf("reading index %q: indexes are nested more than %d deep", desc.Digest, maxDepth)
	}
	m, err := rawManifest(idx, desc)
	if err != nil {
		return Manifest{}, 0, err
	}
	im, err := v1.ParseIndexManifest(bytes.NewReader(m.Raw))
	if err != nil {
		return Manifest{}, 0, fmt.Errorf("reading index %q: %w", desc.Digest, err)
	}
	height := 0
	for _, child := range im.Manifests {
		h, err := g.child(idx, child, depth)
		if err != nil {
			return Manifest{}, 0, err
		}
		height = max(height, h+1)
	}
	return m, height, nil
}

// child adds one entry of an index and returns the entry's height, 0 for an image.
func (g *Graph) child(idx v1.ImageIndex, desc v1.Descriptor, depth int) (int, error) {
	if g.seen[desc.Digest] && desc.MediaType.IsImage() {
		return 0, nil // the same image for two platforms
	}
	if g.entries++; g.entries > maxManifests {
		return 0, fmt.Errorf("reading index: it leads to more than %d manifests", maxManifests)
	}
	g.seen[desc.Digest] = true
	var m Manifest
	var height int
	switch {
	case desc.MediaType.IsImage():
		img, err := idx.Image(desc.Digest)
		if err != nil {
			return 0, fmt.Errorf("reading image %q of the index: %w", desc.Digest, err)
		}
		if m, err = g.image(img, desc); err != nil {
			return 0, err
		}
	case desc.MediaType.IsIndex():
		sub, err := idx.ImageIndex(desc.Digest)
		if err != nil {
			return 0, fmt.Errorf("reading index %q of the index: %w", desc.Digest, err)
		}
		if m, height, err = g.index(sub, desc, depth+1); err != nil {
			return 0, err
		}
	default:
		return 0, fmt.Errorf("reading index: entry %q is of media type %q, which is neither an image nor an index", desc.Digest, desc.MediaType)
	}
	for len(g.Levels) <= height {
		g.Levels = append(g.Levels, nil)
	}
	g.Levels[height] = append(g.Levels[height], m)
	return height, nil
}

func (g *Graph) add(to *[]Blob, b Blob) {
	if !g.seen[b.Desc.Digest] {
		g.seen[b.Desc.Digest] = true
		*to = append(*to, b)
	}
}

// Runnable returns the positions in Platforms of the images that can be run. An attestation is an image whose platform
// is "unknown".
func (g *Graph) Runnable() []int {
	var out []int
	for i, p := range g.Platforms {
		if p.Platform == nil || p.Platform.OS != "unknown" {
			out = append(out, i)
		}
	}
	return out
}

// Manifests returns all manifests. A manifest comes after those that it names; the root is last.
func (g *Graph) Manifests() []Manifest {
	var out []Manifest
	for _, level := range g.Levels {
		out = append(out, level...)
	}
	return append(out, g.Root)
}

// Blobs returns every blob once, manifests included.
func (g *Graph) Blobs() []Blob {
	out := append(append([]Blob(nil), g.Layers...), g.Configs...)
	for _, m := range g.Manifests() {
		out = append(out, Memory(m.Desc, m.Raw))
	}
	return out
}

// rawManifest reads a manifest and checks it against its descriptor.
func rawManifest(of interface{ RawManifest() ([]byte, error) }, desc v1.Descriptor) (Manifest, error) {
	raw, err := of.RawManifest()
	if err != nil {
		return Manifest{}, fmt.Errorf("reading manifest %q: %w", desc.Digest, err)
	}
	if len(raw) > MaxManifest {
		return Manifest{}, fmt.Errorf("reading manifest %q: it has %d bytes, and registries accept at most %d", desc.Digest, len(raw), MaxManifest)
	}
	if err := Check(raw, desc); err != nil {
		return Manifest{}, fmt.Errorf("reading manifest %q: %w", desc.Digest, err)
	}
	return Manifest{Desc: desc, Raw: raw}, nil
}

// Memory returns a blob whose bytes are in memory.
func Memory(desc v1.Descriptor, raw []byte) Blob {
	return Blob{desc, func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(raw)), nil }}
}

func readConfig(img v1.Image, desc v1.Descriptor) ([]byte, error) {
	if desc.Size > MaxConfig {
		return nil, fmt.Errorf("it has %d bytes, more than the %d that runtimes accept", desc.Size, MaxConfig)
	}
	raw, err := img.RawConfigFile()
	if err != nil {
		return nil, err
	}
	return raw, Check(raw, desc)
}

func openLayer(img v1.Image, digest v1.Hash) (io.ReadCloser, error) {
	l, err := img.LayerByDigest(digest)
	if err != nil {
		return nil, err
	}
	return l.Compressed()
}

// Check checks bytes against their descriptor. It returns a [*DigestError] where they differ.
func Check(raw []byte, desc v1.Descriptor) error {
	got, n := SHA256(raw), int64(len(raw))
	if got != desc.Digest || n != desc.Size {
		return &DigestError{Want: desc.Digest.String(), Got: got.String(), Size: desc.Size, GotSize: n}
	}
	return nil
}
