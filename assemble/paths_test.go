package assemble_test

import (
	"archive/tar"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pyimg/pyimg/internal/fixture"
	"github.com/pyimg/pyimg/layers"
)

// pathWorld has a package with folders, files, hard links and a symlink.
func pathWorld(t *testing.T) world {
	return newWorld(t, fixture.Package{Name: "base", Files: []fixture.File{
		{Path: "srv", Dir: true, Mode: 0o755}, {Path: "srv/www", Dir: true, Mode: 0o755}, {Path: "srv/www/run.sh", Mode: 0o644, Body: []byte("run")},
		file("srv/www/index", "index"), {Path: "srv/www/link", Link: "index"}, {Path: "usr/bin/x", Mode: 0o755, Body: []byte("x")},
		{Path: "usr/lib", Dir: true}, {Path: "lib64", Link: "usr/lib"}, file("usr/lib/y", "y")}})
}

// members lists a layer: type, mode, owner, path, and content or target.
func members(t *testing.T, store *layers.Store, b layers.Blob) []string {
	t.Helper()
	var all []string
	err := store.Tar(t.Context(), layers.Source{Digest: b.Digest}, b.DiffID, func(in io.Reader) error {
		for r := tar.NewReader(in); ; {
			h, err := r.Next()
			if err == io.EOF { //nolint:errorlint // tar returns it as it is
				return nil
			}
			if err != nil {
				return err
			}
			content, err := io.ReadAll(r)
			if err != nil {
				return err
			}
			all = append(all, fmt.Sprintf("%c %04o %d:%d %s %s", h.Typeflag, h.Mode, h.Uid, h.Gid, h.Name, string(content)+h.Linkname))
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestPaths(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		paths string
		want  []string
	}{
		"recursive": {"{path: /srv/www, uid: 7, gid: 0, recursive: true, mode: 0600, dir_mode: 0700}", []string{
			"5 0700 7:0 srv/www/ ", "2 0777 7:0 srv/www/link index", "0 0600 7:0 srv/www/index index", "0 0600 7:0 srv/www/run.sh run"}},
		"a glob":                   {`{path: "/srv/**/*.sh", mode: 0755}`, []string{"0 0755 0:0 srv/www/run.sh run"}},
		"a glob and what is below": {`{path: "/s*", recursive: true, gid: 5, dir_mode: 2750}`, []string{"5 2750 0:5 srv/ ", "5 2750 0:5 srv/www/ ", "2 0777 0:5 srv/www/link index", "0 0644 0:5 srv/www/index index", "0 0644 0:5 srv/www/run.sh run"}},
		"a folder alone":           {"{path: /srv, mode: 1777}", []string{"5 1777 0:0 srv/ "}},
		"through a symlink":        {"{path: /lib64/y, mode: 0600}", []string{"0 0600 0:0 usr/lib/y y"}},
		"a symlink is followed":    {"{path: /srv/www/link, mode: 0600}", []string{"0 0600 0:0 srv/www/index index"}},
		"the last one wins":        {"{path: /srv/www, recursive: true, mode: 0600}, {path: /srv/www/run.sh, mode: 0700}", []string{"0 0600 0:0 srv/www/index index", "0 0700 0:0 srv/www/run.sh run"}},
		"symlinks": {"{path: /lib64/z, symlink: y}, {path: /opt/a/b, symlink: /usr/bin/x, uid: 3}, {path: /usr/bin/x, symlink: y, replace: true}", []string{
			"5 0755 0:0 opt/ ", "5 0755 0:0 opt/a/ ", "2 0777 3:0 opt/a/b /usr/bin/x", "2 0777 0:0 usr/bin/x y", "2 0777 0:0 usr/lib/z y"}},
		"as it is": {"{path: /usr/bin/x, uid: 0, mode: 0755}, {path: /srv/www/link, symlink: index}", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			src := pathWorld(t)
			access := src.sources(t)
			got, tree := builtImage(t, src.spec(t, "base", "paths: ["+c.paths+"]\n"), access)
			l, made := got["paths"]
			if made != (c.want != nil) {
				t.Fatalf("a layer of paths: %v, want %v", made, c.want != nil)
			}
			if !made {
				return
			}
			if diff := cmp.Diff(c.want, members(t, access.Store, l.Blob())); diff != "" {
				t.Errorf("members (-want +got):\n%s", diff)
			}
			if n, err := tree.Lstat("srv"); err != nil || strings.Contains(c.paths, "/srv, mode") && n.Entry.Header.Mode != 0o1777 {
				t.Errorf("/srv of the image has the mode %o (%v), want that of the spec", n.Entry.Header.Mode, err)
			}
		})
	}
}

// TestPathsOfFiles: the spec's own files get their owner in their own layer, not twice.
func TestPathsOfFiles(t *testing.T) {
	t.Parallel()
	w := pathWorld(t)
	s := w.spec(t, "base", "files: [{from: app, to: /srv/www/app}]\npaths: [{path: /srv/www, recursive: true, uid: 9}]\n")
	s.Dir = onDisk(t, map[string]string{"app/main.py": "main"})
	access := w.sources(t)
	got, _ := builtImage(t, s, access)
	if diff := cmp.Diff([]string{"5 0755 9:0 srv/www/app/ ", "0 0644 9:0 srv/www/app/main.py main"}, withoutParents(members(t, access.Store, got["files"].Blob()))); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	for _, m := range members(t, access.Store, got["paths"].Blob()) {
		if strings.Contains(m, "srv/www/app") {
			t.Errorf("the layer of paths has %q, which is in the layer of files", m)
		}
	}
}

func withoutParents(all []string) []string {
	var kept []string
	for _, m := range all {
		if strings.Contains(m, "app") {
			kept = append(kept, m)
		}
	}
	return kept
}

func TestPathsFaults(t *testing.T) {
	t.Parallel()
	w := pathWorld(t)
	_, err := build(t, w.spec(t, "base", `paths:
  - {path: /nowhere, mode: 0600}
  - {path: "/srv/*.none", mode: 0600}
  - {path: /srv/www/index, symlink: run.sh}
  - {path: /srv/www, symlink: x, replace: true}
  - {path: /a, symlink: x}
  - {path: /a, symlink: y}
`), w.sources(t))
	if err == nil {
		t.Fatal("no error, want six")
	}
	for _, want := range []string{
		"paths[0] (/nowhere): the image has nothing there",
		"paths[1] (/srv/*.none): the image has nothing there",
		"paths[2] (/srv/www/index): there is a file of apk base=1-r0; choose another path, or take its place with replace: true",
		"paths[3] (/srv/www): there is a folder of apk base=1-r0 with something in it",
		"paths[5] (/a): an entry before it is about the same path",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error is\n%v\nwant also %q", err, want)
		}
	}
}
