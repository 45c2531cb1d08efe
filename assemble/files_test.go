package assemble_test

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pyimg/pyimg/assemble"
	"github.com/pyimg/pyimg/assemble/lock"
	"github.com/pyimg/pyimg/internal/fixture"
	"github.com/pyimg/pyimg/layers"
)

// onDisk writes files into a new folder, by path; a content that begins with "->" makes a symlink, a path that ends with
// a slash a folder. Names that end in .sh are executable.
func onDisk(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		at := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
			t.Fatal(err)
		}
		var err error
		target, link := strings.CutPrefix(content, "->")
		switch {
		case strings.HasSuffix(name, "/"):
			err = os.MkdirAll(at, 0o755)
		case link:
			err = os.Symlink(target, at)
		case strings.HasSuffix(name, ".sh"):
			err = os.WriteFile(at, []byte(content), 0o744)
		default:
			err = os.WriteFile(at, []byte(content), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// fileWorld has packages that files meet: folders with modes of their own, a file, and symlinks to folders.
func fileWorld(t *testing.T) world {
	return newWorld(t, fixture.Package{Name: "base", Files: []fixture.File{
		file("etc/motd", "base's"), {Path: "tmp", Dir: true, Mode: 0o1777}, {Path: "run", Dir: true},
		{Path: "var/run", Link: "../run"}, {Path: "usr/lib", Dir: true}, {Path: "lib64", Link: "/usr/lib"}}})
}

// buildFiles builds base with files of a folder, and returns what their layer holds.
func buildFiles(t *testing.T, dir, more string, created time.Time) (map[string]string, lock.Layer, error) {
	t.Helper()
	w := fileWorld(t)
	s, src := w.spec(t, "base", more), w.sources(t)
	s.Dir = dir
	plan, err := assemble.Resolve(t.Context(), s, src, testKeys(t))
	if err != nil {
		t.Fatal(err)
	}
	locked, err := assemble.Build(t.Context(), plan, src, assemble.BuildOptions{Created: created})
	if err != nil {
		return nil, lock.Layer{}, err
	}
	ls := locked.Lock.Platforms[0].Layers
	i := slices.IndexFunc(ls, func(l lock.Layer) bool { return l.From == "files" })
	if i != len(ls)-2 {
		t.Fatalf("the layer of files is number %d of %d, want it below the last", i, len(ls))
	}
	return contents(t, src.Store, ls[i].Digest), ls[i], nil
}

func TestFilesComeIntoTheImage(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		disk map[string]string
		spec string
		want map[string]string // by path: mode, owner, content or target
	}{
		"a folder": {map[string]string{"app/x": "x", "app/run.sh": "r", "app/sub/y": "y", "app/l": "->x"}, "files: {from: ./app, to: /app}",
			map[string]string{"app/": "0755 0:0 ", "app/x": "0644 0:0 x", "app/run.sh": "0755 0:0 r", "app/sub/": "0755 0:0 ", "app/sub/y": "0644 0:0 y", "app/l": "0777 0:0 x"}},
		"owner and modes": {map[string]string{"app/x": "x"}, "files: {from: app/, to: /srv/app, uid: 5, gid: 6, mode: 0440, dir_mode: \"550\"}",
			map[string]string{"srv/": "0755 0:0 ", "srv/app/": "0550 5:6 ", "srv/app/x": "0440 5:6 x"}},
		"a file":              {map[string]string{"x": "x"}, "files: {from: x, to: /etc/y}", map[string]string{"etc/y": "0644 0:0 x"}},
		"a file into":         {map[string]string{"x": "x"}, "files: {from: x, to: /etc/}", map[string]string{"etc/x": "0644 0:0 x"}},
		"an empty folder":     {map[string]string{"d/": ""}, "files: {from: d, to: /d}", map[string]string{"d/": "0755 0:0 "}},
		"over the root":       {map[string]string{"r/etc/x": "x", "r/tmp/y": "y"}, "files: {from: r, to: /}", map[string]string{"etc/x": "0644 0:0 x", "tmp/y": "0644 0:0 y"}},
		"a symlink from":      {map[string]string{"v1/x": "x", "now": "->v1"}, "files: {from: now, to: /d}", map[string]string{"d/": "0755 0:0 ", "d/x": "0644 0:0 x"}},
		"through a symlink":   {map[string]string{"x": "x"}, "files: [{from: x, to: /var/run/p/x}, {from: x, to: /lib64/x}]", map[string]string{"run/p/": "0755 0:0 ", "run/p/x": "0644 0:0 x", "usr/lib/x": "0644 0:0 x"}},
		"folder at one":       {map[string]string{"d/x": "x"}, "files: {from: d, to: /var/run}", map[string]string{"run/x": "0644 0:0 x"}},
		"through their own":   {map[string]string{"d/l": "->/data", "d/x": "x"}, "files: [{from: d, to: /d}, {from: d/x, to: /d/l/z}]", map[string]string{"d/": "0755 0:0 ", "d/l": "0777 0:0 /data", "d/x": "0644 0:0 x", "data/": "0755 0:0 ", "data/z": "0644 0:0 x"}},
		"replacing":           {map[string]string{"m": "mine"}, "files: {from: m, to: /etc/motd, replace: true}", map[string]string{"etc/motd": "0644 0:0 mine"}},
		"a glob":              {map[string]string{"c/a.yaml": "a", "c/b.txt": "b", "c/s/c.yaml": "c"}, "files: {from: \"./c/*.yaml\", to: /e}", map[string]string{"e/": "0755 0:0 ", "e/a.yaml": "0644 0:0 a"}},
		"a deep glob":         {map[string]string{"c/a.yaml": "a", "c/b.txt": "b", "c/s/c.yaml": "c"}, "files: {from: \"c/**/*.yaml\", to: /e}", map[string]string{"e/": "0755 0:0 ", "e/a.yaml": "0644 0:0 a", "e/s/": "0755 0:0 ", "e/s/c.yaml": "0644 0:0 c"}},
		"a glob of folders":   {map[string]string{"p/a/src/x": "x", "p/b/y": "y", "p/c": "c"}, "files: {from: \"p/*/src\", to: /e}", map[string]string{"e/": "0755 0:0 ", "e/a/": "0755 0:0 ", "e/a/src/": "0755 0:0 ", "e/a/src/x": "0644 0:0 x"}},
		"exclude":             {map[string]string{"a/x.pyc": "", "a/c/y": "y", "a/z": "z", "a/s/x.pyc": ""}, "files: {from: a, to: /a, exclude: [\"**/*.pyc\", c]}", map[string]string{"a/": "0755 0:0 ", "a/s/": "0755 0:0 ", "a/z": "0644 0:0 z"}},
		"taken back in":       {map[string]string{"a/c/y": "y", "a/c/z": "z"}, "files: {from: a, to: /a, exclude: [c, \"!c/y\"]}", map[string]string{"a/": "0755 0:0 ", "a/c/": "0755 0:0 ", "a/c/y": "0644 0:0 y"}},
		"a folder of its own": {map[string]string{}, "dirs: {path: /data/x, uid: 3, mode: 0700}", map[string]string{"data/": "0755 0:0 ", "data/x/": "0700 3:0 "}},
		"dirs decide":         {map[string]string{"a/x": "x", "b/y": "y"}, "files: [{from: a, to: /d, uid: 1}, {from: b, to: /d, uid: 2}]\ndirs: {path: /d, uid: 3}", map[string]string{"d/": "0755 3:0 ", "d/x": "0644 1:0 x", "d/y": "0644 2:0 y"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, _, err := buildFiles(t, onDisk(t, c.disk), c.spec, time.Time{})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("the layer (-want +got):\n%s", diff)
			}
		})
	}
}

