package e2e_test

import (
	"os"
	"path/filepath"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
)

// tag is what the tests call every image.
const tag = "t"

// A layoutDir is an OCI layout that pyimg wrote with the tag above.
type layoutDir string

func (l layoutDir) ref() string { return string(l) + ":" + tag }

func (l layoutDir) output() string { return "oci:" + string(l) + ":" + tag }

// root is the descriptor that the tag stands for.
func (l layoutDir) root(t testing.TB) v1.Descriptor {
	t.Helper()
	index, err := layout.ImageIndexFromPath(string(l))
	if err != nil {
		t.Fatal(err)
	}
	m, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range m.Manifests {
		if d.Annotations["org.opencontainers.image.ref.name"] == tag {
			return d
		}
	}
	t.Fatalf("%s/index.json has no tag %q: %v", l, tag, m.Manifests)
	return v1.Descriptor{}
}

// index is the tag's multi-arch index.
func (l layoutDir) index(t testing.TB) v1.ImageIndex {
	t.Helper()
	d := l.root(t)
	if !d.MediaType.IsIndex() {
		t.Fatalf("tag %q of %s is a %s, want an index", tag, l, d.MediaType)
	}
	top, err := layout.ImageIndexFromPath(string(l))
	if err != nil {
		t.Fatal(err)
	}
	index, err := top.ImageIndex(d.Digest)
	if err != nil {
		t.Fatal(err)
	}
	return index
}

// manifest is the descriptor of one platform's image.
func (l layoutDir) manifest(t testing.TB, p platform) v1.Descriptor {
	t.Helper()
	m, err := l.index(t).IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	want, err := v1.ParsePlatform(p.oci)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range m.Manifests {
		// arm64 may or may not be written with its only variant, v8.
		if d.Platform.OS == want.OS && d.Platform.Architecture == want.Architecture &&
			(d.Platform.Variant == want.Variant || want.Variant == "") {
			return d
		}
	}
	t.Fatalf("%s has no image for %s: %v", l, p.oci, m.Manifests)
	return v1.Descriptor{}
}

func (l layoutDir) image(t testing.TB, p platform) v1.Image {
	t.Helper()
	img, err := l.index(t).Image(l.manifest(t, p).Digest)
	if err != nil {
		t.Fatal(err)
	}
	return img
}

// single makes a layout of one platform's manifest next to the same blobs: umoci
// calls the tag of a multi-arch index ambiguous.
func (l layoutDir) single(t testing.TB, p platform) layoutDir {
	t.Helper()
	dir := openDir(t)
	if err := os.Symlink(filepath.Join(string(l), "blobs"), filepath.Join(dir, "blobs")); err != nil {
		t.Fatal(err)
	}
	d := l.manifest(t, p)
	d.Annotations = map[string]string{"org.opencontainers.image.ref.name": tag}
	writeJSON(t, filepath.Join(dir, "index.json"), v1.IndexManifest{SchemaVersion: 2, Manifests: []v1.Descriptor{d}})
	writeJSON(t, filepath.Join(dir, "oci-layout"), map[string]string{"imageLayoutVersion": "1.0.0"})
	return layoutDir(dir)
}

func layerDigests(t testing.TB, img v1.Image) []string {
	t.Helper()
	m, err := img.Manifest()
	if err != nil {
		t.Fatal(err)
	}
	digests := make([]string, len(m.Layers))
	for i, l := range m.Layers {
		digests[i] = l.Digest.String()
	}
	return digests
}
