package local_test

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pyimg/pyimg/layers/local"
)

// lookAll looks at all that Walk finds below names.
func lookAll(t testing.TB, f *local.Folder, names ...string) []local.File {
	t.Helper()
	var found []local.File
	for _, name := range names {
		err := f.Walk(t.Context(), name, func(name string, info fs.FileInfo) error {
			h, err := f.Look(t.Context(), name, info)
			found = append(found, h)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return found
}

// seen is what tells files apart, by name.
func seen(files []local.File) map[string]string {
	all := make(map[string]string)
	for _, h := range files {
		kind := h.Info.Mode().Type().String()
		if h.Info.Mode().IsRegular() && h.Info.Mode()&0o100 != 0 {
			kind += "x"
		}
		all[h.Name] = kind + " " + h.Digest + " " + h.Target
	}
	return all
}

func pack(t testing.TB, f *local.Folder, files []local.File) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := f.Pack(t.Context(), &b, files); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func unpack(t *testing.T, data []byte) *local.Folder {
	t.Helper()
	f, err := local.Unpack(t.Context(), bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

func TestUnpackFolderFindsWhatWasPacked(t *testing.T) {
	long := strings.Repeat("long/", 60) + "file"
	for name, walk := range map[string][]string{
		"all":                         {"."},
		"a part":                      {"app", "deep/er"},
		"a file":                      {"app/main.py"},
		"through a symlink":           {"linked", "linked/main.py"},
		"a symlink and what is there": {"app", "top", "linked/main.py"},
		"all, and through a symlink":  {".", "linked/main.py", "linked"},
		"the same twice":              {"app", "app"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, dir := folder(t, map[string]string{"app/main.py": "print()", "app/run": "#!/bin/sh", "app/.env": "A=1", "app/ü:b *?": "odd",
				"app/here": "->main.py", "app/away": "->/etc/passwd", "top/link": "->../app", "linked": "->top/link", "deep/er/x": "", long: "far"})
			for _, empty := range []string{"app/empty", "deep/er/none"} {
				if err := os.MkdirAll(filepath.Join(dir, empty), 0o700); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.Chmod(filepath.Join(dir, "app/run"), 0o700); err != nil {
				t.Fatal(err)
			}
			was := lookAll(t, f, walk...)
			data := pack(t, f, was)
			now := lookAll(t, unpack(t, data), walk...)
			if want, got := seen(was), seen(now); !maps.Equal(want, got) {
				t.Errorf("walking %q found\n%q\nand once it was unpacked\n%q", walk, want, got)
			}
		})
	}
}

func TestPackDependsOnNoTimeAndNoMode(t *testing.T) {
	t.Parallel()
	f, dir := folder(t, map[string]string{"a/b": "1", "c": "2"})
	first := pack(t, f, lookAll(t, f, "."))
	name := filepath.Join(dir, "a/b")
	if err := os.Chtimes(name, time.Unix(1, 0), time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(name, 0o600); err != nil {
		t.Fatal(err)
	}
	if second := pack(t, f, lookAll(t, f, "c", "a")); !bytes.Equal(first, second) {
		t.Error("the same files make two tars")
	}
}

func TestPackRefusesFileThatChanged(t *testing.T) {
	t.Parallel()
	f, dir := folder(t, map[string]string{"a": "before"})
	files := lookAll(t, f, ".")
	if err := os.WriteFile(filepath.Join(dir, "a"), []byte("after!"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := f.Pack(t.Context(), io.Discard, files); err == nil || !strings.Contains(err.Error(), `"a"`) {
		t.Errorf("packing it gave %v, expected an error that names it", err)
	}
}

func TestUnpackFolderRefuses(t *testing.T) {
	outside := filepath.Join(t.TempDir(), "outside")
	for name, members := range map[string][]tar.Header{
		"a way up":             {{Typeflag: tar.TypeReg, Name: "../outside"}},
		"an absolute path":     {{Typeflag: tar.TypeReg, Name: outside}},
		"a way out by symlink": {{Typeflag: tar.TypeSymlink, Name: "l", Linkname: filepath.Dir(outside)}, {Typeflag: tar.TypeReg, Name: "l/outside"}},
		"a device":             {{Typeflag: tar.TypeChar, Name: "null", Devmajor: 1, Devminor: 3}},
		"a hard link":          {{Typeflag: tar.TypeReg, Name: "a"}, {Typeflag: tar.TypeLink, Name: "b", Linkname: "a"}},
		"a path twice":         {{Typeflag: tar.TypeReg, Name: "a"}, {Typeflag: tar.TypeReg, Name: "a"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var b bytes.Buffer
			tw := tar.NewWriter(&b)
			for _, h := range members {
				if err := tw.WriteHeader(&h); err != nil {
					t.Fatal(err)
				}
			}
			if err := tw.Close(); err != nil {
				t.Fatal(err)
			}
			f, err := local.Unpack(t.Context(), &b)
			if err == nil {
				t.Errorf("unpacking gave no error: %v", f.Close())
			}
			if !errors.As(err, new(*local.PackedError)) {
				t.Errorf("the error is %v, want a PackedError", err)
			}
			if _, err := os.Lstat(outside); err == nil {
				t.Error("it wrote outside of its folder")
			}
		})
	}
}

func TestUnpackedFolderGoesWhenClosed(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	f, _ := folder(t, map[string]string{"a": "1"})
	unpacked, err := local.Unpack(t.Context(), bytes.NewReader(pack(t, f, lookAll(t, f, "."))))
	if err != nil {
		t.Fatal(err)
	}
	if err := unpacked.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := local.Unpack(t.Context(), strings.NewReader("no tar")); err == nil {
		t.Error("what is no tar was unpacked")
	}
	if left, err := os.ReadDir(os.Getenv("TMPDIR")); err != nil || len(left) > 0 {
		t.Errorf("%v is left, %v", left, err)
	}
	t.Setenv("TMPDIR", filepath.Join(t.TempDir(), "nowhere"))
	if _, err := local.Unpack(t.Context(), strings.NewReader("no tar")); err == nil || errors.As(err, new(*local.PackedError)) {
		t.Errorf("without a place to unpack the error is %v, want one that says nothing of the tar", err)
	}
}

// FuzzUnpackFolder unpacks whatever is given, and packs again what came of it.
func FuzzUnpackFolder(f *testing.F) {
	from, _ := folder(f, map[string]string{"a/b": "1", "a/c": "->b", "d": "->a"})
	f.Add(pack(f, from, lookAll(f, from, ".")))
	f.Fuzz(func(t *testing.T, data []byte) {
		unpacked, err := local.Unpack(t.Context(), bytes.NewReader(data))
		if err != nil {
			return
		}
		defer unpacked.Close()
		again := pack(t, unpacked, lookAll(t, unpacked, "."))
		twice, err := local.Unpack(t.Context(), bytes.NewReader(again))
		if err != nil {
			t.Fatalf("what was packed is not unpacked: %v", err)
		}
		defer twice.Close()
		if third := pack(t, twice, lookAll(t, twice, ".")); !bytes.Equal(again, third) {
			t.Error("what was unpacked is packed otherwise")
		}
	})
}
