package push

import (
	"bytes"
	"cmp"
	"fmt"
	"io"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

const (
	// maxManifest bounds a manifest or an index: registries refuse more than 4 MiB.
	maxManifest = 4 << 20
	// maxConfig bounds an image config. It is read into memory; containerd and docker refuse more than 8 MiB.
	maxConfig = 8 << 20
	// maxDepth bounds how deep indexes stand in indexes; two is already rare.
	maxDepth = 4
	// maxManifests bounds what one index may lead to: ten times the platforms that exist, with attestations.
	maxManifests = 1024
)

// A graph is all that hangs below a root: what must be there before the root may be named.
type graph struct {
	root      manifest
	levels    [][]manifest // below the root; those of a level name only what is in the levels before it
	layers    []blob       // each digest once, in the order first met
	configs   []blob
	platforms []Platform
	images    []v1.Image // beside platforms

	seen    map[v1.Hash]bool
	entries int // of indexes, met so far
}

// A manifest is an image manifest or an index, as bytes.
type manifest struct {
	desc v1.Descriptor
	raw  []byte
}

// A blob is a layer or a config. Opening it may cost, so it is opened only where the bytes must move.
type blob struct {
	desc v1.Descriptor
	open func() (io.ReadCloser, error)
}

// newGraph walks what idx stands for, reads and checks all manifests and configs, and opens no layer.
func newGraph(idx v1.ImageIndex) (*graph, error) {
	g := &graph{seen: map[v1.Hash]bool{}}
	if s, ok := idx.(*single); ok {
		desc, err := describe(s.image)
		if err != nil {
			return nil, err
		}
		g.root, err = g.image(s.image, desc)
		return g, err
	}
	desc, err := Root(idx)
	if err != nil {
		return nil, err
	}
	g.root, _, err = g.index(idx, desc, 0)
	return g, err
}

// image adds an image's blobs. The caller places the manifest.
func (g *graph) image(img v1.Image, desc v1.Descriptor) (manifest, error) {
	m, err := rawManifest(img, desc)
	if err != nil {
		return manifest{}, err
	}
	man, err := v1.ParseManifest(bytes.NewReader(m.raw))
	if err != nil {
		return manifest{}, fmt.Errorf("reading image manifest %q: %w", desc.Digest, err)
	}
	raw, err := readConfig(img, man.Config)
	if err != nil {
		return manifest{}, fmt.Errorf("reading the config of image %q: %w", desc.Digest, err)
	}
	g.add(&g.configs, inMemory(man.Config, raw))
	size := man.Config.Size
	for _, l := range man.Layers {
		size += l.Size
		if !l.MediaType.IsDistributable() { // lies elsewhere, at the manifest's urls
			continue
		}
		g.add(&g.layers, blob{l, func() (io.ReadCloser, error) { return openLayer(img, l.Digest) }})
	}
	platform := desc.Platform
	if platform == nil {
		platform = configPlatform(raw)
	}
	g.platforms = append(g.platforms, Platform{
		Platform: platform, Digest: desc.Digest.String(), ManifestSize: desc.Size, Size: size, Config: man.Config, Layers: man.Layers,
	})
	g.images = append(g.images, img)
	return m, nil
}

// index adds what an index leads to, and says at which height it stands itself.
func (g *graph) index(idx v1.ImageIndex, desc v1.Descriptor, depth int) (manifest, int, error) {
	if depth >= maxDepth {
		return manifest{}, 0, fmt.Errorf("reading index %q: indexes within indexes, more than %d deep", desc.Digest, maxDepth)
	}
	m, err := rawManifest(idx, desc)
	if err != nil {
		return manifest{}, 0, err
	}
	im, err := v1.ParseIndexManifest(bytes.NewReader(m.raw))
	if err != nil {
		return manifest{}, 0, fmt.Errorf("reading index %q: %w", desc.Digest, err)
	}
	height := 0
	for _, child := range im.Manifests {
		h, err := g.child(idx, child, depth)
		if err != nil {
			return manifest{}, 0, err
		}
		height = max(height, h+1)
	}
	return m, height, nil
}

// child adds one entry of an index and returns its height: 0 for an image.
func (g *graph) child(idx v1.ImageIndex, desc v1.Descriptor, depth int) (int, error) {
	if g.seen[desc.Digest] && desc.MediaType.IsImage() {
		return 0, nil // one image under two platforms
	}
	if g.entries++; g.entries > maxManifests {
		return 0, fmt.Errorf("reading index: it leads to more than %d manifests", maxManifests)
	}
	g.seen[desc.Digest] = true
	var m manifest
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
	for len(g.levels) <= height {
		g.levels = append(g.levels, nil)
	}
	g.levels[height] = append(g.levels[height], m)
	return height, nil
}

func (g *graph) add(to *[]blob, b blob) {
	if !g.seen[b.desc.Digest] {
		g.seen[b.desc.Digest] = true
		*to = append(*to, b)
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

// runnable are the images that are meant to be run: attestations say that their platform is unknown.
func (g *graph) runnable() []int {
	var out []int
	for i, p := range g.platforms {
		if p.Platform == nil || p.Platform.OS != "unknown" {
			out = append(out, i)
		}
	}
	return out
}

// manifests lists all manifests, what is named before what names it; the root is last.
func (g *graph) manifests() []manifest {
	var out []manifest
	for _, level := range g.levels {
		out = append(out, level...)
	}
	return append(out, g.root)
}

// blobs lists every blob, manifests included, each once.
func (g *graph) blobs() []blob {
	out := append(append([]blob(nil), g.layers...), g.configs...)
	for _, m := range g.manifests() {
		out = append(out, inMemory(m.desc, m.raw))
	}
	return out
}

// rawManifest reads a manifest and holds it against the descriptor that names it.
func rawManifest(of interface{ RawManifest() ([]byte, error) }, desc v1.Descriptor) (manifest, error) {
	raw, err := of.RawManifest()
	if err != nil {
		return manifest{}, fmt.Errorf("reading manifest %q: %w", desc.Digest, err)
	}
	if len(raw) > maxManifest {
		return manifest{}, fmt.Errorf("reading manifest %q: it has %d bytes, registries take %d", desc.Digest, len(raw), maxManifest)
	}
	if err := checkBytes(raw, desc); err != nil {
		return manifest{}, fmt.Errorf("reading manifest %q: %w", desc.Digest, err)
	}
	return manifest{desc: desc, raw: raw}, nil
}

func inMemory(desc v1.Descriptor, raw []byte) blob {
	return blob{desc, func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(raw)), nil }}
}

func readConfig(img v1.Image, desc v1.Descriptor) ([]byte, error) {
	if desc.Size > maxConfig {
		return nil, fmt.Errorf("it has %d bytes, more than the %d that runtimes take", desc.Size, maxConfig)
	}
	raw, err := img.RawConfigFile()
	if err != nil {
		return nil, err
	}
	return raw, checkBytes(raw, desc)
}

func openLayer(img v1.Image, digest v1.Hash) (io.ReadCloser, error) {
	l, err := img.LayerByDigest(digest)
	if err != nil {
		return nil, err
	}
	return l.Compressed()
}

// checkBytes holds bytes against their descriptor.
func checkBytes(raw []byte, desc v1.Descriptor) error {
	got, n := sha256Of(raw), int64(len(raw))
	if got != desc.Digest || n != desc.Size {
		return &MismatchError{Want: desc.Digest.String(), Got: got.String(), Size: desc.Size, GotSize: n}
	}
	return nil
}

// defaultOS is what docker and containerd take an image for that states no OS.
const defaultOS = "linux"

// configPlatform is the platform that an image config states, or nil where it states none, as artifacts' configs do.
func configPlatform(raw []byte) *v1.Platform {
	cf, err := v1.ParseConfigFile(bytes.NewReader(raw))
	if err != nil || cf.Architecture == "" {
		return nil
	}
	return &v1.Platform{OS: cmp.Or(cf.OS, defaultOS), Architecture: cf.Architecture, Variant: cf.Variant, OSVersion: cf.OSVersion}
}
