package e2e_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
)

// runtimeSpec names the runtimes' tarballs, and of packages only what every
// image has.
func (s shared) runtimeSpec(t testing.TB, repository, runtime string) string {
	t.Helper()
	return writeFile(t, filepath.Join(openDir(t), "pyimg.yaml"), fmt.Sprintf(`alpine:
  repositories: [%q]
  keys: [%q]
platforms: [linux/amd64, linux/arm64]
packages: [alpine-baselayout, busybox]
runtime:
  - {source: %q, require: [lto, o3, no-semantic-interposition]}
  - {source: %q}
allocator: jemalloc
image: {cmd: [python3]}
`, repository, s.testKeys(), runtime, s.path("runtimes", "jemalloc-5.3.0-{alpine_arch}-alpine-musl.tar.gz")))
}

func (s shared) optimized() string {
	return s.path("runtimes", "cpython-3.13.5-{alpine_arch}-alpine-musl-optimized.tar.gz")
}

// usesSSL says which OpenSSL Python found, and whether jemalloc is in the
// process.
const usesSSL = `import ctypes, ssl, zlib
print(ssl.OPENSSL_VERSION.split()[0], len(zlib.compress(b"a" * 99)) < 99, hasattr(ctypes.CDLL(None), "mallctl"))`

// TestRuntimesBringTheirLibraries starts an image whose spec names nothing that
// Python needs.
func TestRuntimesBringTheirLibraries(t *testing.T) {
	t.Parallel()
	s := needShared(t)
	layout := layoutDir(filepath.Join(openDir(t), "layout"))
	pyimg(t).must(t, "assemble", s.runtimeSpec(t, s.mainRepo(), s.optimized()), "--cache-dir", t.TempDir(), "--output", layout.output())
	for _, p := range twoPlatforms() {
		t.Run(p.alpine, func(t *testing.T) {
			needRunnable(t, p)
			root, _ := umociRoot(t, layout, p)
			installed := readFile(t, filepath.Join(root, "lib/apk/db/installed"))
			for _, name := range []string{"libssl3", "libcrypto3", "zlib"} {
				if !strings.Contains(installed, "\nP:"+name+"\n") {
					t.Errorf("%s is not installed", name)
				}
			}
			got := client().must(t, "chroot", root, "/usr/bin/env", "LD_PRELOAD="+preload, "/usr/local/bin/python3", "-c", usesSSL)
			if want := "OpenSSL True True\n"; got != want {
				t.Errorf("python3 answers %q, want %q", got, want)
			}
		})
	}
}

// TestRuntimeOutOfAnImageStarts takes CPython and jemalloc out of an image with
// zstd layers in a real registry.
func TestRuntimeOutOfAnImageStarts(t *testing.T) {
	t.Parallel()
	s := needShared(t)
	needTools(t, "docker-registry")
	base := startRegistry(t) + "/base-python:3.13"
	pyimg(t).must(t, "assemble", s.runtimeSpec(t, s.mainRepo(), s.optimized()), "--cache-dir", t.TempDir(), "--compression", "zstd", "--layers", "single", "--push", base)
	spec := writeFile(t, filepath.Join(openDir(t), "pyimg.yaml"), fmt.Sprintf(`alpine:
  repositories: [%q]
  keys: [%q]
platforms: [linux/amd64, linux/arm64]
packages: [alpine-baselayout, busybox]
runtime: {source: %q, require: [jemalloc]}
allocator: jemalloc
image: {cmd: [python3]}
layers: {compression: gzip} # umoci takes nothing else
`, s.mainRepo(), s.testKeys(), "oci:"+base))
	layout := layoutDir(filepath.Join(openDir(t), "layout"))
	pyimg(t).must(t, "lock", spec, "--cache-dir", t.TempDir())
	pyimg(t).must(t, "assemble", spec, "--locked", "--cache-dir", t.TempDir(), "--output", layout.output())
	for _, p := range twoPlatforms() {
		t.Run(p.alpine, func(t *testing.T) {
			needRunnable(t, p)
			root, _ := umociRoot(t, layout, p)
			got := client().must(t, "chroot", root, "/usr/local/bin/python3", "-c", "import ssl, sys; print(sys.version.split()[0])")
			if got != "3.13.5\n" {
				t.Errorf("python3 answers %q", got)
			}
		})
	}
}
