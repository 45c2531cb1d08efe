package python_test

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/pyimg/pyimg/assemble/kept"
	"github.com/pyimg/pyimg/assemble/python"
	"github.com/pyimg/pyimg/layers"
)

// report reads a tarball.
func report(t testing.TB, name string, raw []byte) python.Report {
	t.Helper()
	s, err := layers.OpenStore(t.TempDir(), kept.Files()...)
	if err != nil {
		t.Fatal(err)
	}
	b, err := s.Ingest(t.Context(), layers.Source{Name: name, Open: func(context.Context) (io.ReadCloser, error) {
		return io.NopCloser(strings.NewReader(string(raw))), nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	r, err := python.Read(s.Entries(b.Digest))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// shared is a file of the runtimes that were really built.
func shared(t *testing.T, name string) []byte {
	t.Helper()
	dir := os.Getenv("PYIMG_SHARED")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared")
	}
	raw, err := os.ReadFile(filepath.Join(dir, "runtimes", name))
	if err != nil {
		t.Skipf("this test needs real runtimes: %v", err)
	}
	return raw
}

func TestRealRuntimesComeOutAsWhatTheyAre(t *testing.T) {
	t.Parallel()
	type facts struct {
		Version, Arch, Libc, Prefix, SOABI, Optimize, Verdict string
		PGO, LTO, Shared, Interposition, NoBuiltinMalloc      bool
		Stack                                                 int64
		Tests, Bytecode                                       int
	}
	// The folders of tests were left out of them, the twelve extension modules for these were not.
	for name, want := range map[string]facts{
		"cpython-3.13.5-x86_64-alpine-musl-optimized.tar.gz": {"3.13.5", "x86_64", "musl", "/usr/local", "cpython-313-x86_64-linux-musl", "-O3",
			"optimized: PGO yes, LTO yes, -O3, no semantic interposition", true, true, true, false, true, 1 << 20, 12, 0},
		"cpython-3.13.5-x86_64-alpine-musl-baseline.tar.gz": {"3.13.5", "x86_64", "musl", "/usr/local", "cpython-313-x86_64-linux-musl", "-Os",
			"baseline: PGO no, LTO no, -Os, semantic interposition", false, false, true, true, false, 0, 12, 0},
		"cpython-3.13.5-aarch64-alpine-musl-optimized.tar.gz": {"3.13.5", "aarch64", "musl", "/usr/local", "cpython-313-aarch64-linux-musl", "-O3",
			"partly optimized: PGO no, LTO yes, -O3, no semantic interposition", false, true, true, false, true, 1 << 20, 12, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := report(t, name, shared(t, name))
			b := r.Python
			if b == nil {
				t.Fatal("no CPython is seen in it")
			}
			got := facts{b.Version, r.Arch, r.Libc, r.Prefix, b.SOABI, b.Optimize, b.Verdict, b.PGO, b.LTO, b.Shared, b.SemanticInterposition,
				b.NoBuiltinMalloc, b.ThreadStackSize, r.Tests.Files, r.Bytecode.Files}
			if diff := cmp.Diff(want, got, cmpopts.EquateComparable()); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if want := []string{"libcrypto.so.3", "libssl.so.3", "libz.so.1"}; !slices.Equal(r.Needs, want) {
				t.Errorf("needs %q, want %q", r.Needs, want)
			}
			if len(r.TLS) != 1 || r.TLS[0].Path != "/usr/local/lib/libpython3.13.so.1.0" || r.TLS[0].Model != "global-dynamic" || r.TLS[0].Dynamic == 0 {
				t.Errorf("thread-local variables: %+v, want calls in libpython", r.TLS)
			}
			if !r.Stripped || !strings.Contains(strings.Join(r.Notes, "\n"), "/tmp/rt") {
				t.Errorf("stripped %t, notes %q: want a stripped one with the folders of its build", r.Stripped, r.Notes)
			}
		})
	}
}

func TestRealJemallocIsAnAllocator(t *testing.T) {
	t.Parallel()
	const name = "jemalloc-5.3.0-aarch64-alpine-musl.tar.gz"
	r := report(t, name, shared(t, name))
	want := []python.Allocator{{Name: "jemalloc", Path: "/usr/local/lib/libjemalloc.so.2"}}
	if diff := cmp.Diff(want, r.Allocators); diff != "" || r.Python != nil || r.Arch != "aarch64" || r.Prefix != "/usr/local" {
		t.Errorf("allocators (-want +got):\n%s\n%+v", diff, r)
	}
}
