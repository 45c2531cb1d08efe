package assemble_test

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/pyimg/pyimg/apk"
	"github.com/pyimg/pyimg/apk/solve"
	"github.com/pyimg/pyimg/assemble"
	"github.com/pyimg/pyimg/assemble/check"
	"github.com/pyimg/pyimg/assemble/input"
	"github.com/pyimg/pyimg/assemble/kept"
	"github.com/pyimg/pyimg/assemble/lock"
	"github.com/pyimg/pyimg/assemble/spec"
	"github.com/pyimg/pyimg/internal/apktest"
	"github.com/pyimg/pyimg/internal/fetch"
	"github.com/pyimg/pyimg/internal/fixture"
	"github.com/pyimg/pyimg/layers"
	"github.com/pyimg/pyimg/layers/tree"
)

// world is a repository of packages on disk, and what a build needs to read it.
type world struct {
	dir      string
	archives map[string]*fixture.Archive
}

func newWorld(t *testing.T, packages ...fixture.Package) world {
	t.Helper()
	w := world{t.TempDir(), make(map[string]*fixture.Archive)}
	w.publish(t, packages...)
	return w
}

// publish puts other packages in the place of those that were there.
func (w world) publish(t *testing.T, packages ...fixture.Package) {
	t.Helper()
	if err := os.RemoveAll(filepath.Join(w.dir, "main")); err != nil {
		t.Fatal(err)
	}
	ix := fixture.Index{Arch: "x86_64"}
	for _, p := range packages {
		if p.Version == "" {
			p.Version = "1-r0"
		}
		a, err := p.Build()
		if err != nil {
			t.Fatal(err)
		}
		ix.Archives = append(ix.Archives, a)
		w.archives[p.Name] = a
	}
	m := fixture.NewMirror()
	if err := m.Publish("main", ix); err != nil {
		t.Fatal(err)
	}
	if err := m.Write(w.dir); err != nil {
		t.Fatal(err)
	}
}

func (w world) sources(t *testing.T) input.Access {
	t.Helper()
	store, err := layers.OpenStore(t.TempDir(), kept.Files()...)
	if err != nil {
		t.Fatal(err)
	}
	return input.Access{Fetch: &fetch.Client{}, Store: store}
}

// testKeys trusts what signs the packages of a world.
func testKeys(t testing.TB) *apk.Keyring {
	t.Helper()
	return apktest.Ring(t, fixture.TestKey())
}

// spec asks for packages of the world; more is YAML to add.
func (w world) spec(t *testing.T, packages, more string) spec.Spec {
	t.Helper()
	s, err := spec.Parse("test.yaml", fmt.Appendf(nil, "alpine: {repositories: [%s/main], dialect: 2}\nplatforms: [linux/amd64]\npackages: [%s]\n%s",
		w.dir, packages, more))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func build(t *testing.T, s spec.Spec, src input.Access) (lock.Lock, error) {
	t.Helper()
	return buildTrusting(t, s, src, testKeys(t))
}

func buildTrusting(t *testing.T, s spec.Spec, src input.Access, keys *apk.Keyring) (lock.Lock, error) {
	t.Helper()
	plan, err := assemble.Resolve(t.Context(), s, src, keys)
	if err != nil {
		return lock.Lock{}, err
	}
	built, err := assemble.Build(t.Context(), plan, src, assemble.BuildOptions{})
	return built.Lock, err
}

// builtImage builds a spec for one platform, and returns the layers by what they hold, and the tree that they make.
func builtImage(t *testing.T, s spec.Spec, src input.Access) (map[string]lock.Layer, *tree.Tree) {
	t.Helper()
	locked, err := build(t, s, src)
	if err != nil {
		t.Fatal(err)
	}
	byFrom := make(map[string]lock.Layer)
	var ls []tree.Layer
	for _, l := range locked.Platforms[0].Layers {
		byFrom[l.From] = l
		ls = append(ls, tree.Layer{Name: l.From, Entries: src.Store.Entries(l.Digest)})
	}
	tree, err := tree.New(ls, func(string, int, int) (bool, error) { return true, nil })
	if err != nil {
		t.Fatal(err)
	}
	return byFrom, tree
}

func file(path, body string) fixture.File { return fixture.File{Path: path, Body: []byte(body)} }

func TestPackageThatNeedsNoChangeIsItsOwnLayer(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fixture.Package{Name: "a", Files: []fixture.File{file("usr/a", "a")}})
	got, _ := builtImage(t, w.spec(t, "a", ""), w.sources(t))
	l := got["apk a=1-r0"]
	if want := "sha256:" + w.archives["a"].DataHash(); l.Digest != want || why(l) != "" {
		t.Errorf("layer %s (%s), want the data stream %s", l.Digest, why(l), want)
	}
}

