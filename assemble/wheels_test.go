package assemble_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/pyimg/pyimg/assemble/bytecode"
	"github.com/pyimg/pyimg/assemble/input"
	"github.com/pyimg/pyimg/assemble/spec"
	"github.com/pyimg/pyimg/internal/fixture"
	"github.com/pyimg/pyimg/wheel/wheeltest"
)

// noRunners notes the root that a Python would be run in, and runs nothing.
type noRunners struct {
	mu    sync.Mutex
	roots []input.RunnerRoot
}

func (r *noRunners) Runner(_ context.Context, root input.RunnerRoot) (input.Runner, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.roots = append(r.roots, root)
	return nil, errors.New("nothing is run here")
}

// TestWheelsAreNotInTheRootThatCompiles holds that what a wheel brings never runs where the image is made; the allocator of a runtime does.
func TestWheelsAreNotInTheRootThatCompiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	mirror, err := fixture.Alpine("x86_64")
	if err != nil {
		t.Fatal(err)
	}
	mirror.Put("python.tar.gz", fixture.Runtime{Arch: "x86_64", Jemalloc: true}.Bytes())
	w := wheeltest.Wheel{Name: "evil", Files: []wheeltest.File{{Name: "evil/__init__.py", Data: "import os\n"}, {Name: "evil.pth", Data: "import evil\n"}}}
	mirror.Put(w.Filename(), w.Bytes())
	if err := mirror.Write(dir); err != nil {
		t.Fatal(err)
	}
	s, err := spec.Parse("test.yaml", fmt.Appendf(nil, `alpine: {repositories: [%[1]s/v3.20/main], dialect: 2}
platforms: [linux/amd64]
packages: [alpine-baselayout, busybox]
runtime: {source: %[1]s/python.tar.gz}
python: {wheels: %[1]s/%[2]s}
bytecode: unchecked
`, filepath.ToSlash(dir), w.Filename()))
	if err != nil {
		t.Fatal(err)
	}
	src := world{dir: dir}.sources(t)
	runners := new(noRunners)
	src.Runners = runners
	if _, err := buildTrusting(t, s, src, nil); err == nil || !strings.Contains(err.Error(), "nothing is run here") {
		t.Fatalf("the build ends with %v, want that its Python is to be run", err)
	}
	if len(runners.roots) == 0 || len(runners.roots[0].Layers) < 3 || runners.roots[0].Platform != "linux/amd64" {
		t.Fatalf("the roots are %+v, want one of packages and the runtime", runners.roots)
	}
	if got, want := runners.roots[0].Preload, "/usr/local/lib/libjemalloc.so.2"; got != want {
		t.Errorf("%q is preloaded where modules are compiled, want %q", got, want)
	}
	for _, l := range runners.roots[0].Layers {
		for e, err := range src.Store.Entries(l.Digest) {
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(e.Path(), "evil") {
				t.Errorf("the root that compiles has /%s", e.Path())
			}
		}
	}
}

// compilers run a stand-in for Python.
type compilers struct {
	fixture.Compiler
	looked *atomic.Int32 // how often a Python was looked for
}

func (c compilers) Runner(context.Context, input.RunnerRoot) (input.Runner, error) {
	c.looked.Add(1)
	return c.Compiler, nil
}

// TestWheelsHaveBytecode compiles the modules of wheels: for a runtime and for Alpine's own Python, in site-packages and in a folder of
// their own.
func TestWheelsHaveBytecode(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	mirror, err := fixture.Alpine("x86_64")
	if err != nil {
		t.Fatal(err)
	}
	mirror.Put("python.tar.gz", fixture.Runtime{Arch: "x86_64"}.Bytes())
	app := wheeltest.Wheel{Name: "app", Files: []wheeltest.File{{Name: "app/__init__.py", Data: "value = 1\n"}, {Name: "app-1.0.data/scripts/tool.py", Data: "#!python\n"}}}
	mirror.Put(app.Filename(), app.Bytes())
	if err := mirror.Write(dir); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ runtime, target, tag, want, script string }{
		"a runtime":              {dir + "/python.tar.gz", "", "cpython-313", "usr/local/lib/python3.13/site-packages/app/__pycache__/__init__.cpython-313.pyc", "usr/local/bin/tool.py"},
		"a runtime and a folder": {dir + "/python.tar.gz", "/opt/lib", "cpython-313", "opt/lib/app/__pycache__/__init__.cpython-313.pyc", "opt/lib/bin/tool.py"},
		"Alpine's":               {"apk", "", "cpython-312", "usr/lib/python3.12/site-packages/app/__pycache__/__init__.cpython-312.pyc", "usr/bin/tool.py"},
		"Alpine's and a folder":  {"apk", "/opt/lib", "cpython-312", "opt/lib/app/__pycache__/__init__.cpython-312.pyc", "opt/lib/bin/tool.py"},
	} {
		s, err := spec.Parse("test.yaml", fmt.Appendf(nil, `alpine: {repositories: [%[1]s/v3.20/main, %[1]s/v3.20/community], dialect: 2}
platforms: [linux/amd64]
packages: [alpine-baselayout, busybox]
runtime: {source: %[2]s}
python: {wheels: %[1]s/%[3]s}
bytecode: unchecked
`, filepath.ToSlash(dir), filepath.ToSlash(c.runtime), app.Filename()))
		if err != nil {
			t.Fatal(err)
		}
		s.Python.Target = c.target
		src := world{dir: dir}.sources(t)
		looked := new(atomic.Int32)
		src.Runners = compilers{fixture.Compiler{Tag: c.tag}, looked}
		built, err := build(t, s, src)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		has := make(map[string]bool)
		for _, l := range built.Platforms[0].Layers {
			for e, err := range src.Store.Entries(l.Digest) {
				if err != nil {
					t.Fatal(err)
				}
				has[e.Path()] = true
			}
		}
		if n := looked.Load(); n != 1 {
			t.Errorf("%s: the Python that compiles was looked for %d times, want once for all layers", name, n)
		}
		pyc := bytecode.Python{Tag: c.tag}.Compiled(c.script)
		if !has[c.want] || !has[c.script] || has[pyc] {
			t.Errorf("%s: the module's bytecode is there: %v; the script: %v; its bytecode: %v; want true, true, false", name, has[c.want], has[c.script], has[pyc])
		}
	}
}
