package assemble_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pyimg/pyimg/assemble"
	"github.com/pyimg/pyimg/assemble/runtime"
	"github.com/pyimg/pyimg/internal/fixture"
)

// allocators are the packages that an allocator may come from, with Python of a version.
func allocators(python string) []fixture.Package {
	lib := func(name, soname string) fixture.Package {
		e := fixture.Library("x86_64", soname)
		e.Exports = []string{"malloc", "free"}
		return fixture.Package{Name: name, Files: []fixture.File{{Path: "usr/lib/" + soname, Mode: 0o755, Body: e.Bytes()}}}
	}
	minor := "python" + python[:strings.LastIndexByte(python, '.')]
	return []fixture.Package{
		lib("jemalloc", "libjemalloc.so.2"), lib("mimalloc2", "libmimalloc.so.2"), lib("mimalloc2-insecure", "libmimalloc-insecure.so.2"),
		{Name: "python3", Version: python + "-r0", Files: []fixture.File{
			{Path: "usr/bin/" + minor, Mode: 0o755, Body: fixture.Executable("x86_64").Bytes()},
			{Path: "usr/bin/python3", Link: minor}, file("usr/lib/"+minor+"/encodings/__init__.py", ""),
		}},
		muslAndMore(),
	}
}

// muslAndMore brings the loader that the others name.
func muslAndMore() fixture.Package {
	lib := fixture.Library("x86_64", "libc.musl-x86_64.so.1").Bytes()
	return fixture.Package{Name: "musl", Provides: []string{"so:libc.musl-x86_64.so.1=1", "so:libssl.so.3", "so:libcrypto.so.3", "so:libz.so.1", "so:libffi.so.8"},
		Files: []fixture.File{
			{Path: "lib/ld-musl-x86_64.so.1", Mode: 0o755, Body: lib}, {Path: "lib/libc.musl-x86_64.so.1", Link: "ld-musl-x86_64.so.1"},
			{Path: "lib/libssl.so.3", Mode: 0o755, Body: lib}, {Path: "lib/libcrypto.so.3", Mode: 0o755, Body: lib},
			{Path: "lib/libz.so.1", Mode: 0o755, Body: lib}, {Path: "lib/libffi.so.8", Mode: 0o755, Body: lib},
		}}
}