func TestPackageIsTranscodedOnlyWhereItMust(t *testing.T) {
	t.Parallel()
	passwd := fixture.Package{Name: "acct", Files: []fixture.File{file("etc/passwd", "app:x:77:88::/:/bin/sh\n"), file("etc/group", "app:x:88:\n")}}
	for name, c := range map[string]struct {
		packages []fixture.Package
		reason   string // of the last package's layer
		path     string // that must then be in the image
	}{
		"hidden member": {[]fixture.Package{{Name: "z", Files: []fixture.File{file(".hidden", "x"), file("usr/z", "z")}}}, ".hidden", "usr/z"},
		"owner's name": {[]fixture.Package{passwd, {Name: "z", Depends: []string{"acct"}, Files: []fixture.File{
			{Path: "usr/z", Body: []byte("z"), Uname: "app", Gname: "app"}}}}, "77:88", "usr/z"},
		"another's symlink": {[]fixture.Package{{Name: "base", Files: []fixture.File{{Path: "run", Dir: true}, {Path: "var/run", Link: "../run"}}},
			{Name: "z", Depends: []string{"base"}, Files: []fixture.File{file("var/run/z/pid", "1")}}}, "symlink", "run/z/pid"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, c.packages...)
			got, tree := builtImage(t, w.spec(t, "z", ""), w.sources(t))
			if l := got["apk z=1-r0"]; !strings.Contains(why(l), c.reason) || l.Digest == "sha256:"+w.archives["z"].DataHash() {
				t.Errorf("layer %s, reason %q, want a transcoded one because of %q", l.Digest, why(l), c.reason)
			}
			if _, err := tree.Lstat(c.path); err != nil {
				t.Errorf("Lstat(%q): %v", c.path, err)
			}
			if _, err := tree.Lstat(".hidden"); err == nil {
				t.Error(".hidden is in the image, apk does not install it")
			}
		})
	}
}

func TestTranscodedOwnerIsTheRootsOwn(t *testing.T) {
	t.Parallel()
	w := newWorld(t,
		fixture.Package{Name: "acct", Files: []fixture.File{file("etc/passwd", "app:x:77:88::/:/bin/sh\n"), file("etc/group", "app:x:88:\n")}},
		fixture.Package{Name: "z", Depends: []string{"acct"}, Files: []fixture.File{{Path: "usr/z", Body: []byte("z"), Uname: "app", Gname: "app"}}})
	_, tree := builtImage(t, w.spec(t, "z", ""), w.sources(t))
	n, err := tree.Lstat("usr/z")
	if err != nil {
		t.Fatal(err)
	}
	if h := n.Entry.Header; h.Uid != 77 || h.Gid != 88 {
		t.Errorf("usr/z belongs to %d:%d, want 77:88", h.Uid, h.Gid)
	}
}

