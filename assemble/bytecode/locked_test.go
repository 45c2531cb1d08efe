package bytecode_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"testing"
	"time"

	"github.com/pyimg/pyimg/assemble/bytecode"
	"github.com/pyimg/pyimg/internal/exit"
	"github.com/pyimg/pyimg/internal/fixture"
	"github.com/pyimg/pyimg/layers"
)

// opener has layers by digest.
type opener map[string][]byte

func (o opener) Open(_ context.Context, digest string) (io.ReadCloser, error) {
	data, ok := o[digest]
	if !ok {
		return nil, fs.ErrNotExist
	}
	return io.NopCloser(bytes.NewReader(data)), nil
}

// A member is one of a layer that somebody made.
type member struct {
	header tar.Header
	data   []byte
}

func pack(t *testing.T, members []member) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	for _, m := range members {
		m.header.Size = int64(len(m.data))
		if m.header.ModTime.IsZero() {
			m.header.ModTime = time.Unix(0, 0)
		}
		if err := w.WriteHeader(&m.header); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(m.data); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.Close(), z.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func digestOf(data []byte) string { return fmt.Sprintf("sha256:%x", sha256.Sum256(data)) }

// TestLocked takes a layer of another machine, where nothing can be run, and only for who has the lock.
func TestLocked(t *testing.T) {
	t.Parallel()
	files := map[string]string{"app/a.py": "", "app/b.py": "x = 1\n", "c.py": "y = 'longer than a block'\n"}
	there, here := openStore(t), openStore(t)
	blob, _, err := bytecode.Layer(t.Context(), there, fixture.Compiler{}, python(), bytecode.Checked, layers.MakeOptions{}, sources(t, there, files))
	if err != nil {
		t.Fatal(err)
	}
	r, err := there.Open(blob.Digest)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	data, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	all := sources(t, here, files)
	locked := func(store *layers.Store, from bytecode.Opener, digest string) (layers.Blob, error) {
		return bytecode.Locked(t.Context(), store, from, python(), bytecode.Checked, layers.MakeOptions{}, all, digest)
	}
	if _, err := locked(here, nil, blob.Digest); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("nobody has it: %v, want fs.ErrNotExist", err)
	}
	if _, err := locked(here, opener{blob.Digest: data[1:]}, blob.Digest); exit.Of(err) != exit.Unverified {
		t.Errorf("other bytes: %v, want a failed verification", err)
	}
	if got, err := locked(here, opener{blob.Digest: data}, blob.Digest); err != nil || got.Digest != blob.Digest || got.DiffID != blob.DiffID {
		t.Errorf("Locked = %v, %v, want %v", got, err, blob)
	}
	if got, err := locked(here, nil, blob.Digest); err != nil || got.Digest != blob.Digest {
		t.Errorf("the second time: %v, %v", got, err)
	}
	if got, err := locked(there, nil, blob.Digest); err != nil || got.Digest != blob.Digest {
		t.Errorf("where it was made: %v, %v", got, err)
	}
	// What came so is nothing for a build that has no lock.
	if _, _, err := bytecode.Layer(t.Context(), here, nil, python(), bytecode.Checked, layers.MakeOptions{}, all); !errors.Is(err, bytecode.ErrNoRunner) {
		t.Errorf("without a lock: %v, want ErrNoRunner", err)
	}
	edited := openStore(t)
	if _, err := bytecode.Locked(t.Context(), edited, opener{blob.Digest: data}, python(), bytecode.Checked, layers.MakeOptions{},
		sources(t, edited, map[string]string{"app/a.py": "", "app/b.py": "x = 2\n", "c.py": ""}), blob.Digest); exit.Of(err) != exit.Unverified {
		t.Errorf("of other sources: %v, want a failed verification", err)
	}
}

