package check_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"debug/elf"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/pyimg/pyimg/assemble/check"
	"github.com/pyimg/pyimg/assemble/kept"
	"github.com/pyimg/pyimg/internal/fixture"
	"github.com/pyimg/pyimg/layers"
	"github.com/pyimg/pyimg/layers/tree"
)

const arch = "x86_64"

// survey learns what a layer of these files holds, as it does of any image's.
func survey(t *testing.T, name string, files []fixture.File) tree.Layer {
	t.Helper()
	store, err := layers.OpenStore(t.TempDir(), kept.Files()...)
	if err != nil {
		t.Fatal(err)
	}
	raw := fixture.Tarball{Files: files, Verbatim: true}.Bytes()
	s, err := store.FactsOf(t.Context(), layers.Source{Name: name, Digest: fmt.Sprintf("sha256:%x", sha256.Sum256(raw)),
		Open: func(context.Context) (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(raw)), nil }})
	if err != nil {
		t.Fatal(err)
	}
	return tree.Layer{Name: name, Entries: s.Entries()}
}

// An image is one to be checked: base below the layers, unless bare.
type image struct {
	bare   bool
	layers [][]fixture.File
	config v1.Config
	own    bool
}

func (im image) check(t *testing.T) []check.Finding {
	t.Helper()
	var ls []tree.Layer
	if !im.bare {
		ls = append(ls, survey(t, "base", base()))
	}
	for i, files := range im.layers {
		ls = append(ls, survey(t, fmt.Sprint("layer ", i), files))
	}
	tree, odd, err := tree.NewImage(ls)
	if err != nil {
		t.Fatal(err)
	}
	return check.Check(check.Image{Platform: "linux/amd64", Machine: elf.EM_X86_64, Bits: 64, Config: im.config, Tree: tree,
		Oddities: odd, Own: func(int) bool { return im.own }})
}

// show lists findings as "severity check path".
func show(findings []check.Finding) []string {
	var out []string
	for _, f := range findings {
		out = append(out, strings.TrimSpace(fmt.Sprintf("%s %s %s", f.Severity, f.Check, f.Path)))
	}
	return out
}

func dir(path string) fixture.File        { return fixture.File{Path: path, Dir: true} }
func link(path, to string) fixture.File   { return fixture.File{Path: path, Link: to} }
func text(path, body string) fixture.File { return fixture.File{Path: path, Body: []byte(body)} }
func script(path, body string) fixture.File {
	return fixture.File{Path: path, Mode: 0o755, Body: []byte(body)}
}
func run(path string, e fixture.ELF) fixture.File {
	return fixture.File{Path: path, Mode: 0o755, Body: e.Bytes()}
}
func library(soname string, needed ...string) fixture.ELF {
	return fixture.Library(arch, soname, needed...)
}
func program(needed ...string) fixture.ELF { return fixture.Executable(arch, needed...) }

// base is a root with musl and a shell, in which nothing is wrong.
func base() []fixture.File {
	musl := library("libc.musl-x86_64.so.1")
	musl.Needed = nil
	return []fixture.File{
		dir("bin"), dir("etc"), dir("lib"), dir("usr"), dir("usr/bin"), dir("usr/lib"), dir("usr/local"), dir("usr/local/lib"),
		{Path: "root", Dir: true, Mode: 0o700}, {Path: "tmp", Dir: true, Mode: 0o1777},
		run(fixture.Loader(arch), musl), run("bin/busybox", program()), link("bin/sh", "/bin/busybox"),
		link("etc/mtab", "/proc/mounts"),
		text("etc/passwd", "root:x:0:0:root:/root:/bin/sh\napp:x:1000:1000::/app:/bin/sh\n"),
		text("etc/group", "root:x:0:\napp:x:1000:\nextra:x:2000:app\n"),
	}
}

func python(minor int) []fixture.File {
	e := program()
	v := fmt.Sprintf("3.%d", minor)
	return []fixture.File{dir("usr/lib/python" + v), dir("usr/lib/python" + v + "/encodings"),
		run("usr/bin/python"+v, e), link("usr/bin/python3", "python"+v)}
}

