package layers_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/pyimg/pyimg/layers"
)

// A member is one of a test archive's; file, script, dir, symlink and hardlink make it.
type member struct {
	header  tar.Header
	content string
}

func file(name, content string) member {
	return member{tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: int64(len(content))}, content}
}

func script(name, content string) member {
	m := file(name, content)
	m.header.Mode = 0o755
	return m
}

func dir(name string) member {
	return member{header: tar.Header{Typeflag: tar.TypeDir, Name: name + "/", Mode: 0o755}}
}

func symlink(name, target string) member {
	return member{header: tar.Header{Typeflag: tar.TypeSymlink, Name: name, Linkname: target, Mode: 0o777}}
}

func hardlink(name, target string) member {
	return member{header: tar.Header{Typeflag: tar.TypeLink, Name: name, Linkname: target, Mode: 0o644}}
}

func tarball(t testing.TB, members ...member) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, m := range members {
		h := m.header
		if h.ModTime.IsZero() && h.Typeflag != tar.TypeXGlobalHeader {
			h.ModTime = time.Unix(1700000000, 0)
		}
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, m.content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func gz(t testing.TB, plain []byte) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := gzip.NewWriter(&buf)
	if _, err := w.Write(plain); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func zst(t testing.TB, plain []byte) []byte {
	t.Helper()
	w, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	return w.EncodeAll(plain, nil)
}

func gzTar(t testing.TB, members ...member) []byte {
	t.Helper()
	return gz(t, tarball(t, members...))
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// source is raw, of unknown digest.
func source(name string, raw []byte) layers.Source {
	return layers.Source{Name: name, Open: func(context.Context) (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(raw)), nil
	}}
}

func known(s layers.Source, digest string) layers.Source {
	s.Digest = digest
	return s
}

// closed is a source that must not be opened.
func closed(t testing.TB, digest string) layers.Source {
	return layers.Source{Name: "closed", Digest: digest, Open: func(context.Context) (io.ReadCloser, error) {
		t.Error("a source was opened although its bytes are stored")
		return nil, io.ErrClosedPipe
	}}
}

func openStore(t testing.TB) *layers.Store {
	t.Helper()
	return openStoreIn(t, t.TempDir())
}

func openStoreIn(t testing.TB, dir string) *layers.Store {
	t.Helper()
	s, err := layers.OpenStore(dir)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func ingest(t testing.TB, s *layers.Store, raw []byte) layers.Blob {
	t.Helper()
	b, err := s.Ingest(t.Context(), source("test.tar.gz", raw))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func entries(t testing.TB, s *layers.Store, digest string) []layers.Entry {
	t.Helper()
	var all []layers.Entry
	for e, err := range s.Entries(digest) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, e)
	}
	return all
}

// stored returns the files below a store's folder, relative to it, but for those that tell who uses it.
func stored(t testing.TB, dir string) []string {
	t.Helper()
	var names []string
	err := filepath.WalkDir(dir, func(p string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			rel, _ := filepath.Rel(dir, p)
			if rel != "v1/lock" && filepath.Dir(rel) != "v1/running" {
				names = append(names, rel)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// shared finds the folder of real packages next to the repository, or skips.
func shared(t testing.TB, path string) string {
	t.Helper()
	root := os.Getenv("PYIMG_SHARED")
	for at, err := os.Getwd(); root == "" && err == nil && at != filepath.Dir(at); at = filepath.Dir(at) {
		if _, err := os.Stat(filepath.Join(at, "go.mod")); err == nil {
			root = filepath.Join(filepath.Dir(at), "shared")
		}
	}
	found := filepath.Join(root, path)
	if _, err := os.Stat(found); err != nil {
		t.Skipf("no real data: %v; PYIMG_SHARED names where it is", err)
	}
	return found
}
