package layers_test

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/pyimg/pyimg/layers"
)

// TestStreamFindsEachFlippedBit: the reader gives what the file has, its digest, and the damage at the end. Then the blob is gone.
func TestStreamFindsEachFlippedBit(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	raw := gzTar(t, file("x", "words"))
	for i := range raw {
		s := openStoreIn(t, dir)
		b, err := s.Ingest(t.Context(), source("x", raw))
		if err != nil {
			t.Fatal(err)
		}
		if got, sum, err := stream(t, s, b.Digest); err != nil || got != string(raw) || sum != b.Digest {
			t.Fatalf("a whole blob: %d bytes, digest %s, %v", len(got), sum, err)
		}
		path := filepath.Join(dir, "v1", "blobs", b.Digest[len("sha256:"):])
		flipped := append([]byte(nil), raw...)
		flipped[i] ^= 1
		if err := os.WriteFile(path, flipped, 0o600); err != nil {
			t.Fatal(err)
		}
		var lost *layers.LostError
		got, sum, err := stream(t, openStoreIn(t, dir), b.Digest)
		if !errors.As(err, &lost) || got != string(flipped) || sum != digest(flipped) {
			t.Fatalf("bit of byte %d flipped: %d bytes, digest %s, %v, want a LostError", i, len(got), sum, err)
		}
		if _, err := s.Stream(b.Digest); !errors.Is(err, fs.ErrNotExist) {
			t.Fatalf("the damaged blob is still there: %v", err)
		}
	}
}

func stream(t *testing.T, s *layers.Store, digest string) (got, sum string, err error) {
	t.Helper()
	r, err := s.Stream(digest)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	read, err := io.ReadAll(r)
	return string(read), r.(interface{ SHA256() string }).SHA256(), err
}