func TestPathThatLostIsCoveredByOrder(t *testing.T) {
	t.Parallel()
	// old has the higher priority, so its file stays, though new is installed later: old's layer must lie on top.
	w := newWorld(t,
		fixture.Package{Name: "old", Replaces: []string{"new"}, ReplacesPriority: 9, Files: []fixture.File{file("etc/conf", "old")}},
		fixture.Package{Name: "new", Depends: []string{"old"}, Files: []fixture.File{file("etc/conf", "newer"), file("etc/more", "x")}})
	got, tree := builtImage(t, w.spec(t, "new", ""), w.sources(t))
	for name, l := range got {
		if strings.HasPrefix(name, "apk ") && name != "apk database" && why(l) != "" {
			t.Errorf("%s was transcoded: %s", name, why(l))
		}
	}
	n, err := tree.Lstat("etc/conf")
	if err != nil {
		t.Fatal(err)
	}
	if n.Entry.Header.Size != int64(len("old")) {
		t.Errorf("etc/conf has %d bytes, want those of the package with priority", n.Entry.Header.Size)
	}
}

func TestPathThatLostBelowASymlinkIsDropped(t *testing.T) {
	t.Parallel()
	w := newWorld(t,
		fixture.Package{Name: "a", Files: []fixture.File{{Path: "opt/dir", Dir: true}, {Path: "opt/link", Link: "dir"}}},
		fixture.Package{Name: "b", Depends: []string{"a"}, Files: []fixture.File{file("opt/link/x", "lost")}},
		fixture.Package{Name: "c", Depends: []string{"b"}, Replaces: []string{"b"}, Files: []fixture.File{file("opt/dir/x", "won")}})
	for _, strategy := range []string{"package", "single"} {
		_, tree := builtImage(t, w.spec(t, "c", "layers: {strategy: "+strategy+"}"), w.sources(t))
		n, err := tree.Lstat("opt/link")
		if err != nil {
			t.Fatal(err)
		}
		if n.Entry.Header.Linkname != "dir" {
			t.Errorf("%s: opt/link is no longer a link to dir: %+v", strategy, n.Entry.Header)
		}
		for n := range tree.All() {
			if n.ViaSymlink != "" {
				t.Errorf("%s: %s lies below the symlink %s", strategy, n.Path, n.ViaSymlink)
			}
		}
	}
}

func TestHardLinkOutlivesItsLostTarget(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fixture.Package{Name: "a", Files: []fixture.File{file("usr/one", "a's"), {Path: "usr/two", Hardlink: "usr/one"}}},
		fixture.Package{Name: "b", Depends: []string{"a"}, Replaces: []string{"a"}, Files: []fixture.File{file("usr/one", "from b")}})
	for _, strategy := range []string{"package", "single"} {
		_, tree := builtImage(t, w.spec(t, "b", "layers: {strategy: "+strategy+"}"), w.sources(t))
		for name, size := range map[string]int{"usr/one": len("from b"), "usr/two": len("a's")} {
			n, err := tree.Lstat(name)
			if err != nil {
				t.Fatal(err)
			}
			if h := n.Entry.Header; h.Typeflag == tar.TypeReg && h.Size != int64(size) {
				t.Errorf("%s: %s has %d bytes, want %d", strategy, name, h.Size, size)
			}
		}
	}
}

func TestFolderOverAnothersFileIsDropped(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fixture.Package{Name: "a", Files: []fixture.File{file("usr/x", "file")}},
		fixture.Package{Name: "b", Depends: []string{"a"}, Files: []fixture.File{{Path: "usr/x", Dir: true}, file("usr/y", "y")}})
	_, tree := builtImage(t, w.spec(t, "b", ""), w.sources(t))
	if n, err := tree.Lstat("usr/x"); err != nil || n.IsDir() {
		t.Errorf("usr/x is %+v, %v; want the file, as apk keeps it", n, err)
	}
}

func TestAppletMayBeTheCommand(t *testing.T) {
	t.Parallel()
	mirror, err := fixture.Alpine("x86_64")
	if err != nil {
		t.Fatal(err)
	}
	w := world{dir: t.TempDir()}
	if err := mirror.Write(w.dir); err != nil {
		t.Fatal(err)
	}
	s := w.spec(t, "alpine-baselayout, busybox", "image: {cmd: [ls]}")
	s.Alpine.Repositories = []string{w.dir + "/v3.20/main"}
	if _, err := build(t, s, w.sources(t)); err != nil {
		t.Errorf("cmd [ls] with busybox: %v", err)
	}
}

