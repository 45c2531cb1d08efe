package builder

import (
	"os"
	"path/filepath"
	"testing"
)

// TestCopyOfHostileRoots copies what a cross compiler needs out of roots of somebody else. Symlinks that lead out of a root, in it or
// in what an earlier root left, neither read nor write a file of this machine. It is in the package, since a Builder resolves packages first.
func TestCopyOfHostileRoots(t *testing.T) {
	t.Parallel()
	outside := t.TempDir()
	put := func(at string) {
		if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(at, []byte("of "+filepath.Base(at)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	link := func(to, at string) {
		if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(to, at); err != nil {
			t.Fatal(err)
		}
	}
	put(filepath.Join(outside, "include", "secret.h"))
	all := copied{"usr/include", "usr/include", ""}
	copyAll := func(c copied, roots ...string) (string, error) {
		dir := t.TempDir()
		to, err := os.OpenRoot(dir)
		if err != nil {
			t.Fatal(err)
		}
		defer to.Close()
		for _, root := range roots {
			if _, err := c.copy(to, root); err != nil {
				return dir, err
			}
		}
		return dir, nil
	}

	plain, newer := t.TempDir(), t.TempDir()
	put(filepath.Join(plain, "usr/include/zlib.h"))
	put(filepath.Join(plain, "usr/include/sub/x.h"))
	link("zlib.h", filepath.Join(plain, "usr/include/z.h"))
	put(filepath.Join(newer, "usr/include/z.h")) // in place of the symlink
	dir, err := copyAll(all, plain, t.TempDir(), newer)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"zlib.h": "of zlib.h", "sub/x.h": "of x.h", "z.h": "of z.h"} {
		if got, err := os.ReadFile(filepath.Join(dir, "usr/include", name)); err != nil || string(got) != want {
			t.Errorf("%s is %q, %v; want %q", name, got, err, want)
		}
	}

	covered := t.TempDir()
	put(filepath.Join(covered, "usr/include")) // what is no folder has nothing to copy
	if _, err := copyAll(all, covered); err != nil {
		t.Error(err)
	}

	libs := t.TempDir()
	put(filepath.Join(libs, "usr/lib/libz.so.1"))
	put(filepath.Join(libs, "usr/lib/python3/libx.so"))
	put(filepath.Join(libs, "usr/lib/crt.o"))
	link("usr/lib", filepath.Join(libs, "lib")) // as Alpine merges them
	if dir, err = copyAll(copied{"lib", "usr/lib", "lib"}, libs); err != nil {
		t.Fatal(err)
	}
	if found, err := filepath.Glob(filepath.Join(dir, "usr/lib/*")); err != nil || len(found) != 1 || filepath.Base(found[0]) != "libz.so.1" {
		t.Errorf("of the libraries %q are copied, %v", found, err)
	}

	reading := t.TempDir()
	link(outside, filepath.Join(reading, "usr"))
	if dir, err := copyAll(all, reading); err == nil {
		if _, err := os.Stat(filepath.Join(dir, "usr/include/secret.h")); err == nil {
			t.Error("a file of this machine is read by a symlink of a root")
		}
	}
	writing, through := t.TempDir(), t.TempDir()
	link(outside, filepath.Join(writing, "usr/include/sub"))
	put(filepath.Join(through, "usr/include/sub/planted.h"))
	if _, err := copyAll(all, writing, through); err == nil {
		t.Error("a folder is copied to where a symlink leads out")
	}
	if _, err := os.Stat(filepath.Join(outside, "planted.h")); err == nil {
		t.Error("a root wrote a file of this machine")
	}
}
