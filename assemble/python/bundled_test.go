package python_test

import (
	"archive/tar"
	"debug/elf"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pyimg/pyimg/assemble/python"
	"github.com/pyimg/pyimg/layers"
	own "github.com/pyimg/pyimg/layers/elf"
)

const (
	musl    = "/lib/ld-musl-x86_64.so.1"
	billOf  = `{"bomFormat": "CycloneDX", "components": [{"name": "xz", "version": "5.8.1"}, {"name": "bzip2", "version": "1.0.8"}]}`
	library = elf.ET_DYN
)

// read makes the report of files, by their paths. A file is ELF facts, or the content that is kept.
func read(t *testing.T, files ...any) python.Report {
	t.Helper()
	r, err := python.Read(func(yield func(layers.Entry, error) bool) {
		for i := 0; i < len(files); i += 2 {
			e := layers.Entry{Header: &tar.Header{Typeflag: tar.TypeReg, Name: files[i].(string)}} //nolint:forcetypeassert // see above
			switch v := files[i+1].(type) {
			case own.Facts:
				v.Machine, e.ELF = elf.EM_X86_64, &v
			case string:
				e.Kept = []byte(v)
			}
			if !yield(e, nil) {
				return
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestTLSOfTheInterpreterAndOfWhatItUses(t *testing.T) {
	t.Parallel()
	some := own.TLS{Has: true}
	r := read(t,
		"usr/local/lib/python3.13/os.py", "",
		"usr/local/bin/python3.13", own.Facts{Type: library, Interp: musl, TLS: some},
		"usr/local/lib/libpython3.13.so.1.0", own.Facts{Type: library, Soname: "libpython3.13.so.1.0", TLS: own.TLS{Has: true, Initial: 1, Dynamic: 3}},
		"usr/lib/libjemalloc.so.2", own.Facts{Type: library, Soname: "libjemalloc.so.2", Malloc: true, TLS: own.TLS{Has: true, Initial: 2}},
		"usr/lib/libstdc++.so.6", own.Facts{Type: library, Soname: "libstdc++.so.6", TLS: own.TLS{Has: true, Dynamic: 1}},
		"usr/local/bin/python3", own.Facts{Type: library, Interp: musl},
	)
	want := []python.TLS{
		{Path: "/usr/lib/libjemalloc.so.2", Model: "initial-exec", Initial: 2},
		{Path: "/usr/local/bin/python3.13", Model: "local-exec"},
		{Path: "/usr/local/lib/libpython3.13.so.1.0", Model: "global-dynamic", Initial: 1, Dynamic: 3},
	}
	if diff := cmp.Diff(want, r.TLS); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestBundledLibraries(t *testing.T) {
	t.Parallel()
	shared := own.Facts{Type: library, Soname: "libffi.so.8"}
	files := func(prefix string) []any {
		return []any{
			prefix + "lib/python3.13/os.py", "",
			prefix + "lib/libffi.so.8.1.4", shared,
			prefix + "share/sbom/cpython-3.13.5.cdx.json", billOf,
			// These are no libraries that the runtime brings.
			prefix + "lib/libpython3.13.so.1.0", own.Facts{Type: library, Soname: "libpython3.13.so.1.0"},
			prefix + "lib/libjemalloc.so.2", own.Facts{Type: library, Soname: "libjemalloc.so.2", Malloc: true},
			prefix + "lib/python3.13/lib-dynload/_ssl.cpython-313-x86_64-linux-musl.so", own.Facts{Type: library},
			prefix + "lib/python3.13/site-packages/numpy.libs/libblas.so.3", own.Facts{Type: library, Soname: "libblas.so.3"},
			prefix + "lib/python3.13/site-packages/x-1.dist-info/sboms/x.cdx.json", billOf,
			"lib/ld-musl-x86_64.so.1", own.Facts{Type: library, Soname: "libc.musl-x86_64.so.1"},
			"usr/lib/libz.so.1", own.Facts{Type: library, Soname: "libz.so.1"},
		}
	}
	bill := "/usr/local/share/sbom/cpython-3.13.5.cdx.json"
	want := []python.Bundled{
		{Name: "bzip2", Version: "1.0.8", Path: bill}, {Name: "libffi.so.8", Path: "/usr/local/lib/libffi.so.8.1.4"}, {Name: "xz", Version: "5.8.1", Path: bill},
	}
	if diff := cmp.Diff(want, read(t, files("usr/local/")...).Bundled); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	// A distribution's Python brings nothing: its libraries are packages.
	if r := read(t, files("usr/")...); r.Bundled != nil {
		t.Errorf("bundled with Alpine's own Python: %+v", r.Bundled)
	}
	if r := read(t, "usr/local/lib/python3.13/os.py", "", "usr/local/share/x.cdx.json", "{}"); r.Bundled != nil || !strings.Contains(strings.Join(r.Notes, "\n"), "x.cdx.json: it is neither CycloneDX nor SPDX") {
		t.Errorf("of another file: %+v, %q", r.Bundled, r.Notes)
	}
}

// TestLinks tells what is linked into the Python from what another program below its prefix brings.
func TestLinks(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]bool{
		"usr/local/share/sbom/cpython-3.13.5.cdx.json": true,
		"usr/local/share/sbom/redis-8.cdx.json":        false,
		"opt/share/sbom/cpython-3.13.5.cdx.json":       false,
	} {
		r := read(t, "usr/local/lib/python3.13/os.py", "", "usr/local/bin/python3.13", own.Facts{Type: library, Interp: musl},
			"usr/local/lib/python3.13/_sysconfigdata__linux_x86_64-linux-musl.py", "build_time_vars = {'prefix': '/usr/local', 'VERSION': '3.13'}\n", name, billOf)
		if r.Links("bzip2") != want || r.Links("zstd") {
			t.Errorf("%s: links bzip2 %v, want %v: %+v", name, r.Links("bzip2"), want, r.Bundled)
		}
	}
}
