package assemble_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pyimg/pyimg/apk"
	"github.com/pyimg/pyimg/assemble"
	"github.com/pyimg/pyimg/assemble/check"
	"github.com/pyimg/pyimg/assemble/spec"
)

// TestRealSymbols finds the symbol that a real module lacks on musl, and none in the real Python and in other modules.
func TestRealSymbols(t *testing.T) {
	t.Parallel()
	dir := sharedFolder(t)
	wheels := filepath.Join(dir, "conformance", "wheels")
	good, err := filepath.Glob(filepath.Join(wheels, "wheels", "*musllinux*.whl"))
	if err != nil || len(good) == 0 {
		t.Skipf("no real wheels in %s: %v", wheels, err)
	}
	keys := apk.NewKeyring()
	if err := keys.AddPath(filepath.Join(dir, "alpine-mirror", "keys")); err != nil {
		t.Fatal(err)
	}
	build := func(platforms string, files ...string) (assemble.Built, error) {
		t.Helper()
		s, err := spec.Parse("python.yaml", fmt.Appendf(nil, `alpine: {branch: v3.20, mirrors: [%q]}
platforms: [%s]
packages: [alpine-baselayout, busybox]
runtime: {source: %q}
python: {wheels: [%s]}
image: {cmd: [python3]}
`, filepath.Join(dir, "alpine-mirror"), platforms, filepath.Join(dir, "runtimes", "cpython-3.13.5-{alpine_arch}-alpine-musl-optimized.tar.gz"), strings.Join(files, ", ")))
		if err != nil {
			t.Fatal(err)
		}
		src := world{}.sources(t)
		plan, err := assemble.Resolve(t.Context(), s, src, keys)
		if err != nil {
			t.Fatal(err)
		}
		return assemble.Build(t.Context(), plan, src, assemble.BuildOptions{})
	}
	built, err := build("linux/amd64, linux/arm64", good...)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range built.Findings {
		for _, f := range r.Findings {
			if f.Check == "elf-symbol" {
				t.Errorf("%s: %s", r.Platform, f)
			}
		}
	}
	_, err = build("linux/amd64", filepath.Join(wheels, "bad", "nosym-1.0-cp313-cp313-musllinux_1_2_x86_64.whl"))
	if unsound := (*check.UnsoundError)(nil); !errors.As(err, &unsound) || !strings.Contains(err.Error(), "__cxa_thread_atexit_impl") {
		t.Errorf("a module that needs a symbol of glibc: %v, want an unsound image", err)
	}
}