func TestAllocators(t *testing.T) {
	t.Parallel()
	const defaults = "MALLOC_CONF=background_thread:true,metadata_thp:auto,dirty_decay_ms:20000,muzzy_decay_ms:20000"
	runtime := func(r fixture.Runtime) []byte { return r.Bytes() }
	own := runtime(fixture.Runtime{Arch: "x86_64", Jemalloc: true})
	plain := runtime(fixture.Runtime{Arch: "x86_64"})
	linked := runtime(fixture.Runtime{Arch: "x86_64", Linked: true})
	old := runtime(fixture.Runtime{Arch: "x86_64", Python: "3.12.9"})
	for name, c := range map[string]struct {
		allocator string
		runtime   []byte   // nil: Alpine's Python
		python    string   // Alpine's
		env       []string // without PATH
		asked     string   // package in the world
	}{
		"jemalloc of the runtime":   {allocator: "jemalloc", runtime: own, env: []string{"LD_PRELOAD=/usr/local/lib/libjemalloc.so.2", defaults}},
		"jemalloc of Alpine's":      {allocator: "jemalloc", runtime: plain, env: []string{"LD_PRELOAD=/usr/lib/libjemalloc.so.2", defaults}, asked: "jemalloc"},
		"jemalloc from Alpine":      {allocator: "{name: jemalloc, from: apk}", runtime: own, env: []string{"LD_PRELOAD=/usr/lib/libjemalloc.so.2", defaults}, asked: "jemalloc"},
		"jemalloc in Python":        {allocator: "jemalloc", runtime: linked, env: []string{defaults}},
		"jemalloc asked of Python":  {allocator: "{name: jemalloc, from: runtime}", runtime: linked, env: []string{defaults}},
		"jemalloc beside Python":    {allocator: "{name: jemalloc, from: apk}", runtime: linked, env: []string{"LD_PRELOAD=/usr/lib/libjemalloc.so.2", defaults}, asked: "jemalloc"},
		"an option":                 {allocator: "{name: jemalloc, conf: {dirty_decay_ms: 0, narenas: 2}}", runtime: own, env: []string{"LD_PRELOAD=/usr/local/lib/libjemalloc.so.2", "MALLOC_CONF=background_thread:true,metadata_thp:auto,dirty_decay_ms:0,muzzy_decay_ms:20000,narenas:2"}},
		"all options":               {allocator: "{name: jemalloc, env: {MALLOC_CONF: \"x:1\"}}", runtime: own, env: []string{"LD_PRELOAD=/usr/local/lib/libjemalloc.so.2", "MALLOC_CONF=x:1"}},
		"mimalloc of Python":        {allocator: "mimalloc", runtime: plain, env: []string{"PYTHONMALLOC=mimalloc"}},
		"mimalloc of an old Python": {allocator: "mimalloc", runtime: old, env: []string{"LD_PRELOAD=/usr/lib/libmimalloc.so.2"}, asked: "mimalloc2"},
		"mimalloc of Alpine's 3.14": {allocator: "mimalloc", python: "3.14.2", env: []string{"PYTHONMALLOC=mimalloc"}},
		"mimalloc of Alpine's 3.12": {allocator: "mimalloc", python: "3.12.7", env: []string{"LD_PRELOAD=/usr/lib/libmimalloc.so.2"}, asked: "mimalloc2"},
		"mimalloc's library":        {allocator: "{name: mimalloc, use: preload}", runtime: plain, env: []string{"LD_PRELOAD=/usr/lib/libmimalloc.so.2"}, asked: "mimalloc2"},
		"mimalloc without checks":   {allocator: "{name: mimalloc, use: preload, secure: false}", runtime: plain, env: []string{"LD_PRELOAD=/usr/lib/libmimalloc-insecure.so.2"}, asked: "mimalloc2-insecure"},
		"none":                      {allocator: "none", runtime: own},
		"a path":                    {allocator: "{preload: /usr/local/lib/libjemalloc.so.2, env: {MALLOC_CONF: \"x:1\", A: b}}", runtime: own, env: []string{"A=b", "LD_PRELOAD=/usr/local/lib/libjemalloc.so.2", "MALLOC_CONF=x:1"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			python := c.python
			if python == "" {
				python = "3.12.7"
			}
			w := newWorld(t, allocators(python)...)
			source := "apk"
			if c.runtime != nil {
				source = filepath.Join(t.TempDir(), "cpython.tar.gz")
				if err := os.WriteFile(source, c.runtime, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			src := w.sources(t)
			s := w.spec(t, "musl", "runtime: {source: "+source+"}\nallocator: "+c.allocator+"\n")
			lock, err := build(t, s, src)
			if err != nil {
				t.Fatal(err)
			}
			p := lock.Platforms[0]
			if env := p.Config.Env[1:]; !slices.Equal(env, c.env) {
				t.Errorf("env %q, want %q", env, c.env)
			}
			for _, pkg := range []string{"jemalloc", "mimalloc2", "mimalloc2-insecure"} {
				if has := slices.Contains(p.World, pkg); has != (pkg == c.asked) {
					t.Errorf("world %q, want of the allocators %q", p.World, c.asked)
				}
			}
			plan, err := assemble.PlanOf(t.Context(), lock, s, src, testKeys(t))
			if err != nil {
				t.Fatal(err)
			}
			again, err := assemble.Build(t.Context(), plan, src, assemble.BuildOptions{})
			if err != nil || lock.Expect(again.Lock) != nil {
				t.Errorf("from its lock: %v, %v", err, lock.Expect(again.Lock))
			}
		})
	}
}

func TestAllocatorThatCannotBe(t *testing.T) {
	t.Parallel()
	for allocator, want := range map[string]string{
		"{name: mimalloc, use: python}":   "Python 3.12.7-r0 knows no PYTHONMALLOC=mimalloc",
		"{name: jemalloc, from: runtime}": "no runtime holds libjemalloc.so.2",
	} {
		w := newWorld(t, allocators("3.12.7")...)
		_, err := build(t, w.spec(t, "musl", "runtime: {source: apk}\nallocator: "+allocator+"\n"), w.sources(t))
		var required *runtime.RequireError
		if err == nil || !strings.Contains(err.Error(), want) || !errors.As(err, &required) {
			t.Errorf("%s: %v, want a *RequireError with %q", allocator, err, want)
		}
	}
}

func TestRequire(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		runtime fixture.Runtime
		require string
		lacks   string // "" where it is what is required
	}{
		"an optimized one":   {fixture.Runtime{Jemalloc: true}, "pgo, lto, o3, no-semantic-interposition, jemalloc, shared", ""},
		"with interposition": {fixture.Runtime{Flags: "-O3 -flto=auto"}, "pgo, lto, o3, no-semantic-interposition", "requires no-semantic-interposition"},
		"one for size":       {fixture.Runtime{Flags: "-Os"}, "o2, lto", "requires o2"},
		"without jemalloc":   {fixture.Runtime{}, "jemalloc", "requires jemalloc"},
		"with the GIL":       {fixture.Runtime{}, "free-threaded, tail-call", "requires tail-call, free-threaded"},
		"a shared library":   {fixture.Runtime{}, "bytecode, static-libpython", "requires static-libpython, bytecode"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, allocators("3.12.7")...)
			c.runtime.Arch = "x86_64"
			source := filepath.Join(t.TempDir(), "cpython.tar.gz")
			if err := os.WriteFile(source, c.runtime.Bytes(), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := build(t, w.spec(t, "musl", "runtime: {source: "+source+", require: ["+c.require+"]}\n"), w.sources(t))
			var required *runtime.RequireError
			if c.lacks == "" && err != nil || c.lacks != "" && (!errors.As(err, &required) || !strings.Contains(err.Error(), c.lacks)) {
				t.Errorf("%v, want %q", err, c.lacks)
			}
		})
	}
}

func TestRequireOfAlpinesPython(t *testing.T) {
	t.Parallel()
	packages := allocators("3.14.2")
	for i := range packages {
		if packages[i].Name == "python3" {
			packages[i].Files = append(packages[i].Files, file("usr/lib/python3.14/_sysconfigdata__linux_x86_64-linux-musl.py",
				"build_time_vars = {'VERSION': '3.14', 'PY_CFLAGS': '-O2 -fprofile-use', 'PY_CFLAGS_NODIST': '-flto', 'prefix': '/usr'}\n"))
		}
	}
	w := newWorld(t, packages...)
	if _, err := build(t, w.spec(t, "musl", "runtime: {source: apk, require: [pgo, lto, o2, jemalloc]}\nallocator: jemalloc\n"), w.sources(t)); err != nil {
		t.Error(err)
	}
	_, err := build(t, w.spec(t, "musl", "runtime: {source: apk, require: o3}\n"), w.sources(t))
	var required *runtime.RequireError
	if !errors.As(err, &required) || !strings.Contains(err.Error(), "-O2") {
		t.Errorf("%v, want a *RequireError that says -O2", err)
	}
}
