package local_test

import (
	"archive/tar"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pyimg/pyimg/layers"
	"github.com/pyimg/pyimg/layers/local"
)

// folder makes a folder of files by path; a content that begins with "->" makes a symlink.
func folder(t testing.TB, files map[string]string) (*local.Folder, string) {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		at := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
			t.Fatal(err)
		}
		var err error
		if target, link := strings.CutPrefix(content, "->"); link {
			err = os.Symlink(target, at)
		} else {
			err = os.WriteFile(at, []byte(content), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	f, err := local.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f, dir
}

// look looks at one file of a folder.
func look(t *testing.T, f *local.Folder, name string) local.File {
	t.Helper()
	var found local.File
	err := f.Walk(t.Context(), name, func(name string, info fs.FileInfo) (err error) {
		found, err = f.Look(t.Context(), name, info)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func fileMember(name string, from local.File) local.Member {
	return local.Member{From: from, Header: &tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: from.Info.Size(), ModTime: time.Unix(0, 0)}}
}

func TestWalkIsSortedAndStaysInTheFolder(t *testing.T) {
	t.Parallel()
	f, _ := folder(t, map[string]string{"b/x": "", "b/a": "", "b/l": "->a", "b/out": "->/etc", "c": "", "here": "->b", "out": "->/etc", "up": "->../.."})
	for name, want := range map[string][]string{
		"b":    {"b", "b/a", "b/l", "b/out", "b/x"},
		"here": {"here", "here/a", "here/l", "here/out", "here/x"},
		".":    {".", "b", "b/a", "b/l", "b/out", "b/x", "c", "here", "out", "up"},
		"out":  nil, "up": nil, "b/../../..": nil,
	} {
		var got []string
		err := f.Walk(t.Context(), name, func(name string, _ fs.FileInfo) error { got = append(got, name); return nil })
		if (err != nil) != (want == nil) || !slices.Equal(got, want) {
			t.Errorf("Walk(%q) = %q, %v, want %q", name, got, err, want)
		}
	}
}

func TestWalkNamesWhatIsMissing(t *testing.T) {
	t.Parallel()
	f, _ := folder(t, nil)
	err := f.Walk(t.Context(), "nowhere", func(string, fs.FileInfo) error { return nil })
	if want := "stat nowhere: no such file or directory"; err == nil || err.Error() != want || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the error is %v, want %s", err, want)
	}
}

func TestWalkSkips(t *testing.T) {
	t.Parallel()
	f, _ := folder(t, map[string]string{"a/x": "", "b": ""})
	var got []string
	err := f.Walk(t.Context(), ".", func(name string, _ fs.FileInfo) error {
		got = append(got, name)
		if name == "a" {
			return fs.SkipDir
		}
		return nil
	})
	if want := []string{".", "a", "b"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("Walk = %q, %v, want %q", got, err, want)
	}
}

func TestMakeReadsNothingWhereTheLayerIsStored(t *testing.T) {
	t.Parallel()
	s := openStore(t)
	f, dir := folder(t, map[string]string{"x": "content"})
	members := []local.Member{fileMember("usr/x", look(t, f, "x"))}
	first, err := local.Make(t.Context(), s, f, members, layers.MakeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, "x")); err != nil {
		t.Fatal(err)
	}
	again, err := local.Make(t.Context(), s, f, members, layers.MakeOptions{})
	if err != nil || again != first {
		t.Errorf("Make once more = %+v, %v, want %+v", again, err, first)
	}
}

func TestFileThatChangesIsAnError(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(path string) error{
		"longer":  func(p string) error { return os.WriteFile(p, []byte("contents"), 0o644) },
		"shorter": func(p string) error { return os.Truncate(p, 1) },
		"another": func(p string) error { return os.Rename(p+"2", p) },
		"touched": func(p string) error { return os.Chtimes(p, time.Unix(9, 0), time.Unix(9, 0)) },
		"the same size and time": func(p string) error {
			info, err := os.Stat(p)
			if err != nil {
				return err
			}
			if err := os.WriteFile(p, []byte("CONTENT"), 0o644); err != nil {
				return err
			}
			return os.Chtimes(p, info.ModTime(), info.ModTime())
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := openStore(t)
			f, dir := folder(t, map[string]string{"x": "content", "x2": "content"})
			members := []local.Member{fileMember("x", look(t, f, "x"))}
			if err := change(filepath.Join(dir, "x")); err != nil {
				t.Fatal(err)
			}
			_, err := local.Make(t.Context(), s, f, members, layers.MakeOptions{})
			if err == nil || !strings.Contains(err.Error(), `adding "x": it changed while it was read`) {
				t.Errorf("Make = %v, want an error that x changed", err)
			}
		})
	}
}

func openStore(t testing.TB) *layers.Store {
	t.Helper()
	s, err := layers.OpenStore(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return s
}
