package assemble_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/pyimg/pyimg/assemble"
	"github.com/pyimg/pyimg/assemble/lock"
	"github.com/pyimg/pyimg/internal/fixture"
)

// shelf holds images by reference, and counts the layers that are read.
type shelf struct {
	images map[string]v1.Image
	asked  []string
	read   atomic.Int64
}

func (s *shelf) Image(_ context.Context, ref, platform string) (v1.Image, error) {
	s.asked = append(s.asked, ref)
	img := s.images[ref]
	if img == nil {
		return nil, fmt.Errorf("%s for %s: %w", ref, platform, fs.ErrNotExist)
	}
	return countedImage{img, &s.read}, nil
}

type countedImage struct {
	v1.Image
	read *atomic.Int64
}

func (c countedImage) LayerByDigest(h v1.Hash) (v1.Layer, error) {
	l, err := c.Image.LayerByDigest(h)
	return countedLayer{l, c.read}, err
}

type countedLayer struct {
	v1.Layer
	read *atomic.Int64
}

func (c countedLayer) Compressed() (io.ReadCloser, error) {
	c.read.Add(1)
	return c.Layer.Compressed()
}

// imageOf has layers of files, lowest first; every second one is zstd.
func imageOf(t *testing.T, stack ...[]fixture.File) v1.Image {
	t.Helper()
	img := empty.Image
	for i, files := range stack {
		b := fixture.Tarball{Files: files}
		mediaType := types.OCILayer
		if i%2 == 1 {
			b.Compression, mediaType = "zstd", types.OCILayerZStd
		}
		var err error
		if img, err = mutate.AppendLayers(img, static.NewLayer(b.Bytes(), mediaType)); err != nil {
			t.Fatal(err)
		}
	}
	return img
}

func digestOfImage(t *testing.T, img v1.Image) string {
	t.Helper()
	d, err := img.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return d.String()
}

// layered is an image whose upper layers hide parts of the lower ones in every way that there is.
func layered(t *testing.T) v1.Image {
	t.Helper()
	return imageOf(t,
		[]fixture.File{file("usr/local/bin/gone", "1"), file("usr/local/bin/kept", "1"), file("usr/local/lib/old/x", "1"), file("usr/local/lib/a/b/c", "1"),
			file("usr/local/share/was-folder/x", "1"), file("usr/bin/other", "1"), file("usr/local/changed", "1")},
		[]fixture.File{file("usr/local/bin/.wh.gone", ""), file("usr/local/lib/old/.wh..wh..opq", ""), file("usr/local/lib/old/y", "2"), file("usr/local/changed", "22")},
		[]fixture.File{file("etc/passwd", "root:x:0:0:::\n"), file("usr/local/share/was-folder", "3")},
		[]fixture.File{file("usr/local/lib/.wh.a", "")})
}

func TestRuntimeOutOfAnImageIsWhatAContainerWouldSee(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fixture.Package{Name: "a", Files: []fixture.File{file("etc/a", "a")}})
	src := w.sources(t)
	images := &shelf{images: map[string]v1.Image{"example.com/py:1": layered(t)}}
	src.Images = images
	layer, tree := builtImage(t, w.spec(t, "a", "runtime: {source: \"image:example.com/py:1\"}\n"), src)
	var got []string
	for n := range tree.All() {
		if strings.HasPrefix(n.Path, "usr") && !n.IsDir() {
			got = append(got, fmt.Sprintf("%s %d", n.Path, n.Entry.Header.Size))
		}
	}
	want := []string{"usr/local/bin/kept 1", "usr/local/changed 2", "usr/local/lib/old/y 1", "usr/local/share/was-folder 1"}
	if !slices.Equal(got, want) {
		t.Errorf("the image holds %q, want %q", got, want)
	}
	l, ok := layer["runtime example.com/py:1"]
	if !ok || why(l) != "/usr/local of the image" || !strings.HasSuffix(l.MediaType, "zstd") {
		t.Errorf("layers are %+v, want one out of the image, zstd as its own are", layer)
	}
	if n := images.read.Load(); n != 4 {
		t.Errorf("%d layers were read, want 4", n)
	}
	if _, err := build(t, w.spec(t, "a", "runtime: {source: \"image:example.com/py:1\", exclude: [\"**/old\"]}\n"), src); err != nil {
		t.Fatal(err)
	}
	if n := images.read.Load(); n != 4 {
		t.Errorf("%d layers were read in the end: a second image of the same parts wants none", n)
	}
}