func cmd(words ...string) v1.Config { return v1.Config{Cmd: words} }
func env(vars ...string) v1.Config  { return v1.Config{Env: vars} }

func withELF(e fixture.ELF, change func(*fixture.ELF)) fixture.ELF {
	change(&e)
	return e
}

// database is an image with what apk would have of these packages.
func database(installed string) image {
	return image{layers: [][]fixture.File{{dir("lib/apk"), dir("lib/apk/db"), text("lib/apk/db/installed", installed)}}}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	allocator := withELF(library("libjemalloc.so.2"), func(e *fixture.ELF) { e.Exports = []string{"malloc", "free"} })
	one := func(files ...fixture.File) [][]fixture.File { return [][]fixture.File{files} }
	db := "P:a\nV:1-r0\nF:usr/bin\nR:x\n\nP:b\nV:2-r0\nF:usr/bin\nR:x\n\n"
	for name, test := range map[string]struct {
		image image
		want  []string
		msg   string // in one of the messages
	}{
		"sound":                 {image{config: cmd("sh")}, nil, ""},
		"preload missing":       {image{config: env("LD_PRELOAD=/usr/lib/none.so")}, []string{"error preload /usr/lib/none.so"}, "none.so"},
		"preload found by name": {image{layers: one(run("usr/lib/x.so", library("x.so"))), config: env("LD_PRELOAD=x.so")}, nil, ""},
		"preload of glibc": {image{layers: one(run("opt/x.so", library("x.so", "libc.so.6"))), config: env("LD_PRELOAD=/opt/x.so")},
			[]string{"error preload /opt/x.so", "warning elf-glibc /opt/x.so"}, "built for glibc"},
		"preload of another machine": {image{layers: one(run("opt/x.so", fixture.Library("aarch64", "x.so"))), config: env("LD_PRELOAD=/opt/x.so")},
			[]string{"error preload /opt/x.so", "note elf-machine /opt/x.so"}, "EM_AARCH64"},
		"preload is no library": {image{layers: one(text("opt/x.so", "text")), config: env("LD_PRELOAD=/opt/x.so")},
			[]string{"error preload /opt/x.so"}, "not a shared library"},
		"preload that the user cannot read": {image{layers: one(fixture.File{Path: "usr/lib/x.so", Mode: 0o600, Body: library("x.so").Bytes()}),
			config: v1.Config{User: "1000", Env: []string{"LD_PRELOAD=/usr/lib/x.so"}}}, []string{"error preload /usr/lib/x.so", "warning home /app"}, "may not read"},
		"allocator": {image{layers: one(run("usr/lib/libjemalloc.so.2", allocator)), config: env("LD_PRELOAD=/usr/lib/libjemalloc.so.2")}, nil, ""},
		"allocator without malloc": {image{layers: one(run("usr/lib/libmimalloc.so.2", library("libmimalloc.so.2"))),
			config: env("LD_PRELOAD=/usr/lib/libmimalloc.so.2")}, []string{"error allocator /usr/lib/libmimalloc.so.2"}, "exports no function malloc"},
		"what a preload needs lies elsewhere": {image{layers: one(run("usr/lib/x.so", library("x.so", "y.so")), run("opt/y.so", library("y.so"))),
			config: env("LD_PRELOAD=/usr/lib/x.so")}, []string{"error elf-needed /usr/lib/x.so"}, "there is /opt/y.so"},
		"mimalloc on a Python of another name": {image{layers: [][]fixture.File{{run("usr/bin/python3.12", program()), dir("usr/lib/python3.12/encodings")}},
			config: v1.Config{Cmd: []string{"/usr/bin/python3.12"}, Env: []string{"PYTHONMALLOC=mimalloc_debug"}}},
			[]string{"error python-malloc /usr/bin/python3.12"}, "3.12"},
		"mimalloc on 3.12": {image{layers: [][]fixture.File{python(12)}, config: env("PYTHONMALLOC=mimalloc")},
			[]string{"error python-malloc /usr/bin/python3.12"}, "3.13"},
		"mimalloc on 3.13": {image{layers: [][]fixture.File{python(13)}, config: env("PYTHONMALLOC=mimalloc")}, nil, ""},
		"no such PYTHONMALLOC": {image{layers: [][]fixture.File{python(13)}, config: env("PYTHONMALLOC=jemalloc")},
			[]string{"error python-malloc /usr/bin/python3.13"}, "no CPython knows"},
		"PYTHONHOME":              {image{layers: [][]fixture.File{python(13)}, config: env("PYTHONHOME=/opt")}, []string{"error python-env /opt"}, "encodings"},
		"wrong machine in PATH":   {image{layers: one(run("usr/bin/x", fixture.Executable("aarch64")))}, []string{"error elf-machine /usr/bin/x"}, "EM_AARCH64"},
		"wrong machine elsewhere": {image{layers: one(run("lib/firmware/x", fixture.Executable("aarch64")))}, []string{"note elf-machine /lib/firmware/x"}, ""},
		"object file":             {image{layers: one(run("usr/lib/x.o", withELF(fixture.Executable("aarch64"), func(e *fixture.ELF) { e.Type = elf.ET_REL })))}, nil, ""},
		"glibc extension": {image{layers: one(run("usr/lib/python3.13/site-packages/x.cpython-313-x86_64-linux-gnu.so", library("", "libc.so.6")))},
			[]string{"error elf-glibc /usr/lib/python3.13/site-packages/x.cpython-313-x86_64-linux-gnu.so"}, "musllinux"},
		"glibc program": {image{layers: one(run("usr/bin/x", withELF(program(), func(e *fixture.ELF) {
			e.Interp, e.Needed = "/lib64/ld-linux-x86-64.so.2", []string{"libc.so.6"}
		})))}, []string{"error elf-glibc /usr/bin/x"}, "its loader is /lib64"},
		"no interpreter": {image{layers: one(run("usr/bin/x", withELF(program(), func(e *fixture.ELF) { e.Interp = "/opt/ld-musl-x86_64.so.1" })))},
			[]string{"error elf-interpreter /usr/bin/x"}, "loader /opt/ld-musl"},
		"damaged program": {image{layers: one(script("usr/bin/x", "\x7fELF\x02\x01")), config: cmd("x")},
			[]string{"error cmd /usr/bin/x", "warning elf-damaged /usr/bin/x"}, "damaged"},
		"dangling python3": {image{layers: one(link("usr/bin/python3", "python3.13")), config: cmd("python3")},
			[]string{"error cmd", "error dangling-link /usr/bin/python3"}, "python3.13"},
		"entrypoint without interpreter": {image{layers: one(script("usr/bin/start", "#!/usr/bin/bash\n")), config: v1.Config{Entrypoint: []string{"start"}}},
			[]string{"error interpreter /usr/bin/bash"}, "/usr/bin/start"},
		"entrypoint through env": {image{layers: one(run("usr/bin/env", program()), script("usr/bin/start", "#!/usr/bin/env -S bash -e\n")),
			config: v1.Config{Entrypoint: []string{"start"}}}, []string{"error interpreter /usr/bin/start"}, `"bash"`},
		"Windows line ends": {image{layers: one(script("usr/bin/start", "#!/bin/sh\r\n")), config: cmd("start")}, []string{"error cmd /usr/bin/start"}, "carriage return"},
		"command that the user may not run": {image{layers: one(fixture.File{Path: "usr/bin/x", Mode: 0o700, Body: program().Bytes()}, dir("app")),
			config: v1.Config{Cmd: []string{"/usr/bin/x"}, User: "app"}}, []string{"error cmd /usr/bin/x"}, "may not run"},
		"command behind a closed folder": {image{layers: one(run("root/x", program()), dir("app")), config: v1.Config{Cmd: []string{"/root/x"}, User: "app"}},
			[]string{"error cmd /root/x"}, "may not enter /root"},
		"user missing":            {image{config: v1.Config{User: "nobody"}}, []string{"error user /etc/passwd"}, "nobody"},
		"group missing":           {image{config: v1.Config{User: "0:nogroup"}}, []string{"error user /etc/group"}, "nogroup"},
		"number without account":  {image{config: v1.Config{User: "4711:4711", WorkingDir: "/tmp"}}, nil, ""},
		"workdir of another":      {image{config: v1.Config{User: "4711", WorkingDir: "/root"}}, []string{"error workdir /root"}, "0700"},
		"workdir below another's": {image{layers: one(dir("root/x")), config: v1.Config{User: "4711", WorkingDir: "/root/x"}}, []string{"error workdir /root/x"}, "may not enter /root"},
		"workdir by group": {image{layers: one(fixture.File{Path: "srv", Dir: true, Mode: 0o750, GID: 2000}, dir("app")),
			config: v1.Config{User: "app", WorkingDir: "/srv"}}, nil, ""},
		"workdir missing":              {image{config: v1.Config{WorkingDir: "/srv"}}, []string{"warning workdir /srv"}, "runtimes create it"},
		"workdir is a file":            {image{config: v1.Config{WorkingDir: "/etc/passwd"}}, []string{"error workdir /etc/passwd"}, "not a folder"},
		"symlink becomes a folder":     {image{layers: [][]fixture.File{{dir("srv"), text("srv/x", ""), link("opt", "srv")}, {dir("opt")}}}, []string{"error layer-conflict /opt"}, "layer 1"},
		"folder becomes a symlink":     {image{layers: [][]fixture.File{{dir("opt"), text("opt/x", "")}, {link("opt", "/tmp")}}}, []string{"warning layer-conflict /opt"}, ""},
		"own folder becomes a symlink": {image{own: true, layers: [][]fixture.File{{dir("opt"), text("opt/x", "")}, {link("opt", "/tmp")}}}, []string{"error layer-conflict /opt"}, ""},
		"below a symlink":              {image{layers: [][]fixture.File{{dir("srv"), text("srv/x", ""), link("opt", "srv")}, {text("opt/y", "")}}}, []string{"error layer-symlink /srv/y"}, ""},
		"whiteout that deletes":        {image{layers: [][]fixture.File{{text("x", "")}, {text(".wh.x", "")}}}, nil, ""},
		"whiteout of nothing":          {image{layers: one(text(".wh.x", ""))}, []string{"warning whiteout /x"}, ""},
		"own whiteout":                 {image{own: true, layers: [][]fixture.File{{text("x", "")}, {text(".wh.x", "")}}}, []string{"error whiteout /x"}, "entries: 1"},
		"name that leads out":          {image{layers: one(text("../x", ""))}, []string{"error layer-escape /x"}, ""},
		"attribute that overlayfs obeys": {image{layers: [][]fixture.File{{dir("srv"), text("srv/x", "")},
			{{Path: "srv", Dir: true, PAX: map[string]string{"SCHILY.xattr.trusted.overlay.opaque": "y"}}}, {dir("srv")}}},
			[]string{"error overlay-mark /srv"}, "trusted.overlay.opaque"},
		"device that overlayfs obeys": {image{layers: one(fixture.File{Path: "bin/sh", Type: '3'})}, []string{"error overlay-mark /bin/sh", "note device /bin/sh"}, "0:0"},
		"attribute for the kernel": {image{layers: one(fixture.File{Path: "usr/bin/ping", Mode: 0o755, Body: program().Bytes(),
			PAX: map[string]string{"SCHILY.xattr.security.capability": "x"}})}, nil, ""},
		"two owners": {image{layers: one(dir("lib/apk"), dir("lib/apk/db"), text("lib/apk/db/installed", db), script("usr/bin/x", "#!/bin/sh\n"))},
			[]string{"error package-conflict /usr/bin/x"}, "a and b"},
		"replaced file": {database("P:a\nV:1-r0\nF:usr/bin\nR:x\n\nP:b\nV:2-r0\nr:a\nF:usr/bin\nR:x\n\n"), nil, ""},
		"file of another version than the replaced": {database("P:a\nV:3-r0\nF:usr/bin\nR:x\n\nP:b\nV:2-r0\nr:a<3\nF:usr/bin\nR:x\n\n"),
			[]string{"error package-conflict /usr/bin/x"}, "neither replaces the other"},
		"file of one origin": {database("P:a\nV:1-r0\no:s\nF:usr/bin\nR:x\n\nP:b\nV:2-r0\no:s\nF:usr/bin\nR:x\n\n"), nil, ""},
		"one replaces two":   {database("P:a\nV:1-r0\nF:usr\nR:x\n\nP:b\nV:2-r0\nF:usr\nR:x\n\nP:c\nV:1-r0\nr:a b\nF:usr\nR:x\n\n"), nil, ""},
		"one replaces one of two": {database("P:a\nV:1-r0\nF:usr\nR:x\n\nP:b\nV:2-r0\nF:usr\nR:x\n\nP:c\nV:1-r0\nr:b\nF:usr\nR:x\n\n"),
			[]string{"error package-conflict /usr/x"}, "a and b"},
		"library missing": {image{layers: one(run("usr/lib/x.so", library("x.so", "libssl.so.3")))}, []string{"error elf-needed /usr/lib/x.so"}, "libssl.so.3"},
		"library of a program missing": {image{layers: one(run("usr/lib/x.so", library("x.so", "libssl.so.3")), run("usr/bin/a", program("x.so")), run("usr/bin/b", program("x.so")))},
			[]string{"error elf-needed /usr/lib/x.so"}, "/usr/bin/a cannot start, nor can 1 others"},
		"library lies elsewhere": {image{layers: one(run("usr/lib/x.so", library("x.so", "y.so")), run("opt/y.so", library("y.so")))},
			[]string{"warning elf-needed /usr/lib/x.so"}, "there is /opt/y.so"},
		"rpath of the object": {image{layers: one(run("opt/bin/a", withELF(program("y.so"), func(e *fixture.ELF) { e.RunPath = "$ORIGIN/../lib" })),
			run("opt/lib/y.so", library("y.so")))}, nil, ""},
		"rpath with another variable": {image{layers: one(run("usr/bin/a", withELF(program("y.so"), func(e *fixture.ELF) { e.RunPath = "/opt/lib:$LIB" })),
			run("opt/lib/y.so", library("y.so")))}, []string{"error elf-needed /usr/bin/a"}, ""},
		"rpath of the program for its libraries": {image{layers: one(run("opt/bin/a", withELF(program("x.so"), func(e *fixture.ELF) { e.RPath = "/opt/lib" })),
			run("opt/lib/x.so", library("x.so", "y.so")), run("opt/lib/y.so", library("y.so")))}, nil, ""},
		"module of a host": {image{layers: one(run("opt/bin/a", withELF(program("host.so"), func(e *fixture.ELF) { e.RPath = "$ORIGIN/../lib" })),
			run("opt/lib/host.so", library("host.so")), run("opt/modules/m.so", library("", "host.so")))}, nil, ""},
		"search path of musl": {image{layers: one(text("etc/ld-musl-x86_64.path", "/opt/lib\n/lib"), run("usr/bin/a", program("y.so")),
			run("opt/lib/y.so", library("y.so")))}, nil, ""},
		"search path of musl leaves out": {image{layers: one(text("etc/ld-musl-x86_64.path", "/lib"), run("usr/bin/a", program("y.so")),
			run("usr/lib/y.so", library("y.so")))}, []string{"error elf-needed /usr/bin/a"}, "there is /usr/lib/y.so"},
		"library path of the environment": {image{layers: one(run("usr/bin/a", program("y.so")), run("opt/y.so", library("y.so"))),
			config: env("LD_LIBRARY_PATH=/opt")}, nil, ""},
		"names that musl takes for itself": {image{layers: one(run("usr/bin/a", program("libm.so.6", "libpthread.so.0", "libdl.so.2")))}, nil, ""},
		"library of another machine does not count": {image{layers: one(run("usr/bin/a", program("y.so")), run("usr/lib/y.so", fixture.Library("aarch64", "y.so")))},
			[]string{"error elf-needed /usr/bin/a", "error elf-machine /usr/lib/y.so"}, ""},
		"test data": {image{layers: one(run("usr/lib/python3.13/test/x.so", library("x.so", "none.so")))}, []string{"note elf-needed /usr/lib/python3.13/test/x.so"}, ""},
		"setuid":    {image{layers: one(fixture.File{Path: "usr/bin/su", Mode: 0o4755, Body: program().Bytes()})}, []string{"note setuid /usr/bin/su"}, "4755"},
		"world-writable": {image{layers: one(fixture.File{Path: "srv", Dir: true, Mode: 0o777}, fixture.File{Path: "etc/x", Mode: 0o666, Body: []byte("x")})},
			[]string{"warning world-writable /etc/x", "warning world-writable /srv"}, "sticky"},
		"link in PATH leads nowhere": {image{layers: one(link("usr/bin/x", "y"))}, []string{"warning dangling-link /usr/bin/x"}, ""},
		"link that a runtime fills":  {image{layers: one(link("etc/resolv.conf", "../run/resolv.conf"))}, nil, ""},
		"no certificates":            {image{layers: one(run("usr/lib/libssl.so.3", library("libssl.so.3")))}, []string{"warning ca-bundle /usr/lib/libssl.so.3"}, ""},
		"certificates":               {image{layers: one(run("usr/lib/libssl.so.3", library("libssl.so.3")), text("etc/ssl/certs/ca-certificates.crt", "x"))}, nil, ""},
		"another root": {image{layers: one(text("etc/passwd", "root:x:0:0::/root:\ntoor:x:0:0::/root:\nnonsense\n"))},
			[]string{"warning accounts /etc/passwd", "warning accounts /etc/passwd"}, "nonsense"},
		"shadow for all":                {image{layers: one(text("etc/shadow", "root:*:1::::::\n"))}, []string{"warning accounts /etc/shadow"}, "0644"},
		"scratch with a static program": {image{bare: true, layers: one(run("app", fixture.ELF{Arch: arch, Static: true})), config: cmd("/app")}, nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := test.image.check(t)
			if !slices.Equal(show(got), test.want) {
				t.Errorf("Check = %q, want %q", show(got), test.want)
			}
			if !slices.ContainsFunc(got, func(f check.Finding) bool { return strings.Contains(f.String(), test.msg) }) && test.msg != "" {
				t.Errorf("Check = %v, want %q in a message", got, test.msg)
			}
		})
	}
}

