package bundle_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"path/filepath"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"github.com/pyimg/pyimg/assemble"
	"github.com/pyimg/pyimg/assemble/bundle"
	"github.com/pyimg/pyimg/assemble/bundle/create"
	"github.com/pyimg/pyimg/assemble/input"
	"github.com/pyimg/pyimg/assemble/kept"
	"github.com/pyimg/pyimg/assemble/spec"
	"github.com/pyimg/pyimg/internal/fetch"
	"github.com/pyimg/pyimg/internal/fixture"
	"github.com/pyimg/pyimg/layers"
)

const someDigest = "sha256:0000000000000000000000000000000000000000000000000000000000000001"

func TestImageRef(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]string{
		"https://example.com/python.tar.gz":                 "",
		"image:example.com/team/python:3.13":                "example.com/team/python:3.13@" + someDigest,
		"image:example.com/python@sha256:" + someDigest[7:]: "example.com/python@" + someDigest,
		"image:oci:base":                                   "oci:base@" + someDigest,
		"image:oci:/home/me/base:v1":                       "oci:base:v1@" + someDigest,
		"image:oci:../my base @ home:v1":                   "oci:my-base-home:v1@" + someDigest,
		"image:oci:base.tar:3.13":                          "oci:base.tar:3.13@" + someDigest,
		"image:oci:/home/me/-x--y_":                        "oci:x-y@" + someDigest,
		"image:oci:..":                                     "oci:layout@" + someDigest,
		"image:oci:/":                                      "oci:layout@" + someDigest,
		"image:oci:/home/me/\"\\\n\xff":                    "oci:layout@" + someDigest,
		"image:oci:layouts/grüße":                          "oci:gr-e@" + someDigest,
		"image:oci:b/images:example.com/x:1@" + someDigest: "oci:x:1-sha256:" + someDigest[7:] + "@" + someDigest,
		"image:oci.example.com/python:3":                   "oci.example.com/python:3@" + someDigest,
	} {
		got := bundle.ImageRef(assemble.InputRuntime{URL: url, Digest: someDigest})
		if got != want {
			t.Errorf("ImageRef(%q) = %q, want %q", url, got, want)
		}
		if disk := strings.HasPrefix(url, "image:oci:"); bundle.InRegistry(got) == disk {
			t.Errorf("InRegistry(%q) = %t", got, !disk)
		}
	}
}

// oneImage is the only image that there is.
type oneImage struct{ img v1.Image }

func (o oneImage) Image(context.Context, string, string) (v1.Image, error) { return o.img, nil }

// aLayout is options of a bundle whose lock takes a runtime out of a layout on disk, and the image in it.
func aLayout(t *testing.T, output string) (create.Options, spec.Spec) {
	t.Helper()
	s := newSite(t)
	text := fixture.Tarball{Files: []fixture.File{{Path: "usr/local/share/hello", Body: []byte("hello\n")}}}.Bytes()
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(text)), nil })
	if err != nil {
		t.Fatal(err)
	}
	base := baseImage(t, "", "linux/amd64")
	m, err := base.Index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	img, err := base.Index.Image(m.Manifests[0].Digest)
	if err != nil {
		t.Fatal(err)
	}
	if img, err = mutate.AppendLayers(img, layer); err != nil {
		t.Fatal(err)
	}
	if s.spec, err = spec.Parse("app/pyimg.yaml", []byte(`
alpine: {branch: v3.20, mirrors: ["`+s.url+`"]}
platforms: [linux/amd64]
packages: [alpine-baselayout, busybox]
runtime: {source: "image:oci:../some where/base:v1"}
allocator: none
`)); err != nil {
		t.Fatal(err)
	}
	if s.store, err = layers.OpenStore(t.TempDir(), kept.Files()...); err != nil {
		t.Fatal(err)
	}
	src := input.Access{Fetch: &fetch.Client{}, Store: s.store, Images: oneImage{img}}
	plan, err := assemble.Resolve(t.Context(), s.spec, src, testKeys(t))
	if err != nil {
		t.Fatal(err)
	}
	built, err := assemble.Build(t.Context(), plan, src, assemble.BuildOptions{})
	if s.lock = built.Lock; err != nil {
		t.Fatal(err)
	}
	o := s.options(t, output)
	o.Store = s.store
	o.BaseImages = []create.BaseImage{wrapped(t, bundle.ImageRef(o.Inputs.Platforms[0].Runtimes[0]), img)}
	return o, s.spec
}

// TestLayoutOfARuntime is in the bundle by the lock's digest, under a name without a path.
func TestLayoutOfARuntime(t *testing.T) {
	t.Parallel()
	o, s := aLayout(t, filepath.Join(t.TempDir(), "b.tar"))
	mustCreate(t, o)
	if err := verify(t, o.Output); err != nil {
		t.Fatal(err)
	}
	b := open(t, o.Output)
	want := o.Inputs.Platforms[0].Runtimes[0].Digest
	refs, err := b.BaseRefs(t.Context())
	if err != nil || len(refs) != 1 || refs[0] != "oci:base:v1@"+want {
		t.Errorf("BaseRefs = %q, %v, want oci:base:v1@%s", refs, err, want)
	}
	elsewhere := s
	s.Dir, elsewhere.Dir = "app", "/else/where"
	for _, c := range []struct {
		spec                spec.Spec
		ref, platform, want string
	}{
		{s, "oci:some where/base:v1", "linux/amd64", want},
		{elsewhere, "oci:/else/some where/base:v1", "linux/amd64", want},
		{s, "oci:some where/base:v1", "linux/arm64", ""},
		{s, "oci:some where/base:v2", "linux/amd64", ""},
		{s, "some where/base:v1", "linux/amd64", ""},
	} {
		if got, err := b.ImageDigest(t.Context(), c.spec, c.ref, c.platform); got != c.want || err != nil {
			t.Errorf("ImageDigest(%q, %s) = %q, %v, want %q", c.ref, c.platform, got, err, c.want)
		}
	}
}

// TestWithoutTheLayoutOfARuntime refuses a bundle that its lock cannot be built from.
func TestWithoutTheLayoutOfARuntime(t *testing.T) {
	t.Parallel()
	o, _ := aLayout(t, filepath.Join(t.TempDir(), "b"))
	o.BaseImages = nil
	mustCreate(t, o)
	err := verify(t, o.Output)
	var fault *bundle.FaultError
	if want := o.Inputs.Platforms[0].Runtimes[0].Digest; !errors.As(err, &fault) || !strings.Contains(err.Error(), "image:oci:../some where/base:v1") || !strings.Contains(err.Error(), want) {
		t.Errorf("Verify = %v, want a FaultError that names the image and %s", err, want)
	}
}

// TestLayoutsOfOneName are refused: the other side could not tell them apart.
func TestLayoutsOfOneName(t *testing.T) {
	t.Parallel()
	o, _ := aLayout(t, filepath.Join(t.TempDir(), "b"))
	p := &o.Inputs.Platforms[0]
	other := p.Runtimes[0]
	other.Digest = someDigest
	p.Runtimes = append(p.Runtimes, other)
	if _, err := createBundle(t, o); err == nil || !strings.Contains(err.Error(), "two specs") || !strings.Contains(err.Error(), someDigest) {
		t.Errorf("Create = %v, want an error with both digests", err)
	}
}
