package bundle_test

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/pyimg/pyimg/apk"
	"github.com/pyimg/pyimg/assemble/bundle"
	"github.com/pyimg/pyimg/assemble/bundle/manifest"
)

func FuzzReadManifest(f *testing.F) {
	dir := filepath.Join(f.TempDir(), "b")
	tiny(f, dir, 0)
	f.Add(read(f, dir, manifest.Name))
	f.Add([]byte(`{"version":1,"files":[{"path":"../x"}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := manifest.Read(bytes.NewReader(data))
		if err != nil {
			return
		}
		var again bytes.Buffer
		if err := m.Encode(&again); err != nil || again.String() != string(data) {
			t.Errorf("what was read is not what is written: %v", err)
		}
		for file := range m.Files.All() {
			if !filepath.IsLocal(filepath.FromSlash(file.Path)) {
				t.Errorf("path %q leads out of the bundle", file.Path)
			}
		}
	})
}

// FuzzOpen reads all that a tar says it has, and verifies it.
func FuzzOpen(f *testing.F) {
	tar := filepath.Join(f.TempDir(), "b.tar")
	tiny(f, tar, 0)
	f.Add(read(f, tar))
	f.Add(read(f, tar)[:3000])
	f.Fuzz(func(t *testing.T, data []byte) {
		name := filepath.Join(t.TempDir(), "b.tar")
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
		b, err := bundle.Open(name)
		if err != nil {
			return
		}
		defer b.Close()
		for file := range b.Files.All() {
			if r, err := b.Open(t.Context(), file); err == nil {
				_, _ = io.Copy(io.Discard, r)
				_ = r.Close()
			}
		}
		_, _ = b.Verify(t.Context(), apk.NewKeyring())
	})
}

// FuzzSums reads the file that names a tar's parts.
func FuzzSums(f *testing.F) {
	dir := f.TempDir()
	tiny(f, filepath.Join(dir, "b.tar"), 5<<10)
	f.Add(read(f, dir, "b.tar.sha256"))
	f.Add([]byte("x  ../b.tar.000\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		name := filepath.Join(t.TempDir(), "b.tar.sha256")
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
		if b, err := bundle.Open(name); err == nil {
			t.Errorf("%s opens, and there is no part beside it", b.Path)
		}
	})
}
