package audit_test

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"debug/elf"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pyimg/pyimg/internal/exit"
	"github.com/pyimg/pyimg/internal/fixture"
	"github.com/pyimg/pyimg/wheel/wheeltest"
	"github.com/pyimg/pyimg/wheels/audit"
	"github.com/pyimg/pyimg/wheels/repository"
)

const (
	musl   = "cp313-cp313-musllinux_1_2_x86_64"
	suffix = ".cpython-313-x86_64-linux-musl.so"
)

// audited writes a wheel and audits it.
func audited(t *testing.T, w wheeltest.Wheel, o audit.Options) audit.Report {
	t.Helper()
	at := filepath.Join(t.TempDir(), w.Filename())
	if err := os.WriteFile(at, w.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := audit.File(t.Context(), at, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// extension is a wheel with one ELF file.
func extension(tag, name string, e fixture.ELF) wheeltest.Wheel {
	return wheeltest.Wheel{Name: "foo", Tag: tag, Files: []wheeltest.File{{Name: name, Data: string(e.Bytes())}}}
}

func TestTagsAgainstContent(t *testing.T) {
	t.Parallel()
	good := fixture.ELF{Arch: "x86_64", Needed: []string{"libc.musl-x86_64.so.1"}, Calls: []string{"malloc", "PyModule_Create2", "_Py_Dealloc"}}
	with := func(change func(e *fixture.ELF)) fixture.ELF {
		e := good
		change(&e)
		return e
	}
	for name, c := range map[string]struct {
		wheel wheeltest.Wheel
		want  string // "": it is cleared
	}{
		"good":              {extension(musl, "foo/_x"+suffix, good), ""},
		"without suffix":    {extension(musl, "foo/_x.so", good), ""},
		"stable ABI":        {extension("cp38-abi3-musllinux_1_1_x86_64", "foo/_x.abi3.so", good), ""},
		"zig":               {extension(musl, "foo/_x"+suffix, with(func(e *fixture.ELF) { e.Needed = nil })), ""},
		"other machine":     {extension("cp313-cp313-musllinux_1_2_aarch64", "foo/_x.so", good), "machine x86_64"},
		"32-bit ARM":        {extension("cp313-cp313-musllinux_1_2_armv7l", "foo/_x.so", with(func(e *fixture.ELF) { e.Arch, e.Machine = "armv7", elf.EM_ARM })), ""},
		"glibc":             {extension(musl, "foo/_x"+suffix, with(func(e *fixture.ELF) { e.Needed = []string{"libc.so.6"} })), "glibc"},
		"suffix of glibc":   {extension(musl, "foo/_x.cpython-313-x86_64-linux-gnu.so", good), "EXT_SUFFIX"},
		"another Python":    {extension(musl, "foo/_x.cpython-312-x86_64-linux-musl.so", good), "EXT_SUFFIX"},
		"abi3, own suffix":  {extension("cp38-abi3-musllinux_1_2_x86_64", "foo/_x"+suffix, good), "EXT_SUFFIX"},
		"symbol of glibc":   {extension(musl, "foo/_x"+suffix, with(func(e *fixture.ELF) { e.Calls = []string{"__cxa_thread_atexit_impl"} })), "__cxa_thread_atexit_impl"},
		"symbol of nobody":  {extension(musl, "foo/_x"+suffix, with(func(e *fixture.ELF) { e.Calls = []string{"nobody_has_it"} })), "nobody_has_it"},
		"weak symbol":       {extension(musl, "foo/_x"+suffix, with(func(e *fixture.ELF) { e.Weak = []string{"__cxa_thread_atexit_impl"} })), ""},
		"stripped":          {extension(musl, "foo/_x"+suffix, with(func(e *fixture.ELF) { e.Calls, e.NoSections = []string{"nobody_has_it"}, true })), "nobody_has_it"},
		"symbol of library": {extension(musl, "foo/_x"+suffix, with(func(e *fixture.ELF) { e.Calls, e.Needed = []string{"deflate"}, []string{"libz.so.1"} })), ""},
		"fortified":         {extension(musl, "foo/_x"+suffix, with(func(e *fixture.ELF) { e.Calls, e.Needed = []string{"__memcpy_chk"}, []string{"libz.so.1"} })), "__memcpy_chk"},
		"musl 1.1":          {extension("cp313-cp313-musllinux_1_1_x86_64", "foo/_x.so", with(func(e *fixture.ELF) { e.Calls = []string{"reallocarray"} })), "since 1.2"},
		"musl 1.2":          {extension(musl, "foo/_x.so", with(func(e *fixture.ELF) { e.Calls = []string{"reallocarray"} })), ""},
		"manylinux":         {extension("cp313-cp313-manylinux_2_28_x86_64", "foo/_x.so", good), "manylinux"},
		"Windows":           {wheeltest.Wheel{Name: "foo", Tag: "cp313-cp313-win_amd64"}, "no Linux"},
		"no musllinux":      {extension("cp313-cp313-musllinux_x86_64", "foo/_x.so", good), "PEP 656"},
		"pure with module":  {extension("py3-none-any", "foo/_x.so", good), "any platform"},
		"pure with data":    {extension("py3-none-any", "foo/firmware.elf", good), ""},
		"pure":              {wheeltest.Wheel{Name: "foo"}, ""},
		"not an ELF file":   {wheeltest.Wheel{Name: "foo", Files: []wheeltest.File{{Name: "x", Data: "\x7fELF"}}}, ""},
		"script":            {wheeltest.Wheel{Name: "foo", EntryPoints: "[console_scripts]\npython3.13 = foo:main\n"}, "interpreter"},
		"RECORD":            {wheeltest.Wheel{Name: "foo", Files: []wheeltest.File{{Name: "a", Data: "a"}}, Replace: map[string]string{"RECORD": "a,,7\n"}}, "size"},
	} {
		r := audited(t, c.wheel, audit.Options{})
		err := r.Err()
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: error %v, want %q", name, err, c.want)
		}
		if err != nil && exit.Of(err) != exit.Unverified {
			t.Errorf("%s: exit code %d", name, exit.Of(err))
		}
	}
}

func TestLibrariesOfTheSystemAreRecorded(t *testing.T) {
	t.Parallel()
	w := extension(musl, "foo/_x"+suffix, fixture.ELF{Arch: "x86_64", Needed: []string{"libz.so.1", "libown.so", "libc.so", "libq.so.9"}})
	w.Files = append(w.Files, wheeltest.File{Name: "foo.libs/libown.so", Data: string(fixture.ELF{Arch: "x86_64", Soname: "libown.so"}.Bytes())})
	r := audited(t, w, audit.Options{})
	if !slices.Equal(r.Needs, []string{"libq.so.9", "libz.so.1"}) || r.Err() != nil {
		t.Errorf("it needs %q, %v", r.Needs, r.Err())
	}
	r = audited(t, w, audit.Options{Provides: func(_ context.Context, machine string, _ []string) ([]repository.Alpine, error) {
		return []repository.Alpine{{So: "libz.so.1", Package: "zlib-" + machine}}, nil
	}})
	if err := r.Err(); err == nil || !strings.Contains(err.Error(), "libq.so.9") || strings.Contains(err.Error(), "libz") || r.Provided[0].Package != "zlib-x86_64" {
		t.Errorf("with what Alpine has: %v, %+v", err, r.Provided)
	}
	_, err := audit.File(t.Context(), filepath.Join(t.TempDir(), "x.whl"), audit.Options{})
	if !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}

// TestConformance audits the wheels of the conformance data, and the extension modules of the runtimes next to it.
func TestConformance(t *testing.T) {
	t.Parallel()
	const data = "../../../shared/conformance/wheels/"
	text, err := os.ReadFile(data + "bad/verdicts.json")
	if err != nil {
		t.Skip("needs the conformance data of ../shared")
	}
	var verdicts map[string]struct{ Verdict, Word string }
	if err := json.Unmarshal(text, &verdicts); err != nil {
		t.Fatal(err)
	}
	nothing := func(context.Context, string, []string) ([]repository.Alpine, error) {
		return []repository.Alpine{{So: "libssl.so.3"}, {So: "libcrypto.so.3"}}, nil
	}
	for name, v := range verdicts {
		if !strings.HasSuffix(name, ".whl") {
			continue
		}
		r, err := audit.File(t.Context(), data+"bad/"+name, audit.Options{Provides: nothing})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if refused := r.Err() != nil; refused != (v.Verdict == "refuse") && v.Verdict != "refuse or install" {
			t.Errorf("%s: error %v, the verdict is %s", name, r.Err(), v.Verdict)
		} else if refused && v.Verdict == "refuse" && !strings.Contains(strings.ToLower(r.Err().Error()), strings.ToLower(v.Word)) {
			t.Errorf("%s: no %q in %v", name, v.Word, r.Err())
		}
	}
	for _, dir := range []string{"wheels", "odd"} {
		files, _ := filepath.Glob(data + dir + "/*.whl")
		for _, name := range files {
			if r, err := audit.File(t.Context(), name, audit.Options{}); err != nil || r.Err() != nil {
				t.Errorf("%s: %v, %v", name, err, r.Err())
			}
		}
	}
}

// TestRuntimesAreCleared audits each extension module that the runtimes next to the conformance data have.
func TestRuntimesAreCleared(t *testing.T) {
	t.Parallel()
	files, _ := filepath.Glob("../../../shared/runtimes/cpython-*.tar.gz")
	if len(files) == 0 {
		t.Skip("needs the runtimes of ../shared")
	}
	for _, name := range files {
		dir := t.TempDir()
		modules := unpackModules(t, name, dir)
		if len(modules) < 20 {
			t.Errorf("%s has only %d modules", name, len(modules))
		}
		for _, m := range modules {
			if r, err := audit.File(t.Context(), m, audit.Options{}); err != nil || r.Err() != nil {
				t.Errorf("%s: %v, %v", filepath.Base(name), err, r.Err())
			}
		}
	}
}

func unpackModules(t *testing.T, tarball, dir string) (modules []string) {
	t.Helper()
	f, err := os.Open(tarball)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return modules
		}
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(h.Name, "/lib-dynload/") || !strings.HasSuffix(h.Name, ".so") {
			continue
		}
		data, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		at := filepath.Join(dir, filepath.Base(h.Name))
		if err := os.WriteFile(at, data, 0o600); err != nil {
			t.Fatal(err)
		}
		modules = append(modules, at)
	}
}

func FuzzModule(f *testing.F) {
	f.Add(fixture.ELF{Arch: "x86_64", Needed: []string{"libz.so.1"}, Calls: []string{"x"}}.Bytes())
	f.Fuzz(func(t *testing.T, data []byte) {
		at := filepath.Join(t.TempDir(), "x.so")
		if err := os.WriteFile(at, data, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := audit.File(t.Context(), at, audit.Options{}); err != nil {
			t.Errorf("a foreign file is no error of this machine: %v", err)
		}
	})
}
