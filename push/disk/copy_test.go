package disk_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/pyimg/pyimg/internal/imagetest"
	"github.com/pyimg/pyimg/push/disk"
	"github.com/pyimg/pyimg/push/oci"
)

// A fileLayer is a layer in a file. Its reader exposes the file.
type fileLayer struct {
	v1.Layer
	path string
	read *int // bytes read through the reader itself
}

func (l fileLayer) Compressed() (io.ReadCloser, error) {
	f, err := os.Open(l.path)
	return fileReader{f, l.read}, err
}

type fileReader struct {
	file *os.File
	read *int
}

func (r fileReader) File() *os.File { return r.file }
func (r fileReader) Close() error   { return r.file.Close() }
func (r fileReader) Read(b []byte) (int, error) {
	n, err := r.file.Read(b)
	*r.read += n
	return n, err
}

// inFile is the layer with its bytes in a file.
func inFile(t *testing.T, l v1.Layer) fileLayer {
	t.Helper()
	rc, err := l.Compressed()
	if err != nil {
		t.Fatal(err)
	}
	defer rc.Close()
	raw, err := io.ReadAll(rc)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "blob")
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	return fileLayer{l, path, new(int)}
}

func TestLayoutCopiesFiles(t *testing.T) {
	t.Parallel()
	l := inFile(t, imagetest.Layer(t, 300_000))
	dir := filepath.Join(t.TempDir(), "layout")
	idx := imagetest.Index(map[string]v1.Image{"amd64": imagetest.Image(t, "amd64", l)})
	*l.read = 0 // discard the count of making the image
	if err := disk.WriteLayout(t.Context(), dir, "", idx); err != nil {
		t.Fatal(err)
	}
	sameRoot(t, dir+":latest", imagetest.Digest(t, idx))
	if *l.read > 0 {
		t.Errorf("%d bytes passed through the reader, want the file copied", *l.read)
	}
}

// TestLayoutRefusesDamagedFiles: a file is checked although the system copies it.
func TestLayoutRefusesDamagedFiles(t *testing.T) {
	t.Parallel()
	for name, damage := range map[string]func(path string) error{
		"flipped":   func(path string) error { flip(path); return nil },
		"truncated": func(path string) error { return os.Truncate(path, 1000) },
		"empty":     func(path string) error { return os.Truncate(path, 0) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := inFile(t, imagetest.Layer(t, 300_000))
			dir := filepath.Join(t.TempDir(), "layout")
			idx := imagetest.Index(map[string]v1.Image{"amd64": imagetest.Image(t, "amd64", l)})
			if err := damage(l.path); err != nil {
				t.Fatal(err)
			}
			*l.read = 0
			var mismatch *oci.DigestError
			if err := disk.WriteLayout(t.Context(), dir, "", idx); !errors.As(err, &mismatch) {
				t.Errorf("WriteLayout: %v, want a DigestError", err)
			}
			if info, err := os.Stat(l.path); err != nil || int64(*l.read) != info.Size() {
				t.Errorf("the reader gave %d bytes of %d, want all, so that it can tell the damage itself", *l.read, info.Size())
			}
			h, err := l.Digest()
			if err != nil {
				t.Fatal(err)
			}
			if _, err := os.Stat(blob(dir, h)); err == nil {
				t.Error("the damaged layer was written")
			}
			if left, _ := filepath.Glob(filepath.Join(dir, ".pyimg-*")); len(left) > 0 {
				t.Errorf("left behind: %q", left)
			}
		})
	}
}
