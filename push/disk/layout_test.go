package disk_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/validate"

	"github.com/pyimg/pyimg/internal/imagetest"
	"github.com/pyimg/pyimg/push/disk"
	"github.com/pyimg/pyimg/push/oci"
)

// sameRoot checks that path is a valid image with this root.
func sameRoot(t *testing.T, path, want string) {
	t.Helper()
	idx, err := disk.ReadLayout(path)
	if err != nil {
		t.Error(err)
		return
	}
	root, err := oci.Root(idx)
	if err != nil || root.Digest.String() != want {
		t.Errorf("ReadLayout(%q): the root is %s, %v, want %s", path, root.Digest, err, want)
	}
	if err := validate.Index(idx); err != nil {
		t.Errorf("ReadLayout(%q): %v", path, err)
	}
}

func TestLayoutRoundTrip(t *testing.T) {
	t.Parallel()
	dir, a, b := filepath.Join(t.TempDir(), "new", "layout"), imagetest.Sample(t), imagetest.Sample(t)
	for tag, idx := range map[string]v1.ImageIndex{"": a, "b": b, "c": a} {
		if err := disk.WriteLayout(t.Context(), dir, tag, idx); err != nil {
			t.Fatal(err)
		}
	}
	sameRoot(t, dir+":latest", imagetest.Digest(t, a))
	sameRoot(t, dir+":b", imagetest.Digest(t, b))
	sameRoot(t, dir+":"+imagetest.Digest(t, b), imagetest.Digest(t, b))
	if err := disk.WriteLayout(t.Context(), dir, "latest", b); err != nil {
		t.Fatal(err)
	}
	sameRoot(t, dir+":latest", imagetest.Digest(t, b))
	sameRoot(t, dir+":c", imagetest.Digest(t, a))

	_, err := disk.ReadLayout(dir)
	if err == nil || !strings.Contains(err.Error(), `"latest"`) || !strings.Contains(err.Error(), `"b"`) {
		t.Errorf("ReadLayout without a tag = %v, want an error that lists the tags", err)
	}
	if _, err := disk.ReadLayout(dir + ":none"); err == nil || !strings.Contains(err.Error(), `"latest"`) {
		t.Errorf("ReadLayout of a missing tag = %v, want an error that lists the tags", err)
	}
	left, _ := filepath.Glob(filepath.Join(dir, ".pyimg-*"))
	if len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}

func TestLayoutKeepsBlobs(t *testing.T) {
	t.Parallel()
	dir, idx := t.TempDir(), imagetest.Sample(t)
	if err := disk.WriteLayout(t.Context(), dir, "a", idx); err != nil {
		t.Fatal(err)
	}
	blobs, err := filepath.Glob(filepath.Join(dir, "blobs/sha256/*"))
	if err != nil || len(blobs) != 8 {
		t.Fatalf("%d blobs (%v), want 8: 3 layers, 2 configs, 2 manifests, 1 index", len(blobs), err)
	}
	before := map[string]os.FileInfo{}
	for _, b := range blobs {
		before[b], _ = os.Stat(b)
	}
	torn := blobs[3]
	if err := os.Truncate(torn, 1); err != nil {
		t.Fatal(err)
	}
	if err := disk.WriteLayout(t.Context(), dir, "b", idx); err != nil {
		t.Fatal(err)
	}
	for _, b := range blobs {
		after, err := os.Stat(b)
		if err != nil || os.SameFile(before[b], after) != (b != torn) {
			t.Errorf("blob %s: kept %t, %v; want all kept but the torn one", b, os.SameFile(before[b], after), err)
		}
	}
	sameRoot(t, dir+":b", imagetest.Digest(t, idx))
}

func TestLayoutOfSingleImage(t *testing.T) {
	t.Parallel()
	dir, img := t.TempDir(), imagetest.Image(t, "arm64", imagetest.Layer(t, 100))
	one, err := oci.Wrap(img)
	if err != nil {
		t.Fatal(err)
	}
	if err := disk.WriteLayout(t.Context(), dir, "", one); err != nil {
		t.Fatal(err)
	}
	sameRoot(t, dir, imagetest.Digest(t, img))
}