// glibc is a root of Debian's kind.
func glibc() []fixture.File {
	libc := fixture.ELF{Arch: arch, Soname: "libc.so.6", Needed: []string{"ld-linux-x86-64.so.2"}}
	return []fixture.File{
		run("usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2", fixture.ELF{Arch: arch, Soname: "ld-linux-x86-64.so.2"}),
		run("usr/lib/x86_64-linux-gnu/libc.so.6", libc), link("lib64", "usr/lib64"), dir("usr/lib/x86_64-linux-gnu"),
		link("usr/lib64/ld-linux-x86-64.so.2", "../lib/x86_64-linux-gnu/ld-linux-x86-64.so.2"),
		text("etc/ld.so.conf.d/own.conf", "# a comment\n/opt/own\n"),
	}
}

func TestCheckGLIBC(t *testing.T) {
	t.Parallel()
	on := func(e fixture.ELF, needed ...string) fixture.ELF {
		e.Needed = append(needed, "libc.so.6")
		if e.Interp != "" {
			e.Interp = "/lib64/ld-linux-x86-64.so.2"
		}
		return e
	}
	for name, test := range map[string]struct {
		files []fixture.File
		want  []string
	}{
		"program":              {[]fixture.File{run("usr/bin/a", on(program()))}, nil},
		"ld.so.conf.d":         {[]fixture.File{run("usr/bin/a", on(program(), "y.so")), run("opt/own/y.so", on(library("y.so")))}, nil},
		"library missing":      {[]fixture.File{run("usr/bin/a", on(program(), "y.so"))}, []string{"error elf-needed /usr/bin/a"}},
		"another's is missing": {[]fixture.File{run("usr/bin/a", on(program())), run("usr/bin/b", on(program(), "y.so"))}, []string{"warning elf-needed /usr/bin/b"}},
		"needed by ORIGIN":     {[]fixture.File{run("usr/bin/a", on(program(), "$ORIGIN/../lib/y.so")), run("usr/lib/y.so", on(library("y.so")))}, nil},
		"RUNPATH is not for libraries": {[]fixture.File{
			run("usr/bin/a", withELF(on(program(), "x.so"), func(e *fixture.ELF) { e.RunPath = "/opt/lib" })),
			run("opt/lib/x.so", on(library("x.so"), "y.so")), run("opt/lib/y.so", on(library("y.so")))},
			[]string{"error elf-needed /opt/lib/x.so"}},
		"RPATH is": {[]fixture.File{
			run("usr/bin/a", withELF(on(program(), "x.so"), func(e *fixture.ELF) { e.RPath = "/opt/lib" })),
			run("opt/lib/x.so", on(library("x.so"), "y.so")), run("opt/lib/y.so", on(library("y.so")))}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := image{bare: true, layers: [][]fixture.File{glibc(), test.files}, config: cmd("/usr/bin/a")}.check(t)
			if !slices.Equal(show(got), test.want) {
				t.Errorf("Check = %v, want %q", got, test.want)
			}
		})
	}
}

