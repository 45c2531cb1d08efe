package oci_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"strings"
	"testing"
	"testing/iotest"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/pyimg/pyimg/internal/imagetest"
	"github.com/pyimg/pyimg/push/oci"
)

func described(raw []byte) v1.Descriptor {
	return v1.Descriptor{Digest: oci.SHA256(raw), Size: int64(len(raw))}
}

// TestReaderWithholdsWrongBytes: a Reader never returns as many wrong bytes as the right blob has.
func TestReaderWithholdsWrongBytes(t *testing.T) {
	t.Parallel()
	withholdsWrongBytes(t, io.NopCloser)
}

// TestReaderTakesTheHashOfItsSource: the same holds where the source hashes its bytes and the Reader does not.
func TestReaderTakesTheHashOfItsSource(t *testing.T) {
	t.Parallel()
	withholdsWrongBytes(t, func(r io.Reader) io.ReadCloser { return &hasher{Reader: r, hash: sha256.New()} })
	right := []byte("layer")
	lying := &hasher{Reader: bytes.NewReader(right), hash: sha256.New()}
	lying.hash.Write([]byte("another"))
	var mismatch *oci.DigestError
	if got, err := io.ReadAll(oci.NewReader(lying, described(right))); !errors.As(err, &mismatch) || len(got) > 0 {
		t.Errorf("the source says another digest: read %d bytes, %v, want a DigestError", len(got), err)
	}
}

// A hasher is an [oci.Hasher].
type hasher struct {
	io.Reader
	hash hash.Hash
}

func (h *hasher) Read(p []byte) (int, error) {
	n, err := h.Reader.Read(p)
	h.hash.Write(p[:n])
	return n, err
}

func (h *hasher) SHA256() string { return fmt.Sprintf("sha256:%x", h.hash.Sum(nil)) }

func (h *hasher) Close() error { return nil }