func TestOtherPathsOfAnImage(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fixture.Package{Name: "a", Files: []fixture.File{file("etc/a", "a")}})
	src := w.sources(t)
	src.Images = &shelf{images: map[string]v1.Image{"example.com/py:1": layered(t)}}
	for more, want := range map[string]string{
		"paths: [usr/bin, /usr/local/bin/]":    "usr/bin/other usr/local/bin/kept",
		"paths: usr/local/bin, prefix: /opt/b": "opt/b/kept",
	} {
		_, tree := builtImage(t, w.spec(t, "a", "runtime: {source: \"image:example.com/py:1\", "+more+"}\n"), src)
		var got []string
		for n := range tree.All() {
			if !n.IsDir() && (strings.HasPrefix(n.Path, "usr") || strings.HasPrefix(n.Path, "opt")) {
				got = append(got, n.Path)
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %q, want %q", more, got, want)
		}
	}
	for more, want := range map[string]string{
		"paths: [usr/bin, usr/local], prefix: /opt": "it can move only one path",
		"paths: srv": "nothing at /srv",
	} {
		if _, err := build(t, w.spec(t, "a", "runtime: {source: \"image:example.com/py:1\", "+more+"}\n"), src); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want an error with %q", more, err, want)
		}
	}
}

func TestRuntimeThatMovesOutOfAnImageKnowsItsPlace(t *testing.T) {
	t.Parallel()
	w := newWorld(t, muslAndMore())
	src := w.sources(t)
	src.Images = &shelf{images: map[string]v1.Image{"example.com/py:1": imageOf(t, fixture.Runtime{Arch: "x86_64"}.Files())}}
	s := w.spec(t, "musl", "runtime: {source: \"image:example.com/py:1\", prefix: /opt/py, exclude: opt/py/lib/python3.13/test}\n")
	plan, err := assemble.Resolve(t.Context(), s, src, testKeys(t))
	if err != nil {
		t.Fatal(err)
	}
	r := plan.Platforms[0].Runtimes[0].Report
	if r.Prefix != "/opt/py" || r.Python == nil || r.Python.Prefix != "/opt/py" || r.Tests.Files != 0 {
		t.Errorf("the runtime is %+v, want one that lies in /opt/py, says so, and has no tests", r)
	}
}

func TestLockHoldsAnImageThatMoves(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fixture.Package{Name: "a", Files: []fixture.File{file("etc/a", "a")}})
	old := layered(t)
	images := &shelf{images: map[string]v1.Image{"example.com/py:1": old}}
	src := w.sources(t)
	src.Images = images
	s := w.spec(t, "a", "runtime: {source: \"image:example.com/py:1\"}\n")
	locked, err := build(t, s, src)
	if err != nil {
		t.Fatal(err)
	}
	digest := digestOfImage(t, old)
	if r := locked.Platforms[0].Runtimes; len(r) != 1 || r[0] != (lock.Runtime{URL: "image:example.com/py:1", Digest: digest}) {
		t.Errorf("the lock has the runtimes %+v, want the image's manifest %s", r, digest)
	}
	// The tag leads elsewhere; the old image is there by its digest.
	images.images = map[string]v1.Image{"example.com/py:1": imageOf(t, []fixture.File{file("usr/local/new", "1")}), "example.com/py:1@" + digest: old}
	src.Store = w.sources(t).Store
	supply, err := assemble.NewSupply(locked, s, src, testKeys(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range locked.Platforms[0].Layers {
		r, err := supply.Open(t.Context(), l.Digest)
		if err != nil {
			t.Fatalf("layer %s: %v", l.From, err)
		}
		var b bytes.Buffer
		if _, err := io.Copy(&b, r); err != nil || int64(b.Len()) != l.Size {
			t.Errorf("layer %s: %d bytes, %v, want %d", l.From, b.Len(), err, l.Size)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
	if slices.Contains(images.asked[1:], "example.com/py:1") {
		t.Errorf("asked for %q: with a lock the tag does not matter", images.asked)
	}
	images.images = nil
	src.Store = w.sources(t).Store
	if _, err := assemble.PlanOf(t.Context(), locked, s, src, testKeys(t)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("with the image gone: %v, want fs.ErrNotExist", err)
	}
}
