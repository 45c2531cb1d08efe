package e2e_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// builtVar names the tarball of a CPython that "make runtime" has built, for amd64. Its build takes too long for CI.
const builtVar = "PYIMG_BUILT_CPYTHON"

// usesBuilt is what a runtime must do in an image, after the recipe's own check.
const usesBuilt = `
import pathlib, sys, tempfile
def run(*args):
    return subprocess.run(args, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
environment = pathlib.Path(tempfile.mkdtemp()) / "environment"
run(sys.executable, "-m", "venv", str(environment))
own = str(environment / "bin" / "python")
run(own, "-m", "pip", "install", "-q", "--no-index", "--disable-pip-version-check", "--find-links", "/wheels", "markupsafe")
print(run(own, "-c", "import markupsafe._speedups, sys; print(markupsafe.__version__, sys.prefix != sys.base_prefix)"))
print(sysconfig.get_config_var("LDLIBRARY"), pathlib.Path(json.__spec__.cached).exists())
`

// TestBuiltRuntime puts a CPython of the recipe into an image, which pyimg and podman run.
func TestBuiltRuntime(t *testing.T) {
	t.Parallel()
	s := needShared(t)
	built := os.Getenv(builtVar)
	if built == "" {
		t.Skipf("%s names no CPython that make runtime has built", builtVar)
	}
	p := twoPlatforms()[0]
	needRunnable(t, p)
	dir := openDir(t)
	wheels := filepath.Join(dir, "wheels")
	if err := os.CopyFS(wheels, os.DirFS(s.path("conformance", "wheels", "wheels"))); err != nil {
		t.Fatal(err)
	}
	spec := writeFile(t, filepath.Join(dir, "pyimg.yaml"), fmt.Sprintf(`%splatforms: [linux/amd64]
packages: [alpine-baselayout, busybox, ca-certificates-bundle]
runtime: {source: %q, require: [static-libpython, bytecode, stripped]}
files: [{from: wheels, to: /wheels}]
image: {cmd: [python3]}
`, s.alpine(), built))
	registry := startRegistry(t)
	image := registry + "/built:" + tag
	cli, cache := pyimg(t), t.TempDir()
	cli.must(t, "assemble", spec, "--cache-dir", cache, "--push", image)
	program := "import json\n" + readFile(t, filepath.Join("..", "..", "recipe", "data", "cpython", "check.py")) + usesBuilt
	check := func(t *testing.T, got string) {
		t.Helper()
		_, got, _ = strings.Cut(got, "\n") // the version and the compiler
		if !strings.HasPrefix(got, "2.1.5 True\nlibpython3.") || !strings.HasSuffix(got, " True\n") {
			t.Errorf("Python says %q", got)
		}
	}
	t.Run("pyimg", func(t *testing.T) {
		t.Parallel()
		check(t, cli.must(t, "run", "--network", "none", "--cache-dir", cache, image, "python3", "-c", program))
	})
	t.Run("podman", func(t *testing.T) {
		t.Parallel()
		client := newPodman(t)
		client.pull(t, p, image)
		check(t, client.python(t, p, image, program))
	})
	t.Run("inspect", func(t *testing.T) {
		t.Parallel()
		report := cli.must(t, "runtime", "inspect", built)
		for _, want := range []string{"/bin/python3.13: local-exec", "sqlite 3.", "mpdecimal 2."} {
			if !strings.Contains(report, want) {
				t.Errorf("the report lacks %q:\n%s", want, report)
			}
		}
		if strings.Contains(report, "build machine") {
			t.Errorf("sysconfig names the builder:\n%s", report)
		}
	})
}