func TestDatabaseFollowsTheIndexOnAWarmCache(t *testing.T) {
	t.Parallel()
	p := fixture.Package{Name: "a", Files: []fixture.File{file("usr/a", "a")}}
	one := newWorld(t, p)
	other := world{dir: t.TempDir(), archives: one.archives}
	m := fixture.NewMirror()
	if err := m.Publish("main", fixture.Index{Arch: "x86_64", Archives: []*fixture.Archive{one.archives["a"]},
		Edit: func(text string) string { return strings.Replace(text, "\nT:", "\nT:changed ", 1) }}); err != nil {
		t.Fatal(err)
	}
	if err := m.Write(other.dir); err != nil {
		t.Fatal(err)
	}
	src := one.sources(t)
	got := make(map[string]lock.Layer)
	for name, w := range map[string]world{"one": one, "other": other} {
		layers, _ := builtImage(t, w.spec(t, "a", ""), src)
		got[name] = layers["apk database"]
	}
	if got["one"].Digest == got["other"].Digest {
		t.Errorf("indexes that describe a package differently gave one database layer, %s", got["one"].Digest)
	}
}

func TestRuntimesOwnLibraryCountsOnlyWhereTheLoaderLooks(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fixture.Package{Name: "lib", Provides: []string{"so:libx.so.1=1", "so:libc.musl-x86_64.so.1=1"}, Files: []fixture.File{
		{Path: "usr/lib/libx.so.1", Mode: 0o755, Body: fixture.Library("x86_64", "libx.so.1").Bytes()}}})
	program := fixture.Executable("x86_64", "libx.so.1")
	runpath := program
	runpath.RunPath = "$ORIGIN/../private"
	for name, c := range map[string]struct {
		elf  fixture.ELF
		at   string
		want bool // that Alpine's is asked for
	}{
		"in the default path": {program, "usr/local/lib/libx.so.1", false},
		"elsewhere":           {program, "usr/local/private/libx.so.1", true},
		"in the RUNPATH":      {runpath, "usr/local/private/libx.so.1", false},
	} {
		tarball := filepath.Join(t.TempDir(), "runtime.tar.gz")
		b := fixture.Tarball{Files: []fixture.File{{Path: "usr/local/bin/x", Mode: 0o755, Body: c.elf.Bytes()},
			{Path: c.at, Mode: 0o755, Body: fixture.Library("x86_64", "libx.so.1").Bytes()}}}.Bytes()
		if err := os.WriteFile(tarball, b, 0o600); err != nil {
			t.Fatal(err)
		}
		plan, err := assemble.Resolve(t.Context(), w.spec(t, "lib", "runtime: {source: "+tarball+"}"), w.sources(t), testKeys(t))
		if err != nil {
			t.Fatal(err)
		}
		got := slices.ContainsFunc(plan.Platforms[0].World, func(d apk.Dependency) bool { return d.Name == "so:libx.so.1" })
		if got != c.want {
			t.Errorf("%s: so:libx.so.1 is asked for: %v, want %v", name, got, c.want)
		}
	}
}

