//go:build unix

package layers_test

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/pyimg/pyimg/layers"
)

// strangers are what may be in the place of a file: each makes it at a path.
func strangers(precious string) map[string]func(path string) error {
	return map[string]func(path string) error{
		"a folder":      func(p string) error { return os.Mkdir(p, 0o700) },
		"a full folder": func(p string) error { return os.MkdirAll(filepath.Join(p, "x"), 0o700) },
		"a pipe":        func(p string) error { return syscall.Mkfifo(p, 0o600) },
		"a symlink":     func(p string) error { return os.Symlink(precious, p) },
		"a loop":        func(p string) error { return os.Symlink(filepath.Base(p), p) },
	}
}

func TestStoreHealsWhatIsNoFile(t *testing.T) {
	t.Parallel()
	raw := gzTar(t, file("a", "1"))
	places := map[string]string{
		"blob": "blobs/" + digest(raw)[len("sha256:"):], "facts": "facts/" + digest(raw)[len("sha256:"):], "record": "", "lock": "lock", "lease": "running/x",
	}
	for kind, place := range places {
		for what := range strangers("") {
			t.Run(what+" as "+kind, func(t *testing.T) {
				t.Parallel()
				dir := t.TempDir()
				precious := filepath.Join(t.TempDir(), "precious")
				if err := os.WriteFile(precious, []byte("precious"), 0o600); err != nil {
					t.Fatal(err)
				}
				s := openStoreIn(t, dir)
				want := ingest(t, s, raw)
				if err := s.SetRecord("key", []byte("data")); err != nil {
					t.Fatal(err)
				}
				at := filepath.Join(dir, "v1", filepath.FromSlash(place))
				if kind == "record" {
					at = only(t, filepath.Join(dir, "v1", "records"))
				}
				_ = os.Remove(at)
				if err := strangers(precious)[what](at); err != nil {
					t.Fatal(err)
				}
				s = openStoreIn(t, dir)
				useAll(t, s, want, raw)
				if b, err := os.ReadFile(precious); err != nil || string(b) != "precious" {
					t.Errorf("what the symlink led to is %q, %v", b, err)
				}
				if _, err := s.Prune(layers.PruneOptions{MaxBytes: new(int64)}); err != nil {
					t.Errorf("Prune = %v", err)
				}
				if b, err := os.ReadFile(precious); err != nil || string(b) != "precious" {
					t.Errorf("after Prune what the symlink led to is %q, %v", b, err)
				}
			})
		}
	}
}

// only is the one file in a folder.
func only(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Fatalf("the folder holds %v, %v, want one file", entries, err)
	}
	return filepath.Join(dir, entries[0].Name())
}

// useAll reads and writes all that the store has.
func useAll(t *testing.T, s *layers.Store, want layers.Blob, raw []byte) {
	t.Helper()
	if got, err := s.Ingest(t.Context(), known(source("x", raw), want.Digest)); err != nil || got != want {
		t.Errorf("Ingest = %+v, %v, want %+v", got, err, want)
	}
	r, err := s.Open(want.Digest)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if got, err := io.ReadAll(r); err != nil || digest(got) != want.Digest {
		t.Errorf("reading the blob: %v", err)
	}
	if b, err := s.Record("key"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Record = %q, %v, want what was stored, or fs.ErrNotExist", b, err)
	}
	if err := s.SetRecord("key", []byte("data")); err != nil {
		t.Errorf("SetRecord = %v", err)
	}
	if b, err := s.Record("key"); err != nil || string(b) != "data" {
		t.Errorf("Record = %q, %v, want what was stored", b, err)
	}
	if _, err := s.Stat(); err != nil {
		t.Errorf("Stat = %v", err)
	}
}

func TestStoreRefusesSymlinkedFolders(t *testing.T) {
	t.Parallel()
	for _, sub := range []string{"", "blobs", "facts", "records", "tmp", "running"} {
		dir, elsewhere := t.TempDir(), t.TempDir()
		at := filepath.Join(dir, "v1", sub)
		if err := os.MkdirAll(filepath.Dir(at), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(elsewhere, at); err != nil {
			t.Fatal(err)
		}
		if s, err := layers.OpenStore(dir); err == nil {
			t.Errorf("OpenStore = %v, want an error about the symlink %q", s, at)
		}
		if left, err := os.ReadDir(elsewhere); err != nil || len(left) > 0 {
			t.Errorf("what %q leads to holds %v, %v", at, left, err)
		}
	}
	home, disk := t.TempDir(), t.TempDir()
	link := filepath.Join(home, "cache")
	if err := os.Symlink(disk, link); err != nil {
		t.Fatal(err)
	}
	if err := openStoreIn(t, link).Close(); err != nil {
		t.Errorf("a cache that is a symlink to a folder: %v", err)
	}
}