func TestCheckSaysWhose(t *testing.T) {
	t.Parallel()
	got := image{layers: [][]fixture.File{
		{dir("lib/apk"), dir("lib/apk/db"), text("lib/apk/db/installed", "P:a\nV:1-r0\nF:usr/lib\nR:x.so\n\n")},
		{run("usr/lib/x.so", library("x.so", "none.so"))},
	}}.check(t)
	if len(got) != 1 || got[0].Package != "a-1-r0" || got[0].Layer != "layer 1" || got[0].Fix == "" {
		t.Errorf("Check = %+v, want the package, the layer and what to do", got)
	}
}

// jemalloc makes a library with the code of pages_boot for pages of so many times 4 KiB; 0 leaves that out.
func jemalloc(pages uint32) fixture.ELF {
	e := fixture.Library("aarch64", "libjemalloc.so.2")
	e.Exports = []string{"malloc"}
	e.Payload = []byte("<jemalloc>: Unsupported system page size\n\x00")
	if pages > 0 {
		for _, w := range []uint32{0x528003c0, 0xd503201f, 0xf140001f | pages<<10} { // mov w0, #30; nop; cmp x0, #pages, lsl #12
			e.Code = append(e.Code, byte(w), byte(w>>8), byte(w>>16), byte(w>>24))
		}
	}
	return e
}

func TestPageSizeOfJemalloc(t *testing.T) {
	t.Parallel()
	for pages, want := range map[uint32]string{0: "cannot be read", 1: "pages of 4 KiB", 4: "pages of 16 KiB", 16: ""} {
		tree, odd, err := tree.NewImage([]tree.Layer{survey(t, "all", []fixture.File{
			run(fixture.Loader("aarch64"), fixture.ELF{Arch: "aarch64"}), run("usr/lib/libjemalloc.so.2", jemalloc(pages)),
		})})
		if err != nil {
			t.Fatal(err)
		}
		got := check.Check(check.Image{Platform: "linux/arm64", Machine: elf.EM_AARCH64, Bits: 64, Tree: tree, Oddities: odd,
			Config: env("LD_PRELOAD=/usr/lib/libjemalloc.so.2")})
		if want == "" && len(got) > 0 || want != "" && (len(got) != 1 || got[0].Check != "page-size" || !strings.Contains(got[0].Msg, want)) {
			t.Errorf("Check of a jemalloc for %d times 4 KiB = %v, want %q", pages, got, want)
		}
	}
}
