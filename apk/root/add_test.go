package root_test

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/pyimg/pyimg/apk"
	"github.com/pyimg/pyimg/apk/root"
)

// tree makes a root in memory. A path that ends with a slash is a folder; "a -> b" is a symlink.
func treeOf(files map[string]string) baseTree {
	b := make(baseTree)
	for name, content := range files {
		h := &tar.Header{Typeflag: tar.TypeReg, Mode: 0o644, Size: int64(len(content))}
		if link, to, ok := strings.Cut(name, " -> "); ok {
			h, name, content = &tar.Header{Typeflag: tar.TypeSymlink, Linkname: to, Mode: 0o777}, link, ""
		}
		if dir, ok := strings.CutSuffix(name, "/"); ok {
			h, name = &tar.Header{Typeflag: tar.TypeDir, Mode: 0o755}, dir
		}
		b[name] = baseFile{h, []byte(content)}
		for i := range name {
			if name[i] == '/' {
				b[name[:i]] = baseFile{&tar.Header{Typeflag: tar.TypeDir, Mode: 0o755}, nil}
			}
		}
	}
	return b
}

func TestOpenBaseRefuses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		files map[string]string
		want  string
	}{
		"no database":          {map[string]string{"bin/a": ""}, root.ErrNoDatabase.Error()},
		"a database elsewhere": {map[string]string{"usr/lib/apk/db/installed": "P:a\n", "etc/apk/world": "a\n"}, root.ErrNoDatabase.Error()},
		"no world":             {map[string]string{"lib/apk/db/installed": "P:a\n"}, "no /etc/apk/world"},
		"not a database":       {map[string]string{"lib/apk/db/installed": "hello\n", "etc/apk/world": ""}, "line 1"},
		"broken scripts":       {map[string]string{"lib/apk/db/installed": "P:a\n", "etc/apk/world": "", "lib/apk/db/scripts.tar": "x"}, "scripts"},
	} {
		if _, err := root.OpenBase(treeOf(c.files).files()); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	linked := map[string]string{"usr/lib/apk/db/installed": "P:a\nV:1\n", "etc/apk/world": "a\n", "lib -> usr/lib": ""}
	b, err := root.OpenBase(treeOf(linked).files())
	if err != nil || len(b.Packages) != 1 {
		t.Errorf("through a link: %v, want the package", err)
	}
}

// A list of the base's own protects more folders, and takes back what apk protects.
func TestAddProtectsWhatTheBaseSays(t *testing.T) {
	t.Parallel()
	base := treeOf(map[string]string{
		"lib/apk/db/installed": "", "etc/apk/world": "", "etc/apk/protected_paths.d/x.list": "# mine\nsrv/conf*\n-etc/free\n",
		"srv/conf.d/a": "mine", "etc/free/a": "mine", "etc/a": "mine", "opt/a": "mine", "srv/b": "mine",
	})
	b, err := root.OpenBase(base.files())
	if err != nil {
		t.Fatal(err)
	}
	p := pkg("p", file("srv/conf.d/a", "new"), file("etc/free/a", "new"), file("etc/a", "new"), file("opt/a", "new"), file("srv/b", "new"))
	one := built(t, p)
	r, err := root.Add(b, []root.Replacement{{New: &one}}, root.Options{Dialect: apk.Dialect3, Arch: "x86_64"})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for f := range r.Files() {
		got = append(got, f.Path)
	}
	if want := []string{"etc/a.apk-new", "etc/free/a", "opt/a", "srv/b", "srv/conf.d/a.apk-new"}; !slices.Equal(got, want) {
		t.Errorf("files %q, want %q", got, want)
	}
}

func TestAddOfAPackageThatIsNotThere(t *testing.T) {
	t.Parallel()
	b, err := root.OpenBase(treeOf(map[string]string{"lib/apk/db/installed": "", "etc/apk/world": ""}).files())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := root.Add(b, []root.Replacement{{Old: "a"}}, root.Options{Dialect: apk.Dialect3}); err == nil || !strings.Contains(err.Error(), `"a"`) {
		t.Errorf("Add = %v, want an error that names the package", err)
	}
}

// What cannot be read of the base is an error, not a guess.
func TestAddReportsWhatItCannotRead(t *testing.T) {
	t.Parallel()
	files := treeOf(map[string]string{"lib/apk/db/installed": "", "etc/apk/world": "", "etc/a": "mine"}).files()
	files.SHA1 = func(string) ([]byte, error) { return nil, io.ErrUnexpectedEOF }
	b, err := root.OpenBase(files)
	if err != nil {
		t.Fatal(err)
	}
	one := built(t, pkg("p", file("etc/a", "new")))
	if _, err := root.Add(b, []root.Replacement{{New: &one}}, root.Options{Dialect: apk.Dialect3}); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("Add = %v, want the error of the base", err)
	}
}

// FuzzOpenBase reads databases that anybody may have written, and works on them.
func FuzzOpenBase(f *testing.F) {
	f.Add("C:Q1IxKAjuNM3B0A3HlqB7JJ4L5lb1I=\nP:a\nV:1-r0\nI:8192\nr:b\nq:3\nF:e\nM:0:0:1777\nR:f\na:0:0:755\nZ:Q1hvfkN/qlp/zhXR3cuerq6jd2Z7g=\n\n", "a\n!b\n", "Q1IxKAjuNM3B0A3HlqB7JJ4L5lb1I= /usr/*\n", "+srv\n-etc/x\n")
	f.Add("P:a\nF:\nR:..\n\n", "a@t", "", "[")
	f.Add("P:a\nF:../x\nR:f\n\n\nP:b\n", "", "Q1", "@/a//b")
	f.Fuzz(func(t *testing.T, installed, world, triggers, protected string) {
		base := treeOf(map[string]string{"lib/apk/db/installed": installed, "etc/apk/world": world, "lib/apk/db/triggers": triggers,
			"etc/apk/protected_paths.d/a.list": protected, "e/f": "x", "etc/f": "x"})
		b, err := root.OpenBase(base.files())
		if err != nil {
			return
		}
		var changes []root.Replacement
		for _, p := range b.Packages {
			changes = append(changes, root.Replacement{Old: p.Name})
		}
		for _, dialect := range []apk.Dialect{apk.Dialect2, apk.Dialect3} {
			r, err := root.Add(b, changes, root.Options{Dialect: dialect})
			if err != nil {
				continue
			}
			for p := range r.Gone() {
				if _, there := base[p]; !there {
					t.Errorf("%q is gone, and was never there", p)
				}
			}
			for _, text := range r.Database(b.World) {
				_ = fmt.Sprint(len(text))
			}
		}
	})
}