func withholdsWrongBytes(t *testing.T, source func(io.Reader) io.ReadCloser) {
	t.Helper()
	right := []byte(strings.Repeat("layer ", 1000))
	flipped := bytes.Clone(right)
	flipped[0] ^= 1
	broken := errors.New("the disk broke")
	for name, tt := range map[string]struct {
		in       io.Reader
		mismatch bool
		err      error
	}{
		"right":              {bytes.NewReader(right), false, nil},
		"right, byte wise":   {iotest.OneByteReader(bytes.NewReader(right)), false, nil},
		"right, end at once": {iotest.DataErrReader(bytes.NewReader(right)), false, nil},
		"flipped":            {bytes.NewReader(flipped), true, nil},
		"flipped, in bytes":  {iotest.OneByteReader(bytes.NewReader(flipped)), true, nil},
		"too short":          {bytes.NewReader(right[1:]), true, nil},
		"too long":           {bytes.NewReader(append(bytes.Clone(right), 'x')), true, nil},
		"empty":              {bytes.NewReader(nil), true, nil},
		"broken off":         {io.MultiReader(bytes.NewReader(right[:100]), iotest.ErrReader(broken)), false, broken},
		"broken at the end":  {io.MultiReader(bytes.NewReader(flipped), iotest.ErrReader(broken)), true, broken},
	} {
		r := oci.NewReader(source(tt.in), described(right))
		got, err := io.ReadAll(r)
		var mismatch *oci.DigestError
		if errors.As(err, &mismatch) != tt.mismatch || tt.err != nil && !errors.Is(err, tt.err) {
			t.Errorf("%s: %v", name, err)
		}
		if fine := !tt.mismatch && tt.err == nil; fine != (err == nil) || fine != bytes.Equal(got, right) || !fine && len(got) >= len(right) {
			t.Errorf("%s: read %d bytes of %d, %v", name, len(got), len(right), err)
		}
		if fault := r.Fault(); (fault != nil) != (err != nil) {
			t.Errorf("%s: Fault is %v after %v", name, fault, err)
		}
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	raw := []byte("config")
	if err := oci.Check(raw, described(raw)); err != nil {
		t.Error(err)
	}
	var mismatch *oci.DigestError
	if err := oci.Check([]byte("konfig"), described(raw)); !errors.As(err, &mismatch) || mismatch.Want != oci.SHA256(raw).String() {
		t.Errorf("other bytes: %v", err)
	}
	long := described(raw)
	long.Size++
	if err := oci.Check(raw, long); !errors.As(err, &mismatch) || mismatch.GotSize != 6 {
		t.Errorf("another size: %v", err)
	}
}

// unopened is an image whose layers must not be opened.
type unopened struct {
	v1.Image
	t *testing.T
}

func (u unopened) LayerByDigest(h v1.Hash) (v1.Layer, error) {
	u.t.Errorf("layer %s was asked for", h)
	return u.Image.LayerByDigest(h)
}

// TestWalk: Walk lists each blob once, opens no layer, and lists a manifest after all that it names.
func TestWalk(t *testing.T) {
	t.Parallel()
	shared := imagetest.Layer(t, 100)
	amd64 := unopened{imagetest.Image(t, "amd64", shared, imagetest.Layer(t, 200)), t}
	arm64 := unopened{imagetest.Image(t, "arm64", shared), t}
	inner := imagetest.Index(map[string]v1.Image{"arm64": arm64})
	idx := mutate.AppendManifests(imagetest.Index(map[string]v1.Image{"amd64": amd64}), mutate.IndexAddendum{Add: inner})
	g, err := oci.Walk(idx)
	if err != nil {
		t.Fatal(err)
	}
	if len(g.Layers) != 2 || len(g.Configs) != 2 || len(g.Platforms) != 2 || len(g.Images) != 2 || len(g.Blobs()) != 8 {
		t.Errorf("%d layers, %d configs, %d platforms, %d images, %d blobs", len(g.Layers), len(g.Configs), len(g.Platforms), len(g.Images), len(g.Blobs()))
	}
	there := map[v1.Hash]bool{}
	for _, m := range g.Manifests() {
		if m.Desc.MediaType.IsIndex() {
			im, err := v1.ParseIndexManifest(bytes.NewReader(m.Raw))
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range im.Manifests {
				if !there[d.Digest] {
					t.Errorf("index %s comes before %s", m.Desc.Digest, d.Digest)
				}
			}
		}
		there[m.Desc.Digest] = true
	}
	if want := imagetest.Digest(t, idx); len(there) != 4 || g.Root.Desc.Digest.String() != want {
		t.Errorf("%d manifests, root %s, want 4 and %s", len(there), g.Root.Desc.Digest, want)
	}
}

func TestWalkIsBounded(t *testing.T) {
	t.Parallel()
	deep := imagetest.Index(map[string]v1.Image{"amd64": imagetest.Image(t, "amd64")})
	for range 4 {
		deep = mutate.AppendManifests(imagetest.Index(nil), mutate.IndexAddendum{Add: deep})
	}
	odd := mutate.AppendManifests(imagetest.Index(nil), mutate.IndexAddendum{
		Add: imagetest.Image(t, "amd64"), Descriptor: v1.Descriptor{MediaType: "application/x-other"},
	})
	for name, tt := range map[string]struct {
		idx   v1.ImageIndex
		fault string
	}{"deep": {deep, "deep"}, "of another media type": {odd, "neither an image nor an index"}} {
		if _, err := oci.Walk(tt.idx); err == nil || !strings.Contains(err.Error(), tt.fault) {
			t.Errorf("%s: %v, want an error with %q", name, err, tt.fault)
		}
	}
}

// TestWrap: a single image keeps its digest, and is found by its platform.
func TestWrap(t *testing.T) {
	t.Parallel()
	img := imagetest.Image(t, "arm64", imagetest.Layer(t, 10))
	idx, err := oci.Wrap(img)
	if err != nil {
		t.Fatal(err)
	}
	root, err := oci.Root(idx)
	if err != nil || root.Digest.String() != imagetest.Digest(t, img) || !root.MediaType.IsImage() {
		t.Errorf("Root = %v, %v, want the image", root, err)
	}
	found, err := oci.ImageFor(idx, "app", "linux/arm64/v8")
	if err != nil || imagetest.Digest(t, found) != imagetest.Digest(t, img) {
		t.Errorf("ImageFor = %v, %v", found, err)
	}
	if _, err := oci.ImageFor(idx, "app", "linux/amd64"); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "only for linux/arm64") {
		t.Errorf("another platform: %v", err)
	}
}

