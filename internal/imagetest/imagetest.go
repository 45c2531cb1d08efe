// Package imagetest makes the small images that tests of the rooms below push need.
package imagetest

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Layer makes a layer of random bytes. It compresses them once, not at each read.
func Layer(t testing.TB, size int64) v1.Layer {
	t.Helper()
	l, err := random.Layer(size, types.OCILayer)
	if err != nil {
		t.Fatal(err)
	}
	r, err := l.Compressed()
	if err != nil {
		t.Fatal(err)
	}
	content, err := io.ReadAll(r)
	if err := errors.Join(err, r.Close()); err != nil {
		t.Fatal(err)
	}
	open := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(content)), nil }
	if l, err = tarball.LayerFromOpener(open, tarball.WithMediaType(types.OCILayer)); err != nil {
		t.Fatal(err)
	}
	return l
}

// Image makes an image for linux and an architecture.
func Image(t testing.TB, arch string, layers ...v1.Layer) v1.Image {
	t.Helper()
	img, err := mutate.ConfigFile(mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON),
		&v1.ConfigFile{OS: "linux", Architecture: arch, Config: v1.Config{Cmd: []string{"/hello"}}, RootFS: v1.RootFS{Type: "layers"}})
	if err != nil {
		t.Fatal(err)
	}
	if img, err = mutate.AppendLayers(img, layers...); err != nil {
		t.Fatal(err)
	}
	return img
}

// Index makes an index of images for linux. The keys are architectures.
func Index(images map[string]v1.Image) v1.ImageIndex {
	idx := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	arches := make([]string, 0, len(images))
	for arch := range images {
		arches = append(arches, arch)
	}
	slices.Sort(arches)
	for _, arch := range arches {
		idx = mutate.AppendManifests(idx, mutate.IndexAddendum{Add: images[arch], Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: arch}}})
	}
	return idx
}

// Sample makes an index of two platforms with two layers each. They share one layer.
func Sample(t testing.TB) v1.ImageIndex {
	t.Helper()
	shared := Layer(t, 3000)
	return Index(map[string]v1.Image{
		"amd64": Image(t, "amd64", shared, Layer(t, 2000)),
		"arm64": Image(t, "arm64", shared, Layer(t, 1000)),
	})
}

// Digest returns the digest of an image, an index or a layer.
func Digest(t testing.TB, d interface{ Digest() (v1.Hash, error) }) string {
	t.Helper()
	h, err := d.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return h.String()
}