func TestFilesThatCannotBe(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		disk map[string]string
		spec string
		want []string
	}{
		"not there":      {nil, "files: {from: app, to: /app}", []string{"files[0] (app)", "no such file", "paths start from the spec's folder"}},
		"no match":       {map[string]string{"c/x": ""}, "files: {from: \"c/*.yaml\", to: /c}", []string{"files[0] (c/*.yaml)", "matches nothing"}},
		"out of it":      {map[string]string{"l": "->../.."}, "files: {from: l, to: /c}", []string{"files[0] (l)", "escapes"}},
		"a package's":    {map[string]string{"x": ""}, "files: {from: x, to: /etc/motd}", []string{"/etc/motd", "files[0] (x)", "apk base=1-r0", "replace: true"}},
		"all of them":    {map[string]string{"x": ""}, "files: [{from: x, to: /etc/motd}, {from: x, to: /var/run}]", []string{"/etc/motd", "/var/run"}},
		"twice":          {map[string]string{"x": "", "y": ""}, "files: [{from: x, to: /e}, {from: y, to: /e}]", []string{"/e comes from files[0] (x) and from files[1] (y)"}},
		"twice by links": {map[string]string{"x": "", "y": ""}, "files: [{from: x, to: /run/e}, {from: y, to: /var/run/e}]", []string{"/run/e comes from files[0] (x) and from files[1] (y)"}},
		"two owners":     {map[string]string{"a/x": "", "b/y": ""}, "files: [{from: a, to: /d}, {from: b, to: /d, uid: 1}]", []string{"/d is 0:0 with mode 0755 by files[0] (a), and 1:0 with 0755 by files[1] (b)", "dirs"}},
		"over a folder":  {map[string]string{"x": ""}, "files: {from: x, to: /usr, replace: true}", []string{"usr", "files", "not empty"}},
		"the database":   {map[string]string{"x": ""}, "files: {from: x, to: /lib/apk/db/installed}", []string{"/lib/apk/db/installed is in files", "pyimg writes it"}},
		"a whiteout":     {map[string]string{"d/.wh.x": ""}, "files: {from: d, to: /d}", []string{"whiteout"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, _, err := buildFiles(t, onDisk(t, c.disk), c.spec, time.Time{})
			for _, want := range c.want {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("Build = %v, want an error that holds %q", err, want)
				}
			}
		})
	}
}