// TestSingleImageByItsDigest asks for the image of a layout before the test reads its manifest, and for an image that
// is missing.
func TestSingleImageByItsDigest(t *testing.T) {
	t.Parallel()
	dir, img := t.TempDir(), imagetest.Image(t, "arm64", imagetest.Layer(t, 100))
	one, err := oci.Wrap(img)
	if err != nil {
		t.Fatal(err)
	}
	if err := disk.WriteLayout(t.Context(), dir, "", one); err != nil {
		t.Fatal(err)
	}
	want, err := img.Digest()
	if err != nil {
		t.Fatal(err)
	}
	other := want
	other.Hex = strings.Repeat("0", 64)
	idx, err := disk.ReadLayout(dir)
	if err != nil {
		t.Fatal(err)
	}
	got, err := idx.Image(want)
	if err != nil {
		t.Fatal(err)
	}
	if h, err := got.Digest(); err != nil || h != want {
		t.Errorf("Image(%s) = %s, %v", want, h, err)
	}
	if _, err := idx.Image(other); err == nil {
		t.Errorf("Image(%s) is there", other)
	}
}

// TestLayoutWritersKeepEachOthersTags writes different tags to one folder at the same time.
func TestLayoutWritersKeepEachOthersTags(t *testing.T) {
	t.Parallel()
	dir, idx := t.TempDir(), imagetest.Sample(t)
	var wg sync.WaitGroup
	for i := range 10 {
		wg.Go(func() {
			if err := disk.WriteLayout(context.Background(), dir, fmt.Sprintf("t%d", i), idx); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for i := range 10 {
		sameRoot(t, fmt.Sprintf("%s:t%d", dir, i), imagetest.Digest(t, idx))
	}
}

func TestLayoutRefusesOtherFolders(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "notes.txt"), "mine")
	if err := disk.WriteLayout(t.Context(), dir, "", imagetest.Sample(t)); err == nil || !strings.Contains(err.Error(), "notes.txt") {
		t.Errorf("WriteLayout = %v, want an error that names notes.txt", err)
	}
	if err := disk.WriteLayout(t.Context(), t.TempDir(), "no\nnewline", imagetest.Sample(t)); err == nil {
		t.Error("a tag with a line break is taken")
	}
}

func TestLayoutCancelled(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	dir := t.TempDir()
	if err := disk.WriteLayout(ctx, dir, "", imagetest.Sample(t)); !errors.Is(err, context.Canceled) {
		t.Errorf("WriteLayout = %v, want context.Canceled", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "index.json")); err == nil {
		t.Error("index.json was written")
	}
}

// TestReadOthersLayouts reads layouts of go-containerregistry: without a tag, and with the entries of an index in
// index.json.
func TestReadOthersLayouts(t *testing.T) {
	t.Parallel()
	idx := imagetest.Sample(t)
	whole := t.TempDir()
	if _, err := layout.Write(whole, idx); err != nil {
		t.Fatal(err)
	}
	got, err := disk.ReadLayout(whole)
	if err != nil {
		t.Fatal(err)
	}
	if im, err := got.IndexManifest(); err != nil || len(im.Manifests) != 2 {
		t.Errorf("index.json with two platforms gives %+v, %v, want both", im, err)
	}
	if err := validate.Index(got); err != nil {
		t.Error(err)
	}
}

func TestReadDamagedLayout(t *testing.T) {
	t.Parallel()
	first := func(dir string, im *v1.IndexManifest) string { return blob(dir, im.Manifests[0].Digest) }
	for name, damage := range map[string]func(dir string, im *v1.IndexManifest) error{
		"other bytes": func(dir string, im *v1.IndexManifest) error { flip(first(dir, im)); return nil },
		"wrong size":  func(_ string, im *v1.IndexManifest) error { im.Manifests[0].Size++; return nil },
		"missing":     func(dir string, im *v1.IndexManifest) error { return os.Remove(first(dir, im)) },
		"odd media":   func(_ string, im *v1.IndexManifest) error { im.Manifests[0].MediaType = "text/plain"; return nil },
		"path in hex": func(_ string, im *v1.IndexManifest) error {
			im.Manifests[0].Digest.Hex = "../../etc/passwd"
			return nil
		},
		"other hash":    func(_ string, im *v1.IndexManifest) error { im.Manifests[0].Digest.Algorithm = "sha512"; return nil },
		"huge manifest": func(dir string, im *v1.IndexManifest) error { return os.Truncate(first(dir, im), 1<<30) },
		"a folder": func(dir string, im *v1.IndexManifest) error {
			return errors.Join(os.Remove(first(dir, im)), os.Mkdir(first(dir, im), 0o755))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			if err := disk.WriteLayout(t.Context(), dir, "", imagetest.Sample(t)); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(dir, "index.json")
			raw, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			var im v1.IndexManifest
			if err := json.Unmarshal(raw, &im); err != nil {
				t.Fatal(err)
			}
			if err := damage(dir, &im); err != nil {
				t.Fatal(err)
			}
			if raw, err = json.Marshal(im); err != nil {
				t.Fatal(err)
			}
			write(t, path, string(raw))
			if _, err := disk.ReadLayout(dir); err == nil || !strings.Contains(err.Error(), dir) {
				t.Errorf("ReadLayout = %v, want an error that names %s", err, dir)
			}
		})
	}
}