func TestLibraryOfAnOptionalModuleIsAskedForWhereSomethingProvidesIt(t *testing.T) {
	t.Parallel()
	musl := fixture.Package{Name: "musl", Provides: []string{"so:libc.musl-x86_64.so.1=1"}}
	tk := fixture.Package{Name: "tk", Provides: []string{"so:libtk8.6.so=1"}}
	runtime := func(modules ...string) string {
		var files []fixture.File
		for _, m := range modules {
			files = append(files, fixture.File{Path: "usr/local/lib/python3.13/lib-dynload/" + m + ".cpython-313-x86_64-linux-musl.so", Mode: 0o755,
				Body: fixture.Library("x86_64", m, "libtk8.6.so").Bytes()})
		}
		tarball := filepath.Join(t.TempDir(), "runtime.tar.gz")
		if err := os.WriteFile(tarball, fixture.Tarball{Files: files}.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		return "runtime: {source: " + tarball + "}"
	}
	for name, c := range map[string]struct {
		packages []fixture.Package
		asked    string
		runtime  string
		world    string // what is asked for last; "" where there is no solution
	}{
		"provided":              {[]fixture.Package{musl, tk}, "musl", runtime("_tkinter"), "so:libtk8.6.so"},
		"not provided":          {[]fixture.Package{musl}, "musl", runtime("_tkinter"), "so:libc.musl-x86_64.so.1"},
		"not optional":          {[]fixture.Package{musl}, "musl", runtime("_tkinter", "_ssl"), ""},
		"asked for by the spec": {[]fixture.Package{musl}, `musl, "so:libtk8.6.so"`, runtime("_tkinter"), ""},
	} {
		w := newWorld(t, c.packages...)
		plan, err := assemble.Resolve(t.Context(), w.spec(t, c.asked, c.runtime), w.sources(t), testKeys(t))
		if c.world == "" {
			if !errors.Is(err, solve.ErrNoSolution) {
				t.Errorf("%s: %v, want no solution", name, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if world := plan.Platforms[0].World; world[len(world)-1].String() != c.world {
			t.Errorf("%s: the world is %v, want %s last", name, world, c.world)
		}
	}
}

func TestConflictNamesBothPackagesAndThePath(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fixture.Package{Name: "one", Files: []fixture.File{file("etc/conf", "1")}}, fixture.Package{Name: "two", Files: []fixture.File{file("etc/conf", "2")}})
	_, err := build(t, w.spec(t, "one, two", ""), w.sources(t))
	if err == nil {
		t.Fatal("two packages with one file were built")
	}
	for _, want := range []string{"one", "two", "etc/conf"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error %q does not name %q", err, want)
		}
	}
}

func TestMergedLayersHoldTheSameTree(t *testing.T) {
	t.Parallel()
	var packages []fixture.Package
	var names []string
	for i := range 9 {
		name := fmt.Sprintf("p%d", i)
		names = append(names, name)
		packages = append(packages, fixture.Package{Name: name, Files: []fixture.File{
			{Path: "usr/a/" + name, Body: fixture.Bulk(name, 100*(i+1))}, {Path: "usr/b/" + name, Hardlink: "usr/a/" + name}}})
	}
	w := newWorld(t, packages...)
	src := w.sources(t)
	want := paths(t, w, src, names, "layers: {strategy: package}", 10)
	for more, layers := range map[string]int{"layers: {max: 4}": 4, "layers: {strategy: single}": 2, "layers: {max: 10}": 10} {
		if got := paths(t, w, src, names, more, layers); !slices.Equal(got, want) {
			t.Errorf("with %q the tree is\n%v\nwant\n%v", more, got, want)
		}
	}
}

func paths(t *testing.T, w world, src input.Access, names []string, more string, want int) []string {
	t.Helper()
	byFrom, tree := builtImage(t, w.spec(t, strings.Join(names, ", "), more), src)
	if len(byFrom) != want {
		t.Errorf("with %q there are %d layers, want %d", more, len(byFrom), want)
	}
	var ps []string
	for n := range tree.All() {
		ps = append(ps, fmt.Sprint(n.Path, n.Entry.Header.Size, n.Entry.Header.Mode, n.Entry.Header.Linkname))
	}
	return ps
}

func TestIndexIsTheSameOnAnyCache(t *testing.T) {
	t.Parallel()
	mirror, err := fixture.Alpine("x86_64", "aarch64")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := mirror.Write(dir); err != nil {
		t.Fatal(err)
	}
	w := world{dir: dir}
	digests := make(map[string]bool)
	for jobs, platforms := range map[int]string{1: "[amd64, arm64]", 4: "[arm64, amd64]", 16: "[aarch64, x86_64]"} {
		s, err := spec.Parse("t.yaml", fmt.Appendf(nil,
			"alpine: {branch: v3.20, mirrors: [%s]}\nplatforms: %s\npackages: [alpine-baselayout, busybox]\nruntime: {source: apk}\nallocator: jemalloc\nimage: {cmd: [python3]}\n", dir, platforms))
		if err != nil {
			t.Fatal(err)
		}
		src := w.sources(t)
		src.Jobs = jobs
		lock, err := build(t, s, src)
		if err != nil {
			t.Fatal(err)
		}
		digests[lock.Digest] = true
		checkIndex(t, lock, src)
	}
	if len(digests) != 1 {
		t.Errorf("%d different digests from the same inputs: %v", len(digests), digests)
	}
}

// checkIndex holds the index against its lock: digests, and a history entry and a diff ID for each layer.
func checkIndex(t *testing.T, l lock.Lock, src input.Access) {
	t.Helper()
	index, err := l.Index(t.Context(), lock.FromStore(src.Store))
	if err != nil {
		t.Fatal(err)
	}
	if d, err := index.Digest(); err != nil || d.String() != l.Digest {
		t.Errorf("index digest %s, %v; the lock has %s", d, err, l.Digest)
	}
	for _, p := range l.Platforms {
		h, err := v1.NewHash(p.Manifest)
		if err != nil {
			t.Fatal(err)
		}
		img, err := index.Image(h)
		if err != nil {
			t.Fatal(err)
		}
		f, err := img.ConfigFile()
		if err != nil {
			t.Fatal(err)
		}
		if len(f.History) != len(p.Layers) || len(f.RootFS.DiffIDs) != len(p.Layers) {
			t.Errorf("%s: %d history entries and %d diff IDs for %d layers", p.Platform, len(f.History), len(f.RootFS.DiffIDs), len(p.Layers))
		}
	}
}

func TestVerifyFindsWhatCannotStart(t *testing.T) {
	t.Parallel()
	musl := fixture.Package{Name: "musl", Provides: []string{"so:libc.musl-x86_64.so.1=1"}, Files: []fixture.File{
		{Path: fixture.Loader("x86_64"), Mode: 0o755, Body: fixture.Library("x86_64", "libc.musl-x86_64.so.1").Bytes()}}}
	app := fixture.Package{Name: "app", Files: []fixture.File{
		{Path: "usr/bin/good", Mode: 0o755, Body: fixture.Executable("x86_64").Bytes()},
		{Path: "usr/bin/plain", Mode: 0o644, Body: []byte("text")},
		{Path: "usr/bin/data", Mode: 0o755, Body: []byte("text")},
		{Path: "usr/bin/script", Mode: 0o755, Body: []byte("#!/usr/bin/good -x\n")},
		{Path: "usr/bin/env", Mode: 0o755, Body: fixture.Executable("x86_64").Bytes()},
		{Path: "usr/bin/viaenv", Mode: 0o755, Body: []byte("#!/usr/bin/env nothing\n")},
		{Path: "usr/bin/lost", Mode: 0o755, Body: []byte("#!/opt/nowhere\n")},
		{Path: "usr/bin/loop", Mode: 0o755, Body: []byte("#!/usr/bin/loop\n")},
		{Path: "usr/bin/link", Link: "good"},
		{Path: "usr/lib/good.so", Mode: 0o755, Body: fixture.Library("x86_64", "good.so").Bytes()},
	}}
	bad := fixture.Package{Name: "bad", Files: []fixture.File{
		{Path: "opt/foreign", Mode: 0o755, Body: fixture.Executable("aarch64").Bytes()},
		{Path: "opt/dangling", Link: "nowhere"},
		{Path: "opt/glibc.so", Mode: 0o755, Body: fixture.Library("x86_64", "glibc.so", "libc.so.6").Bytes()},
	}}
	w := newWorld(t, musl, app, bad)
	for more, want := range map[string]string{
		"image: {cmd: [good]}": "",
		"image: {cmd: [link]}": "",
		"image: {entrypoint: [/usr/bin/script], cmd: [nowhere]}": "",
		"image: {cmd: [./good], workdir: /usr/bin}":              "",
		"allocator: {preload: /usr/lib/good.so}":                 "",
		"image: {cmd: [nowhere]}":                                "not in the image's PATH",
		"image: {cmd: [plain]}":                                  "not in the image's PATH",
		"image: {cmd: [/usr/bin/plain]}":                         "not executable",
		"image: {cmd: [/usr/bin]}":                               "is a folder",
		"image: {cmd: [data]}":                                   "neither an ELF program nor a script",
		"image: {cmd: [/opt/foreign]}":                           "EM_AARCH64",
		"image: {cmd: [/opt/dangling]}":                          "dangling",
		"image: {cmd: [lost]}":                                   "/opt/nowhere",
		"image: {cmd: [viaenv]}":                                 "nothing",
		"image: {cmd: [loop]}":                                   "too many commands",
		"allocator: {preload: /usr/lib/none.so}":                 "LD_PRELOAD names /usr/lib/none.so",
		"allocator: {preload: /usr/bin/data}":                    "not a shared library",
		"allocator: {preload: /opt/glibc.so}":                    "glibc",
	} {
		t.Run(more, func(t *testing.T) {
			t.Parallel()
			_, err := build(t, w.spec(t, "musl, app, bad", more), w.sources(t))
			var verify *check.UnsoundError
			switch {
			case want == "" && err != nil:
				t.Errorf("build: %v, want it to pass", err)
			case want != "" && (!errors.As(err, &verify) || !strings.Contains(err.Error(), want)):
				t.Errorf("build: %v, want a *VerifyError with %q", err, want)
			}
		})
	}
}

func TestScriptsThatAreNotRunAreSaid(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fixture.Package{Name: "a", Scripts: map[string]string{"post-install": "#!/bin/sh\nadduser app\n"}, Files: []fixture.File{file("usr/a", "a")}},
		fixture.Package{Name: "busybox", Scripts: map[string]string{"post-install": "#!/bin/busybox sh\n"}, Files: []fixture.File{file("bin/busybox", "b")}})
	said := warnings(t, w.spec(t, "a, busybox", ""), w.sources(t))
	if want := []string{"linux/amd64: scripts that are not run: a (post-install)"}; !slices.Equal(said, want) {
		t.Errorf("warnings %q, want %q", said, want)
	}
}

// TestFilesThatAreLeftOutAreSaid has packages that say they install nothing: one brings a file all the same.
func TestFilesThatAreLeftOutAreSaid(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fixture.Package{Name: "a", InstalledSize: new(int64), Files: []fixture.File{file("usr/a", "a")}},
		fixture.Package{Name: "meta", InstalledSize: new(int64)})
	src := w.sources(t)
	for _, when := range []string{"first", "again"} {
		said := warnings(t, w.spec(t, "a, meta", ""), src)
		if len(said) != 1 || !strings.Contains(said[0], "package a-") || !strings.Contains(said[0], "left out") {
			t.Errorf("%s build: warnings %q, want one that a's files are left out", when, said)
		}
	}
}

func TestCancelledBuildStops(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fixture.Package{Name: "a", Files: []fixture.File{file("usr/a", "a")}})
	src := w.sources(t)
	plan, err := assemble.Resolve(t.Context(), w.spec(t, "a", ""), src, testKeys(t))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := assemble.Build(ctx, plan, src, assemble.BuildOptions{}); !errors.Is(err, context.Canceled) {
		t.Errorf("Build with a cancelled context: %v", err)
	}
}

// why is what people read of why a layer was made; "" for a verbatim one.
func why(l lock.Layer) string {
	var texts []string
	for _, r := range l.Reasons {
		texts = append(texts, r.String())
	}
	return strings.Join(texts, "; ")
}
