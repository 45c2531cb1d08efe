package loader_test

import (
	"archive/tar"
	"debug/elf"
	"fmt"
	"iter"
	"log"
	"testing"

	"github.com/pyimg/pyimg/assemble/loader"
	"github.com/pyimg/pyimg/layers"
	"github.com/pyimg/pyimg/layers/tree"
)

// root is a root with these ELF files, by path, and these texts.
func root(files map[string]*layers.ELF, texts map[string]string) (*tree.Tree, error) {
	entries := func(yield func(layers.Entry, error) bool) {
		for at, f := range files {
			if !yield(layers.Entry{Header: &tar.Header{Typeflag: tar.TypeReg, Name: at, Mode: 0o755}, ELF: f}, nil) {
				return
			}
		}
		for at, text := range texts {
			if !yield(layers.Entry{Header: &tar.Header{Typeflag: tar.TypeReg, Name: at}, Kept: []byte(text)}, nil) {
				return
			}
		}
	}
	return tree.New([]tree.Layer{{Name: "all", Entries: iter.Seq2[layers.Entry, error](entries)}}, nil)
}

func x86(f layers.ELF) *layers.ELF {
	f.Machine, f.Class = elf.EM_X86_64, 64
	return &f
}

// A program's own folders come before those that the loader searches by default.
func Example() {
	t, err := root(map[string]*layers.ELF{
		"lib/ld-musl-x86_64.so.1": x86(layers.ELF{}),
		"usr/bin/app":             x86(layers.ELF{Interp: "/lib/ld-musl-x86_64.so.1", Needed: []string{"libz.so.1"}, RunPath: []string{"$ORIGIN/../app"}}),
		"usr/app/libz.so.1":       x86(layers.ELF{}),
		"usr/lib/libz.so.1":       x86(layers.ELF{}),
	}, nil)
	if err != nil {
		log.Fatal(err)
	}
	r := loader.NewRoot(t, "")
	app := r.Objects["usr/bin/app"]
	lib, _ := r.Rules(app.Interp).Like(app).Search("libz.so.1", &loader.Loading{Object: app, Origin: "/usr/bin"})
	fmt.Println(lib.Path)
	// Output: usr/app/libz.so.1
}

func TestSearch(t *testing.T) {
	t.Parallel()
	const musl, glibc = "/lib/ld-musl-x86_64.so.1", "/lib64/ld-linux-x86-64.so.2"
	arm := &layers.ELF{Machine: elf.EM_AARCH64, Class: 64}
	for name, c := range map[string]struct {
		interp, env string
		program     layers.ELF
		files       []string
		texts       map[string]string
		foreign     bool // the library is for another machine
		want        string
	}{
		"default":                     {interp: musl, files: []string{"usr/lib/libx.so"}, want: "usr/lib/libx.so"},
		"the environment comes first": {interp: musl, env: "/a:/b", files: []string{"usr/lib/libx.so", "b/libx.so"}, want: "b/libx.so"},
		"a file of paths":             {interp: musl, files: []string{"usr/lib/libx.so", "opt/libx.so"}, texts: map[string]string{"etc/ld-musl-x86_64.path": "/opt\n"}, want: "opt/libx.so"},
		"not in that file":            {interp: musl, files: []string{"usr/lib/libx.so"}, texts: map[string]string{"etc/ld-musl-x86_64.path": "/opt\n"}},
		"runpath":                     {interp: musl, program: layers.ELF{RunPath: []string{"/own"}}, files: []string{"own/libx.so", "lib/libx.so"}, want: "own/libx.so"},
		"$LIB is musl's end of a list": {interp: musl, program: layers.ELF{RunPath: []string{"/own", "/$LIB"}}, files: []string{"own/libx.so", "lib/libx.so"},
			want: "lib/libx.so"},
		"$LIB of glibc":   {interp: glibc, program: layers.ELF{RunPath: []string{"/o/$LIB"}}, files: []string{"o/lib64/libx.so"}, want: "o/lib64/libx.so"},
		"ld.so.conf":      {interp: glibc, files: []string{"opt/libx.so"}, texts: map[string]string{"etc/ld.so.conf": "# x\n/opt\n"}, want: "opt/libx.so"},
		"another machine": {interp: musl, files: []string{"lib/libx.so"}, foreign: true},
		"nowhere":         {interp: musl, files: []string{"srv/libx.so"}},
	} {
		c.program.Interp = c.interp
		files := map[string]*layers.ELF{"bin/app": x86(c.program), c.interp[1:]: x86(layers.ELF{})}
		for _, at := range c.files {
			if files[at] = x86(layers.ELF{}); c.foreign {
				files[at] = arm
			}
		}
		tr, err := root(files, c.texts)
		if err != nil {
			t.Fatal(err)
		}
		r := loader.NewRoot(tr, c.env)
		app := r.Objects["bin/app"]
		got := ""
		if lib, _ := r.Rules(c.interp).Like(app).Search("libx.so", &loader.Loading{Object: app, Origin: "/bin"}); lib != nil {
			got = lib.Path
		}
		if got != c.want {
			t.Errorf("%s: found %q, want %q", name, got, c.want)
		}
	}
}