func TestMediaType(t *testing.T) {
	t.Parallel()
	stated := []byte(`{"mediaType":"application/vnd.oci.image.index.v1+json"}`)
	for _, tt := range []struct {
		said types.MediaType
		raw  []byte
		want types.MediaType
	}{
		{types.OCIManifestSchema1, stated, types.OCIManifestSchema1},
		{"text/plain", stated, types.OCIImageIndex},
		{"", stated, types.OCIImageIndex},
		{"text/plain", []byte("{}"), "text/plain"},
		{"text/plain", []byte("<html>"), "text/plain"},
	} {
		if got := oci.MediaType(tt.said, tt.raw); got != tt.want {
			t.Errorf("MediaType(%q, %s) = %q, want %q", tt.said, tt.raw, got, tt.want)
		}
	}
}

func TestExplainReference(t *testing.T) {
	t.Parallel()
	cause := errors.New("no")
	for s, want := range map[string]string{
		"ghcr.io/Me/App:1": `did you mean "ghcr.io/me/app:1"`, "App": `did you mean "app"`, "ghcr.io/a b": "no", "": "no",
	} {
		if got := oci.ExplainReference(s, cause).Error(); !strings.Contains(got, want) {
			t.Errorf("ExplainReference(%q) = %q, want %q", s, got, want)
		}
	}
}

// memory is a Source of the blobs in a map.
type memory map[v1.Hash][]byte

func (m memory) Manifest(desc v1.Descriptor) ([]byte, error) {
	raw, ok := m[desc.Digest]
	if !ok {
		return nil, fs.ErrNotExist
	}
	return raw, oci.Check(raw, desc)
}

func (m memory) Blob(desc v1.Descriptor) (io.ReadCloser, error) {
	raw, ok := m[desc.Digest]
	if !ok {
		return nil, fs.ErrNotExist
	}
	return io.NopCloser(bytes.NewReader(raw)), nil
}

// copied returns all blobs below a root.
func copied(t testing.TB, g *oci.Graph) memory {
	t.Helper()
	m := memory{}
	for _, b := range g.Blobs() {
		rc, err := b.Open()
		if err != nil {
			t.Fatal(err)
		}
		raw, err := io.ReadAll(rc)
		if err := errors.Join(err, rc.Close()); err != nil {
			t.Fatal(err)
		}
		m[b.Desc.Digest] = raw
	}
	return m
}

// TestOpen: Open returns the same image as the source has. Reading a blob with wrong bytes is an error.
func TestOpen(t *testing.T) {
	t.Parallel()
	g, err := oci.Walk(imagetest.Sample(t))
	if err != nil {
		t.Fatal(err)
	}
	from := copied(t, g)
	idx, err := oci.Open(from, g.Root.Desc, g.Root.Raw)
	if err != nil {
		t.Fatal(err)
	}
	again, err := oci.Walk(idx)
	if err != nil || fmt.Sprint(again.Platforms) != fmt.Sprint(g.Platforms) || len(copied(t, again)) != len(from) {
		t.Errorf("opened, it has other platforms or blobs: %v", err)
	}
	from[g.Layers[0].Desc.Digest] = []byte("other")
	rc, err := again.Layers[0].Open()
	if err != nil {
		t.Fatal(err)
	}
	defer rc.Close()
	var mismatch *oci.DigestError
	if _, err := io.Copy(io.Discard, rc); !errors.As(err, &mismatch) {
		t.Errorf("reading another layer: %v, want a DigestError", err)
	}
	if _, err := oci.Open(from, v1.Descriptor{MediaType: "text/html"}, nil); err == nil {
		t.Error("a page was opened as an image")
	}
}

// FuzzOpen: a manifest is foreign data. Opening it is an error, or Walk can read it and ends.
func FuzzOpen(f *testing.F) {
	f.Add(`{"schemaVersion":2,"config":{"digest":"sha256:`+strings.Repeat("0", 64)+`","size":2},"layers":[]}`, true)
	f.Add(`{"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.index.v1+json","digest":"sha256:`+strings.Repeat("0", 64)+`"}]}`, false)
	f.Add(`{"config":{"size":-1},"layers":null}`, true)
	f.Fuzz(func(t *testing.T, raw string, image bool) {
		desc := described([]byte(raw))
		if desc.MediaType = types.OCIImageIndex; image {
			desc.MediaType = types.OCIManifestSchema1
		}
		from := memory{desc.Digest: []byte(raw)}
		idx, err := oci.Open(from, desc, []byte(raw))
		if err != nil {
			return
		}
		if g, err := oci.Walk(idx); err == nil && g.Root.Desc.Digest != desc.Digest {
			t.Errorf("the root of %s is %s", desc.Digest, g.Root.Desc.Digest)
		}
	})
}
