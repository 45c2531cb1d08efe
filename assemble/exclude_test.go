package assemble_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/pyimg/pyimg/assemble"
	"github.com/pyimg/pyimg/assemble/input"
	"github.com/pyimg/pyimg/assemble/spec"
	"github.com/pyimg/pyimg/internal/fixture"
	"github.com/pyimg/pyimg/layers/tree"
)

// excludeWorld has a package with manuals next to its program, one of manuals alone, and one without.
func excludeWorld(t *testing.T) world {
	return newWorld(t,
		fixture.Package{Name: "prog", Files: []fixture.File{file("usr/bin/prog", "p"), file("usr/share/man/man1/prog.1", "m"), file("usr/share/man/de/prog.1", "d"),
			{Path: "usr/share/man", Dir: true, Mode: 0o711}}},
		fixture.Package{Name: "manuals", Files: []fixture.File{file("usr/share/man/man1/more.1", "m")}},
		fixture.Package{Name: "lib", Files: []fixture.File{file("usr/lib/l", "l")}})
}

// warnings builds a spec and returns what a person is told.
func warnings(t *testing.T, s spec.Spec, src input.Access) []string {
	t.Helper()
	plan, err := assemble.Resolve(t.Context(), s, src, testKeys(t))
	if err != nil {
		t.Fatal(err)
	}
	built, err := assemble.Build(t.Context(), plan, src, assemble.BuildOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return append(plan.Warnings, built.Warnings...)
}

func treePaths(tree *tree.Tree) []string {
	var got []string
	for n := range tree.All() {
		got = append(got, n.Path)
	}
	return got
}

func TestExcludedPathsAreNotInTheImage(t *testing.T) {
	t.Parallel()
	for _, strategy := range []string{"package", "single"} {
		w := excludeWorld(t)
		got, tree := builtImage(t, w.spec(t, "prog, manuals, lib", "exclude: [usr/share/man/**]\nlayers: {strategy: "+strategy+"}\n"), w.sources(t))
		for _, p := range treePaths(tree) {
			if strings.HasPrefix(p, "usr/share/man") {
				t.Errorf("%s: %s is in the image", strategy, p)
			}
		}
		if _, err := tree.Lstat("usr/bin/prog"); err != nil {
			t.Errorf("%s: %v", strategy, err)
		}
		if l, ok := got["apk manuals=1-r0"]; ok {
			t.Errorf("%s: %s is a layer of nothing", strategy, l.Digest)
		}
	}
}

func TestExcludeTranscodesOnlyTheLayersConcerned(t *testing.T) {
	t.Parallel()
	w := excludeWorld(t)
	got, _ := builtImage(t, w.spec(t, "prog, lib", "exclude: usr/share/man\n"), w.sources(t))
	if l := got["apk prog=1-r0"]; why(l) != "5 paths are excluded" {
		t.Errorf("the reason of prog's layer is %q", why(l))
	}
	if l := got["apk lib=1-r0"]; why(l) != "" || l.Digest != "sha256:"+w.archives["lib"].DataHash() {
		t.Errorf("the layer of lib is %s (%s), want its own bytes", l.Digest, why(l))
	}
}

func TestExcludeTakesBack(t *testing.T) {
	t.Parallel()
	w := excludeWorld(t)
	_, tree := builtImage(t, w.spec(t, "prog", "exclude: [usr/share/man/**, \"!usr/share/man/de/**\"]\n"), w.sources(t))
	if _, err := tree.Lstat("usr/share/man/de/prog.1"); err != nil {
		t.Error(err)
	}
	if _, err := tree.Lstat("usr/share/man/man1"); err == nil {
		t.Error("usr/share/man/man1 is in the image")
	}
	n, err := tree.Lstat("usr/share/man")
	if err != nil {
		t.Fatal(err)
	}
	if n.Entry.Header.Mode != 0o711 {
		t.Errorf("usr/share/man has mode %04o, want the package's 0711", n.Entry.Header.Mode)
	}
}

func TestExcludeMeansPathsOfTheImage(t *testing.T) {
	t.Parallel()
	w := newWorld(t,
		fixture.Package{Name: "base", Files: []fixture.File{{Path: "run", Dir: true}, {Path: "var/run", Link: "../run"}}},
		fixture.Package{Name: "z", Depends: []string{"base"}, Files: []fixture.File{file("var/run/z/pid", "1"), file("usr/z", "z")}})
	_, tree := builtImage(t, w.spec(t, "z", "exclude: run/z\n"), w.sources(t))
	if slices.ContainsFunc(treePaths(tree), func(p string) bool { return strings.Contains(p, "run/z") }) {
		t.Errorf("run/z is in the image: %q", treePaths(tree))
	}
}

func TestExcludedPathShowsNoOtherPackages(t *testing.T) {
	t.Parallel()
	w := newWorld(t,
		fixture.Package{Name: "old", Files: []fixture.File{file("etc/conf", "old"), file("usr/old", "x")}},
		fixture.Package{Name: "new", Depends: []string{"old"}, Replaces: []string{"old"}, Files: []fixture.File{file("etc/conf", "newer"), file("usr/new", "x")}})
	_, tree := builtImage(t, w.spec(t, "new", "exclude: etc/conf\n"), w.sources(t))
	if n, err := tree.Lstat("etc/conf"); err == nil {
		t.Errorf("etc/conf is in the image, with %d bytes", n.Entry.Header.Size)
	}
}

func TestExcludeWarns(t *testing.T) {
	t.Parallel()
	w := excludeWorld(t)
	got := warnings(t, w.spec(t, "prog, lib", "exclude: [usr/share/man/**, usr/share/doc/**]\n"), w.sources(t))
	want := []string{`linux/amd64: exclude "usr/share/doc/**" matches no path of a package`,
		"linux/amd64: packages' layers that are no longer the distribution's own bytes, since paths of theirs are excluded (1 of 2): prog=1-r0"}
	if len(got) != len(want) {
		t.Fatalf("warnings %q, want %q", got, want)
	}
	for i := range want {
		if !strings.HasPrefix(got[i], want[i]) {
			t.Errorf("warning %q, want %q", got[i], want[i])
		}
	}
}

func TestExcludingTheCommandIsFound(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fixture.Package{Name: "prog", Files: []fixture.File{{Path: "usr/bin/prog", Body: fixture.ELF{Arch: "x86_64"}.Bytes(), Mode: 0o755}}})
	const command = "image: {cmd: [prog]}\n"
	if _, err := build(t, w.spec(t, "prog", command), w.sources(t)); err != nil {
		t.Fatal(err)
	}
	_, err := build(t, w.spec(t, "prog", command+"exclude: usr/bin\n"), w.sources(t))
	if err == nil || !strings.Contains(err.Error(), `"prog" is not in the image's PATH`) {
		t.Errorf("Build = %v, want a *VerifyError about prog", err)
	}
}
