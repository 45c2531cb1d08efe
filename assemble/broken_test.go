package assemble_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/pyimg/pyimg/apk/root"
	"github.com/pyimg/pyimg/assemble/check"
	"github.com/pyimg/pyimg/assemble/image"
	"github.com/pyimg/pyimg/assemble/kept"
	"github.com/pyimg/pyimg/internal/fixture"
	"github.com/pyimg/pyimg/layers"
)

// muslPackage is musl and what else each image needs.
func muslPackage() fixture.Package {
	return fixture.Package{Name: "musl", Provides: []string{"so:libc.musl-x86_64.so.1=1"}, Files: []fixture.File{
		{Path: fixture.Loader("x86_64"), Mode: 0o755, Body: fixture.ELF{Arch: "x86_64", Soname: "libc.musl-x86_64.so.1"}.Bytes()},
		{Path: "usr/bin/app", Mode: 0o755, Body: fixture.Executable("x86_64").Bytes()},
		file("etc/passwd", "root:x:0:0:root:/:/bin/sh\n"), file("etc/group", "root:x:0:\n")}}
}

// A broken image is one that must not come out, and must be found where it did.
type broken struct {
	packages []fixture.Package
	runtime  []fixture.File // of a tarball, as it stands
	more     string         // of the spec
	config   v1.Config      // of the finished image, in place of the spec's
	check    string         // the check that finds it in the finished image
	want     string         // in both messages
}

func brokenImages() map[string]broken {
	x86 := func(change func(*fixture.ELF)) []byte {
		e := fixture.Executable("x86_64")
		change(&e)
		return e.Bytes()
	}
	dir := func(p string) fixture.File { return fixture.File{Path: p, Dir: true} }
	local := []fixture.File{dir("usr"), dir("usr/local"), dir("usr/local/bin"), dir("usr/local/lib")}
	with := func(files ...fixture.File) []fixture.File { return slices.Concat(local, files) }
	python := with(dir("usr/local/lib/python3.12"), dir("usr/local/lib/python3.12/encodings"),
		fixture.File{Path: "usr/local/bin/python3.12", Mode: 0o755, Body: fixture.Executable("x86_64").Bytes()},
		fixture.File{Path: "usr/local/bin/python3", Link: "python3.12"})
	one := func(name string, files ...fixture.File) fixture.Package {
		return fixture.Package{Name: name, Files: files}
	}
	return map[string]broken{
		"preload missing": {more: "allocator: {preload: /usr/lib/none.so}", config: v1.Config{Env: []string{"LD_PRELOAD=/usr/lib/none.so"}},
			check: "preload", want: "/usr/lib/none.so"},
		"wrong arch": {runtime: with(fixture.File{Path: "usr/local/bin/x", Mode: 0o755, Body: fixture.Executable("aarch64").Bytes()}),
			check: "elf-machine", want: "/usr/local/bin/x is for EM_AARCH64"},
		"glibc": {runtime: with(fixture.File{Path: "usr/local/lib/x.so", Mode: 0o755, Body: fixture.ELF{Arch: "x86_64", Needed: []string{"libc.so.6"}}.Bytes()}),
			check: "elf-glibc", want: "/usr/local/lib/x.so is built for glibc"},
		"mimalloc on 3.12": {runtime: python, more: "image: {cmd: [python3], env: {PYTHONMALLOC: mimalloc}}",
			config: v1.Config{Cmd: []string{"python3"}, Env: []string{"PYTHONMALLOC=mimalloc"}}, check: "python-malloc", want: "3.13"},
		"no interpreter": {runtime: with(fixture.File{Path: "usr/local/bin/x", Mode: 0o755, Body: x86(func(e *fixture.ELF) { e.Interp = "/opt/ld-musl-x86_64.so.1" })}),
			check: "elf-interpreter", want: "its loader /opt/ld-musl-x86_64.so.1 is missing"},
		"dangling python3": {runtime: with(fixture.File{Path: "usr/local/bin/python3", Link: "python3.13"}), more: "image: {cmd: [python3]}",
			config: v1.Config{Cmd: []string{"python3"}}, check: "dangling-link", want: "/usr/local/bin/python3 is a broken symlink to python3.13"},
		"script without its interpreter": {packages: []fixture.Package{one("p", fixture.File{Path: "start", Mode: 0o755, Body: []byte("#!/bin/bash\n")})},
			more: "image: {entrypoint: [/start]}", config: v1.Config{Entrypoint: []string{"/start"}}, check: "interpreter", want: "/bin/bash"},
		"user missing": {more: "image: {user: app}", config: v1.Config{User: "app"}, check: "user", want: `"app", which /etc/passwd does not have`},
		"unreadable workdir": {packages: []fixture.Package{one("p", fixture.File{Path: "secret", Dir: true, Mode: 0o700})},
			more: `image: {user: "1000", workdir: /secret}`, config: v1.Config{User: "1000", WorkingDir: "/secret"}, check: "workdir", want: "may not enter and read"},
		"lib a symlink in one layer and a folder in another": {runtime: with(fixture.File{Path: "lib", Link: "usr/lib"}), check: "layer-conflict", want: "/lib is"},
		"a package's file overwritten by another": {packages: []fixture.Package{one("p", file("usr/x", "1")), one("q", file("usr/x", "2"))},
			check: "package-conflict", want: "usr/x"},
		"whiteout name": {runtime: with(fixture.File{Path: "usr/local/lib/.wh.x"}), check: "whiteout", want: "whiteout"},
	}
}

