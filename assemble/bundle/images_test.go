package bundle_test

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/google/go-containerregistry/pkg/v1/validate"

	"github.com/pyimg/pyimg/assemble/bundle/create"
	"github.com/pyimg/pyimg/assemble/bundle/manifest"
	"github.com/pyimg/pyimg/internal/fixture"
)

// baseImage makes an index of small images for platforms.
func baseImage(t *testing.T, ref string, platforms ...string) create.BaseImage {
	t.Helper()
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, name := range platforms {
		img, err := random.Image(100, 2)
		if err != nil {
			t.Fatal(err)
		}
		p, err := v1.ParsePlatform(name)
		if err != nil {
			t.Fatal(err)
		}
		config, err := img.ConfigFile()
		if err != nil {
			t.Fatal(err)
		}
		config = config.DeepCopy()
		config.OS, config.Architecture, config.Variant = p.OS, p.Architecture, p.Variant
		if img, err = mutate.ConfigFile(img, config); err != nil {
			t.Fatal(err)
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: img, Descriptor: v1.Descriptor{Platform: p}})
	}
	root, err := partial.Descriptor(index)
	if err != nil {
		t.Fatal(err)
	}
	return create.BaseImage{Ref: ref, Root: *root, Index: index}
}

// wrapped is a single image, as push.Wrap shows it.
func wrapped(t *testing.T, ref string, img v1.Image) create.BaseImage {
	t.Helper()
	root, err := partial.Descriptor(img)
	if err != nil {
		t.Fatal(err)
	}
	config, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	index := mutate.AppendManifests(mutate.IndexMediaType(empty.Index, types.OCIImageIndex),
		mutate.IndexAddendum{Add: img, Descriptor: v1.Descriptor{Platform: config.Platform()}})
	return create.BaseImage{Ref: ref, Root: *root, Index: index}
}

// TestBaseImages keeps an index whose images are all wanted as it is, and of another one the images that are.
func TestBaseImages(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	o := s.options(t, filepath.Join(t.TempDir(), "b"))
	o.Store = s.store
	same := baseImage(t, "example.com/same:1", "linux/amd64", "linux/arm64")
	more := baseImage(t, "example.com/more:1", "linux/amd64", "linux/s390x", "unknown/unknown")
	o.BaseImages = []create.BaseImage{same, more}
	mustCreate(t, o)
	if err := verify(t, o.Output); err != nil {
		t.Fatal(err)
	}
	top, err := layout.ImageIndexFromPath(filepath.Join(o.Output, manifest.LayoutDir))
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Index(top); err != nil {
		t.Error(err)
	}
	m, err := top.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	at := slices.IndexFunc(m.Manifests, func(d v1.Descriptor) bool { return d.Digest == same.Root.Digest })
	if len(m.Manifests) != 2 || at < 0 || m.Manifests[at].Annotations["org.opencontainers.image.ref.name"] != same.Ref {
		t.Fatalf("the layout has %v, want %s among two", m.Manifests, same.Root.Digest)
	}
	reduced, err := top.ImageIndex(m.Manifests[1-at].Digest)
	if err != nil {
		t.Fatal(err)
	}
	if m, err := reduced.IndexManifest(); err != nil || len(m.Manifests) != 1 || m.Manifests[0].Platform.Architecture != "amd64" {
		t.Errorf("of three images the layout has %v, %v, want that for amd64", m, err)
	}
}

// TestCreateMends makes a bundle anew where files of the earlier one are damaged.
func TestCreateMends(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	o := s.options(t, filepath.Join(t.TempDir(), "b"))
	o.Store = s.store
	o.BaseImages = []create.BaseImage{baseImage(t, "example.com/base:1", "linux/amd64")}
	made := mustCreate(t, o)
	for _, name := range files(t, o.Output) {
		whole := read(t, o.Output, name)
		for what, damaged := range map[string][]byte{"flipped": fixture.FlipByte(whole, len(whole)/2), "cut off": whole[:len(whole)-1]} {
			if name == manifest.Name {
				continue // it is what makes a folder a bundle
			}
			write(t, damaged, o.Output, name)
			if again, err := createBundle(t, o); err != nil || again.ID != made.ID {
				t.Fatalf("%s %s: Create = %s, %v, want %s", what, name, again.ID, err, made.ID)
			}
			if err := verify(t, o.Output); err != nil {
				t.Errorf("%s %s: %v", what, name, err)
			}
		}
	}
}

// TestBaseImageWithoutALayer is found also where the manifest of the bundle was made to fit.
func TestBaseImageWithoutALayer(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	o := s.options(t, filepath.Join(t.TempDir(), "b"))
	o.Store = s.store
	base := baseImage(t, "example.com/base:1", "linux/amd64")
	o.BaseImages = []create.BaseImage{base}
	mustCreate(t, o)
	m, err := base.Index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	img, err := base.Index.Image(m.Manifests[0].Digest)
	if err != nil {
		t.Fatal(err)
	}
	im, err := img.Manifest()
	if err != nil {
		t.Fatal(err)
	}
	hex := im.Layers[0].Digest.Hex
	forge(t, o.Output, func(m *manifest.Manifest) {
		leaveOut(t, m, func(f manifest.File) bool { return strings.HasSuffix(f.Path, hex) })
	})
	remove(t, o.Output, manifest.LayoutDir, "blobs", "sha256", hex)
	if err := verify(t, o.Output); err == nil || !strings.Contains(err.Error(), "sha256:"+hex) {
		t.Errorf("Verify = %v, want the missing layer's digest", err)
	}
}
