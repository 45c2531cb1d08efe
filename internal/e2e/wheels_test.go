package e2e_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
)

// useWheels imports what is pure, what is compiled, and what needs libraries of Alpine.
const useWheels = `import idna, jinja2, markupsafe._speedups, tornado.speedups, websockets.speedups, syslib
from tornado.web import Application
assert jinja2.Template("{{ 6 * x }}").render(x=7) == "42" and Application([])
print(syslib.versions()[0] != "", idna.encode("ü.example").decode())`

// wheelsSpec describes an image with a web application's packages.
func (s shared) wheelsSpec(t testing.TB) string {
	t.Helper()
	dir := openDir(t)
	writeFile(t, filepath.Join(dir, "requirements.txt"), "idna==3.10\njinja2==3.1.6\nmarkupsafe==2.1.5\nsyslib==1.0\ntornado==6.4.2\nwebsockets==15.0.1\n")
	return writeFile(t, filepath.Join(dir, "pyimg.yaml"), fmt.Sprintf(`alpine: {branch: v3.20, mirrors: [%q], keys: [%q]}
platforms: [linux/amd64, linux/arm64]
packages: [alpine-baselayout, alpine-release, busybox, ca-certificates-bundle]
runtime: {source: %q}
python: {requirements: requirements.txt, wheels: %q}
bytecode: none
image: {cmd: [python3]}
`, s.mirror(), s.testKeys(), s.path("runtimes", "cpython-3.13.5-{alpine_arch}-alpine-musl-optimized.tar.gz"), s.path("conformance", "wheels", "wheels")))
}

// TestWheelsRun starts an image with wheels, and has its own pip say what is in it.
func TestWheelsRun(t *testing.T) {
	t.Parallel()
	s := needShared(t)
	layout := layoutDir(filepath.Join(openDir(t), "layout"))
	cli := pyimg(t)
	spec := s.wheelsSpec(t)
	cache := t.TempDir()
	first := cli.must(t, "assemble", spec, "--cache-dir", cache, "--output", layout.output())
	if again := cli.must(t, "assemble", spec, "--cache-dir", t.TempDir()); again != first {
		t.Errorf("another run made %s, the first %s", again, first)
	}
	run := func(args ...string) string {
		return cli.must(t, append([]string{"run", "--cache-dir", cache, "oci:" + layout.ref()}, args...)...)
	}
	if got := run("python3", "-c", useWheels); got != "True xn--tda.example\n" {
		t.Errorf("the packages answer %q", got)
	}
	if got := run("python3", "-m", "pip", "check"); got != "No broken requirements found.\n" {
		t.Errorf("pip check says %q", got)
	}
	const list = "idna==3.10\nJinja2==3.1.6\nMarkupSafe==2.1.5\npip==25.1.1\nsyslib==1.0\ntornado==6.4.2\nwebsockets==15.0.1\n"
	if got := run("python3", "-m", "pip", "list", "--format", "freeze"); got != list {
		t.Errorf("pip lists %q, want %q", got, list)
	}
	left := run("sh", "-c", `python3 -m pip uninstall -qy idna jinja2 markupsafe syslib tornado websockets 2>/dev/null; ls /usr/local/lib/python3.13/site-packages`)
	if got := strings.Fields(left); strings.Join(got, " ") != "README.txt pip pip-25.1.1.dist-info" {
		t.Errorf("after pip uninstall there is %q", got)
	}
}