func TestBrokenImagesAreRefused(t *testing.T) {
	t.Parallel()
	for name, b := range brokenImages() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, append(b.packages, muslPackage())...)
			names := "musl"
			for _, p := range b.packages {
				names += ", " + p.Name
			}
			more := b.more
			if b.runtime != nil {
				at := filepath.Join(t.TempDir(), "runtime.tar.gz")
				if err := os.WriteFile(at, fixture.Tarball{Files: b.runtime, Verbatim: true}.Bytes(), 0o600); err != nil {
					t.Fatal(err)
				}
				more += fmt.Sprintf("\nruntime: {source: %s}", at)
			}
			_, err := build(t, w.spec(t, names, more), w.sources(t))
			// What cmd takes for a failed verification.
			var verify *check.UnsoundError
			var conflict *root.ConflictError
			var member *layers.MemberError
			if !errors.As(err, &verify) && !errors.As(err, &conflict) && !errors.As(err, &member) || !strings.Contains(err.Error(), b.want) {
				t.Errorf("build: %v, want it refused with %q", err, b.want)
			}
		})
	}
}

// finished makes the image that would have come out: a layer for each package and one for the runtime, with the history
// that pyimg writes.
func (b broken) finished(t *testing.T) v1.ImageIndex {
	t.Helper()
	img := mutate.MediaType(empty.Image, types.OCIManifestSchema1)
	add := func(from string, raw []byte) {
		var err error
		layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(raw)), nil }, tarball.WithMediaType(types.OCILayer))
		if err != nil {
			t.Fatal(err)
		}
		img, err = mutate.Append(img, mutate.Addendum{Layer: layer, History: v1.History{CreatedBy: "pyimg: " + from}})
		if err != nil {
			t.Fatal(err)
		}
	}
	db := fixture.Tarball{Files: []fixture.File{file("lib/apk/db/installed", "")}}
	for _, p := range append([]fixture.Package{muslPackage()}, b.packages...) {
		add("apk "+p.Name, fixture.Tarball{Files: p.Files}.Bytes())
		db.Files[0].Body = fmt.Appendf(db.Files[0].Body, "P:%s\nV:1-r0\n", p.Name)
		for _, f := range p.Files {
			db.Files[0].Body = fmt.Appendf(db.Files[0].Body, "F:%s\nR:%s\n", filepath.Dir(f.Path), filepath.Base(f.Path))
		}
		db.Files[0].Body = append(db.Files[0].Body, '\n')
	}
	add("apk database", db.Bytes())
	if b.runtime != nil {
		add("runtime x", fixture.Tarball{Files: b.runtime, Verbatim: true}.Bytes())
	}
	f, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	f = f.DeepCopy()
	f.OS, f.Architecture, f.Config = "linux", "amd64", b.config
	if img, err = mutate.ConfigFile(img, f); err != nil {
		t.Fatal(err)
	}
	return mutate.AppendManifests(empty.Index, mutate.IndexAddendum{Add: img})
}

func TestVerifyFindsBrokenImages(t *testing.T) {
	t.Parallel()
	images := brokenImages()
	images["nothing"] = broken{config: v1.Config{Cmd: []string{"app"}}}
	for name, b := range images {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store, err := layers.OpenStore(t.TempDir(), kept.Files()...)
			if err != nil {
				t.Fatal(err)
			}
			index := b.finished(t)
			found, _, err := image.Verify(t.Context(), index, store, nil)
			if err != nil {
				t.Fatal(err)
			}
			if len(found) != 1 || found[0].Platform != "linux/amd64" {
				t.Fatalf("VerifyIndex = %+v, want one platform", found)
			}
			if b.check == "" && found[0].Errors() > 0 {
				t.Errorf("VerifyIndex of a sound image = %v", found[0].Findings)
			}
			if b.check != "" && !slices.ContainsFunc(found[0].Findings, func(f check.Finding) bool {
				return f.Severity == check.Error && f.Check == b.check && strings.Contains(f.String(), b.want)
			}) {
				t.Errorf("VerifyIndex = %v, want an error of %q with %q", found[0].Findings, b.check, b.want)
			}
		})
	}
}