// TestDamageIsNamed: a file that is cut off, missing or not JSON is a DamageError or a DigestError, in a folder and
// in an archive.
func TestDamageIsNamed(t *testing.T) {
	t.Parallel()
	for name, damage := range map[string]func(index, blob, archive string) error{
		"index.json cut off": func(index, _, _ string) error { return os.Truncate(index, 20) },
		"index.json empty":   func(index, _, _ string) error { return os.Truncate(index, 0) },
		"index.json a list":  func(index, _, _ string) error { return os.WriteFile(index, []byte("[]"), 0o644) },
		"manifest missing":   func(_, blob, _ string) error { return os.Remove(blob) },
		"manifest a folder": func(_, blob, _ string) error {
			return errors.Join(os.Remove(blob), os.Mkdir(blob, 0o755))
		},
		"archive cut off within a member": func(_, _, archive string) error { return os.Truncate(archive, 3*512+10) },
		"archive cut off between members": func(_, _, archive string) error { return os.Truncate(archive, 4*512) },
		"archive empty":                   func(_, _, archive string) error { return os.Truncate(archive, 0) },
		"archive that is text": func(_, _, archive string) error {
			return os.WriteFile(archive, []byte(strings.Repeat("text", 500)), 0o644)
		},
		"archive whose compression is none": func(_, _, archive string) error { return os.WriteFile(archive, []byte("\x1f\x8b\x08text"), 0o644) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			idx, place, archive := imagetest.Sample(t), t.TempDir(), filepath.Join(t.TempDir(), "a.tar")
			if err := errors.Join(disk.WriteLayout(t.Context(), place, "", idx), disk.WriteArchive(t.Context(), archive, "", idx)); err != nil {
				t.Fatal(err)
			}
			root, err := oci.Root(idx)
			if err != nil {
				t.Fatal(err)
			}
			if err := damage(filepath.Join(place, "index.json"), blob(place, root.Digest), archive); err != nil {
				t.Fatal(err)
			}
			if strings.HasPrefix(name, "archive") {
				place = archive
			}
			if _, err := disk.ReadLayout(place); !errors.As(err, new(*oci.DamageError)) {
				t.Errorf("ReadLayout = %v, want a DamageError", err)
			}
		})
	}
}

func blob(dir string, h v1.Hash) string { return filepath.Join(dir, "blobs/sha256", h.Hex) }

func flip(path string) {
	raw, err := os.ReadFile(path)
	if err != nil {
		panic(err)
	}
	raw[len(raw)/2] ^= 1
	if err := os.WriteFile(path, raw, 0o644); err != nil {
		panic(err)
	}
}

// TestDamagedLayer: reading a layer of a layout checks it.
func TestDamagedLayer(t *testing.T) {
	t.Parallel()
	dir, l := t.TempDir(), imagetest.Layer(t, 5000)
	h, err := l.Digest()
	if err != nil {
		t.Fatal(err)
	}
	if err := disk.WriteLayout(t.Context(), dir, "", imagetest.Index(map[string]v1.Image{"amd64": imagetest.Image(t, "amd64", l)})); err != nil {
		t.Fatal(err)
	}
	flip(blob(dir, h))
	idx, err := disk.ReadLayout(dir)
	if err != nil {
		t.Fatal(err)
	}
	var mismatch *oci.DigestError
	im, err := idx.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	img, err := idx.Image(im.Manifests[0].Digest)
	if err != nil {
		t.Fatal(err)
	}
	ls, err := img.Layers()
	if err != nil {
		t.Fatal(err)
	}
	rc, err := ls[0].Compressed()
	if err != nil {
		t.Fatal(err)
	}
	defer rc.Close()
	if _, err := io.Copy(io.Discard, rc); !errors.As(err, &mismatch) {
		t.Errorf("reading the layer: %v, want a DigestError", err)
	}
}