func TestSocketIsRefused(t *testing.T) {
	t.Parallel()
	dir := onDisk(t, map[string]string{"d/x": "x"})
	l, err := new(net.ListenConfig).Listen(t.Context(), "unix", filepath.Join(dir, "d/s"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if _, _, err := buildFiles(t, dir, "files: {from: d, to: /d}", time.Time{}); err == nil || !strings.Contains(err.Error(), `reading "d/s": it is a socket`) {
		t.Errorf("Build = %v, want an error about the socket d/s", err)
	}
	if _, _, err := buildFiles(t, dir, "files: {from: d, to: /d, exclude: s}", time.Time{}); err != nil {
		t.Errorf("Build without it = %v", err)
	}
}

func TestFilesLayerDependsOnContentAlone(t *testing.T) {
	t.Parallel()
	disk := map[string]string{"a/x": "x", "a/b/y.sh": "y", "a/l": "->x"}
	one, two := onDisk(t, disk), onDisk(t, disk)
	if err := os.Chtimes(filepath.Join(two, "a/x"), time.Unix(1, 0), time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	for name, mode := range map[string]os.FileMode{"a/x": 0o444, "a/b": 0o700, "a/b/y.sh": 0o777} {
		if err := os.Chmod(filepath.Join(two, name), mode); err != nil {
			t.Fatal(err)
		}
	}
	const spec = "files: {from: a, to: /a}"
	_, first, err1 := buildFiles(t, one, spec, time.Time{})
	_, second, err2 := buildFiles(t, two, spec, time.Time{})
	_, dated, err3 := buildFiles(t, two, spec, time.Unix(1700000000, 0))
	if err := errors.Join(err1, err2, err3); err != nil {
		t.Fatal(err)
	}
	if first.Digest != second.Digest {
		t.Errorf("digests %s and %s of the same contents", first.Digest, second.Digest)
	}
	if first.Digest == dated.Digest {
		t.Error("SOURCE_DATE_EPOCH changes nothing in the files' layer, want its time in it")
	}
}

func TestDirsChangeAPackagesFolder(t *testing.T) {
	t.Parallel()
	w := fileWorld(t)
	s := w.spec(t, "base", "dirs: [{path: /var/run, mode: 1777}, {path: /tmp, mode: 0700, uid: 9}]\n")
	_, tree := builtImage(t, s, w.sources(t))
	for path, want := range map[string]int64{"run": 0o1777, "tmp": 0o700} {
		n, err := tree.Lstat(path)
		if err != nil {
			t.Fatal(err)
		}
		if h := n.Entry.Header; h.Mode != want {
			t.Errorf("%s has mode %04o, want %04o", path, h.Mode, want)
		}
	}
}

func TestFilesDoNotChangeFoldersThatAreThere(t *testing.T) {
	t.Parallel()
	w := fileWorld(t)
	s := w.spec(t, "base", "files: {from: r, to: /, uid: 7}\n")
	s.Dir = onDisk(t, map[string]string{"r/tmp/x": "x"})
	_, tree := builtImage(t, s, w.sources(t))
	n, err := tree.Lstat("tmp")
	if err != nil {
		t.Fatal(err)
	}
	if h := n.Entry.Header; h.Mode != 0o1777 || h.Uid != 0 {
		t.Errorf("tmp is %04o of %d, want 1777 of 0", h.Mode, h.Uid)
	}
}

func TestFilesMayBeTheCommandAndTheAccounts(t *testing.T) {
	t.Parallel()
	w := fileWorld(t)
	s := w.spec(t, "base", "files: [{from: passwd, to: /etc/passwd}, {from: sh, to: /bin/sh, mode: 0755}, {from: run.sh, to: /run.sh}]\n"+
		"accounts: {users: {name: app, uid: 1000}}\nimage: {entrypoint: [/run.sh]}\n")
	s.Dir = onDisk(t, map[string]string{"passwd": "root:x:0:0:::\n", "run.sh": "#!/bin/sh\n",
		"sh": string(fixture.ELF{Arch: "x86_64"}.Bytes())})
	_, tree := builtImage(t, s, w.sources(t))
	n, err := tree.Lstat("etc/passwd")
	if err != nil {
		t.Fatal(err)
	}
	if want := "root:x:0:0:::\napp:!:1000:1000::/home/app:/sbin/nologin\n"; string(n.Entry.Kept) != want {
		t.Errorf("etc/passwd is %q, want %q", n.Entry.Kept, want)
	}
}

// contents reads the files of a stored layer.
func contents(t *testing.T, store *layers.Store, digest string) map[string]string {
	t.Helper()
	r, err := store.Open(digest)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	return untar(t, r)
}

// untar reads a gzip'ed tar: a file's content, a symlink's target after "->", a folder's mode and owner.
func untar(t *testing.T, r io.Reader) map[string]string {
	t.Helper()
	z, err := gzip.NewReader(r)
	if err != nil {
		t.Fatal(err)
	}
	out := make(map[string]string)
	for tr := tar.NewReader(z); ; {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(tr)
		if err != nil {
			t.Fatal(err)
		}
		out[h.Name] = fmt.Sprintf("%04o %d:%d %s%s", h.Mode, h.Uid, h.Gid, b, h.Linkname)
	}
}