// TestForgedLayers gives layers with the digest that the lock names, which hold something else than bytecode.
func TestForgedLayers(t *testing.T) {
	t.Parallel()
	magic, flags := []byte{0xf3, 0x0d, 0x0d, 0x0a}, []byte{1, 0, 0, 0}
	const at = "app/__pycache__/a.cpython-313.pyc"
	right := slices.Concat(magic, flags, emptyHash(nil), []byte("code"))
	file := func(name string, data []byte) member {
		return member{tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644}, data}
	}
	with := func(change func(*tar.Header)) []member {
		m := file(at, right)
		change(&m.header)
		return []member{m}
	}
	flip := func(i int) []member {
		data := slices.Clone(right)
		data[i] ^= 1
		return []member{file(at, data)}
	}
	for name, c := range map[string]struct {
		members []member
		ok      bool
	}{
		"right":                 {[]member{{tar.Header{Typeflag: tar.TypeDir, Name: "app/__pycache__/", Mode: 0o755}, nil}, file(at, right)}, true},
		"without a source":      {[]member{file(at, right), file("app/__pycache__/b.cpython-313.pyc", slices.Concat(magic, flags, emptyHash([]byte("x = 1\n")), []byte("code")))}, true},
		"another file":          {[]member{file(at, right), file("usr/bin/evil", []byte("#!/bin/sh\necho this is no bytecode\n"))}, false},
		"a folder":              {[]member{{tar.Header{Typeflag: tar.TypeDir, Name: "etc/", Mode: 0o755}, nil}}, false},
		"a folder for all":      {[]member{{tar.Header{Typeflag: tar.TypeDir, Name: "app/__pycache__/", Mode: 0o777}, nil}}, false},
		"a symlink":             {with(func(h *tar.Header) { h.Typeflag, h.Linkname, h.Size = tar.TypeSymlink, "/etc/passwd", 0 }), false},
		"another owner":         {with(func(h *tar.Header) { h.Uid = 1000 }), false},
		"setuid":                {with(func(h *tar.Header) { h.Mode = 0o4755 }), false},
		"a time":                {with(func(h *tar.Header) { h.ModTime = time.Unix(1e9, 0) }), false},
		"attributes":            {with(func(h *tar.Header) { h.PAXRecords = map[string]string{"SCHILY.xattr.user.a": "b"} }), false},
		"another Python's name": {[]member{file("app/__pycache__/a.cpython-312.pyc", right)}, false},
		"no magic number":       {flip(2), false},
		"two magic numbers":     {[]member{file(at, right), file("app/__pycache__/b.cpython-313.pyc", slices.Concat([]byte{0xf4}, right[1:8], emptyHash([]byte("x = 1\n")), []byte("code")))}, false},
		"flags":                 {flip(4), false},
		"another source's hash": {flip(8), false},
		"no code":               {flip(16), false},
		"cut":                   {[]member{file(at, right[:16])}, false},
	} {
		if name == "a symlink" {
			c.members[0].data = nil
		}
		store := openStore(t)
		data := pack(t, c.members)
		all := sources(t, store, map[string]string{"app/a.py": "", "app/b.py": "x = 1\n"})
		_, err := bytecode.Locked(t.Context(), store, opener{digestOf(data): data}, python(), bytecode.Unchecked, layers.MakeOptions{}, all, digestOf(data))
		if (err == nil) != c.ok || err != nil && exit.Of(err) != exit.Unverified {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzLocked(f *testing.F) {
	right := slices.Concat([]byte{0xf3, 0x0d, 0x0d, 0x0a, 1, 0, 0, 0}, emptyHash(nil), []byte("code"))
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	if err := w.WriteHeader(&tar.Header{Name: "__pycache__/a.cpython-313.pyc", Mode: 0o644, Size: int64(len(right)), ModTime: time.Unix(0, 0)}); err != nil {
		f.Fatal(err)
	}
	if _, err := w.Write(right); err != nil {
		f.Fatal(err)
	}
	if err := w.Close(); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	store := openStore(f)
	all := sources(f, store, map[string]string{"a.py": ""})
	f.Fuzz(func(t *testing.T, archive []byte) {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		if _, err := z.Write(archive); err != nil || z.Close() != nil {
			t.Fatal(err)
		}
		from := opener{digestOf(b.Bytes()): b.Bytes()}
		blob, err := bytecode.Locked(t.Context(), store, from, python(), bytecode.Unchecked, layers.MakeOptions{}, all, digestOf(b.Bytes()))
		if err != nil {
			return
		}
		for name, data := range list(t, store, blob) {
			if name != "__pycache__/" && (name != "__pycache__/a.cpython-313.pyc" || !bytes.Equal([]byte(data)[4:16], right[4:16])) {
				t.Errorf("a layer with %q was taken for bytecode", name)
			}
		}
	})
}
