package push_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/pyimg/pyimg/internal/imagetest"
	"github.com/pyimg/pyimg/push"
	"github.com/pyimg/pyimg/push/disk"
	"github.com/pyimg/pyimg/push/oci"
)

// blobs returns the names of a layout's blobs.
func blobs(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(dir, "blobs/sha256"))
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, e := range entries {
		found = append(found, e.Name())
	}
	return found
}

func TestLayoutToRegistryAndBack(t *testing.T) {
	t.Parallel()
	s, dir, idx := newServer(t, nil), t.TempDir(), imagetest.Sample(t)
	if err := disk.WriteLayout(t.Context(), dir, "v1", idx); err != nil {
		t.Fatal(err)
	}
	read, err := disk.ReadLayout(dir + ":v1")
	if err != nil {
		t.Fatal(err)
	}
	res, err := anonymous().Push(t.Context(), read, []string{s.host() + "/a:1"}, push.Options{})
	if err != nil || res.Digest != imagetest.Digest(t, idx) {
		t.Fatalf("Push = %s, %v, want %s", res.Digest, err, imagetest.Digest(t, idx))
	}
	back, err := anonymous().Get(t.Context(), res.Refs[0])
	if err != nil {
		t.Fatal(err)
	}
	again := t.TempDir()
	if err := disk.WriteLayout(t.Context(), again, "v1", back); err != nil {
		t.Fatal(err)
	}
	if a, b := blobs(t, dir), blobs(t, again); len(a) == 0 || !slices.Equal(a, b) {
		t.Errorf("the layout came back as %q, was %q", b, a)
	}
}

func TestDamagedLayerIsNotPushed(t *testing.T) {
	t.Parallel()
	s, dir, l := newServer(t, nil), t.TempDir(), imagetest.Layer(t, 5000)
	if err := disk.WriteLayout(t.Context(), dir, "", imagetest.Index(map[string]v1.Image{"amd64": imagetest.Image(t, "amd64", l)})); err != nil {
		t.Fatal(err)
	}
	h, err := l.Digest()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "blobs/sha256", h.Hex)
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	raw[len(raw)/2] ^= 1
	if err := os.WriteFile(file, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	idx, err := disk.ReadLayout(dir)
	if err != nil {
		t.Fatal(err)
	}
	var mismatch *oci.DigestError
	if _, err := anonymous().Push(t.Context(), idx, []string{s.host() + "/a:1"}, push.Options{}); !errors.As(err, &mismatch) {
		t.Errorf("Push = %v, want a DigestError", err)
	}
}
