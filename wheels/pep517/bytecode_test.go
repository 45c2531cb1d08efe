package pep517

import (
	"archive/tar"
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// tarOf is a tar of files with the contents "x", and of headers as they stand.
func tarOf(t testing.TB, names []string, more ...*tar.Header) []byte {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, name := range names {
		if err := w.WriteHeader(&tar.Header{Name: name, Typeflag: tar.TypeReg, Size: 1, Mode: 0o644}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	for _, h := range more {
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func unpacked(t testing.TB, libraries string, data []byte) []string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "kept"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := unpackBytecode(dir, libraries, bytes.NewReader(data)); err != nil {
		t.Fatal(err)
	}
	var found []string
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			below, _ := filepath.Rel(dir, name)
			found = append(found, filepath.ToSlash(below))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(found)
	return found
}

func TestUnpackBytecode(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("n", 300)
	data := tarOf(t, []string{
		"build/env/lib/a/__pycache__/m.cpython-313.pyc",
		"usr/local/lib/python3.13/__pycache__/os.cpython-313.pyc",
		"usr/local/lib/python3.13/os.py",
		"usr/lib/python3.12/__pycache__/os.cpython-312.pyc",
		"../../build/env/__pycache__/up.pyc",
		"build/env/../../etc/__pycache__/out.pyc",
		"build/env/b/__pycache__/m.pyc/__pycache__/below.pyc",
		"build/env/b/__pycache__/m.pyc",
		"build/env/__pycache__/" + long + ".pyc",
		"build/env/c/__pycache__/last.pyc",
	}, &tar.Header{Name: "build/env/d/__pycache__/link.pyc", Typeflag: tar.TypeSymlink, Linkname: "/etc/passwd"})
	env := []string{"env/__pycache__/up.pyc", "env/b/__pycache__/m.pyc/__pycache__/below.pyc", "env/c/__pycache__/last.pyc", "env/lib/a/__pycache__/m.cpython-313.pyc", "kept"}
	if got := unpacked(t, "", data); !slices.Equal(got, env) {
		t.Errorf("without the root's libraries there are %q, want %q", got, env)
	}
	want := append(slices.Clone(env), "root/usr/local/lib/python3.13/__pycache__/os.cpython-313.pyc")
	if got := unpacked(t, "/usr/local/lib", data); !slices.Equal(got, want) {
		t.Errorf("there are %q, want %q", got, want)
	}
}

// TestBytecodeIsBounded has a file that says to be of a terabyte, as one with holes in it may be.
func TestBytecodeIsBounded(t *testing.T) {
	t.Parallel()
	var large bytes.Buffer
	if err := tar.NewWriter(&large).WriteHeader(&tar.Header{Name: "build/env/__pycache__/large.pyc", Typeflag: tar.TypeReg, Size: 1 << 40, Mode: 0o644}); err != nil {
		t.Fatal(err)
	}
	if got := unpacked(t, "", large.Bytes()); !slices.Equal(got, []string{"kept"}) {
		t.Errorf("there are %q, want nothing of a file that is too large", got)
	}
}

func TestIsPlain(t *testing.T) {
	t.Parallel()
	lower, upper := t.TempDir(), t.TempDir()
	if err := os.MkdirAll(filepath.Join(lower, "usr", "lib", "python3.13"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("usr/lib", filepath.Join(upper, "lib")); err != nil {
		t.Fatal(err)
	}
	for at, want := range map[string]bool{"/usr/lib": true, "/lib": false, "/opt/lib": true} {
		if got := isPlain([]string{lower, upper}, at); got != want {
			t.Errorf("isPlain(%s) = %v, want %v", at, got, want)
		}
	}
}

func FuzzUnpackBytecode(f *testing.F) {
	f.Add(tarOf(f, []string{"build/env/lib/a/__pycache__/m.pyc", "usr/lib/__pycache__/os.pyc"}))
	f.Add(tarOf(f, []string{"build/env/__pycache__/m.pyc"}, &tar.Header{Name: "build/env/__pycache__/link.pyc", Typeflag: tar.TypeSymlink, Linkname: "/"}))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, name := range unpacked(t, "/usr/lib", data) {
			if inside := strings.HasPrefix(name, "env/") || strings.HasPrefix(name, "root/usr/lib/") || name == "kept"; !inside {
				t.Errorf("%q was written", name)
			}
		}
	})
}
