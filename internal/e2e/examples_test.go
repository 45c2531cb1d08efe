package e2e_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// example copies an example's folder, and writes next to each spec one that extends it and takes this machine's mirror, runtimes and
// wheels instead of those of the internet: test-SPEC. All else is tested as it is shipped.
func (s shared) example(t testing.TB, name string) string {
	t.Helper()
	dir := openDir(t)
	if err := os.CopyFS(dir, os.DirFS(filepath.Join("..", "..", "examples", name))); err != nil {
		t.Fatal(err)
	}
	inits := initsRepository(t)
	specs, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, spec := range specs {
		file := filepath.Base(spec)
		text := fmt.Sprintf("extends: %s\nalpine: {branch: v3.20, mirrors: [%q], repositories: [main, community, %q], keys: [%q, %q]}\n",
			file, s.mirror(), filepath.Join(inits, "inits"), s.testKeys(), filepath.Join(inits, "keys"))
		if strings.Contains(readFile(t, spec), "\nruntime:") {
			text += fmt.Sprintf("runtime: [{source: %q}, {source: %q}]\n", s.cpython(), s.path("runtimes", "jemalloc-5.3.0-{alpine_arch}-alpine-musl.tar.gz"))
		}
		if strings.Contains(readFile(t, spec), "\npython:") {
			text += fmt.Sprintf("python: {wheels: [%q]}\n", s.path("conformance", "wheels", "wheels"))
		}
		writeFile(t, filepath.Join(dir, "test-"+file), text)
	}
	return dir
}

// examplesCache is one folder for all tests where TestMain made one: the examples have one Python, whose modules are compiled once.
func (shared) examplesCache(t testing.TB) string {
	t.Helper()
	dir := os.Getenv(dirVar)
	if dir == "" {
		return t.TempDir()
	}
	return filepath.Join(dir, "cache-of-examples")
}

// askService starts the image's command and asks it for its pages.
const askService = `import subprocess, sys, time, urllib.request
server = subprocess.Popen([sys.executable, "-m", "app"])
for _ in range(600):
    try:
        for path in ["health", "?name=you", "api/greeting?name=me"]:
            print(urllib.request.urlopen("http://127.0.0.1:8000/" + path).read().decode().strip())
        break
    except OSError:
        time.sleep(0.1)
server.terminate()
print(server.wait())`

// askServices starts all services and waits until the one shows what the other wrote.
const askServices = `import subprocess, time, urllib.request
init = subprocess.Popen(["/init"])
for _ in range(600):
    try:
        print(int(urllib.request.urlopen("http://127.0.0.1:8000/").read()) > 0)
        break
    except OSError:
        time.sleep(0.1)
init.terminate()
init.wait()`

// TestExamples builds each example of one image for all its platforms, and runs it.
func TestExamples(t *testing.T) {
	t.Parallel()
	s := needShared(t)
	cache := s.examplesCache(t)
	for name, c := range map[string]struct {
		run  func(t *testing.T, dir string, image func(args ...string) string) string
		want string
	}{
		"service": {func(_ *testing.T, _ string, image func(args ...string) string) string {
			return image("--network", "none", "IMAGE", "python3", "-c", askService)
		}, "ok\n<!doctype html><title>Hello</title><p>Hello, you!\n{\"hello\": \"me\"}\n0\n"},
		"home-assistant-addon": {func(t *testing.T, dir string, image func(args ...string) string) string {
			options := writeFile(t, filepath.Join(dir, "options.json"), `{"port": "loop://", "baud": 19200}`)
			return image("--mount", options+":/data/options.json", "IMAGE")
		}, "reading loop:// at 19200 baud\n"},
		"data-job": {func(t *testing.T, dir string, image func(args ...string) string) string {
			data := writeFile(t, filepath.Join(dir, "m.csv"), "10:00,kitchen,20.5\n10:01,kitchen,21.5\n10:00,attic,-3\n")
			return image("--mount", data+":/data/measurements.csv", "IMAGE")
		}, `{"sensor": "attic", "count": 1, "min": -3.0, "mean": -3.0, "max": -3.0}
{"sensor": "kitchen", "count": 2, "min": 20.5, "mean": 21.0, "max": 21.5}
`},
		"tini": {func(_ *testing.T, _ string, image func(args ...string) string) string {
			return image("--env", "COMMAND=echo hello; kill $PPID; exit 3", "IMAGE")
		}, "hello\nthe command ended with 3\nstopped\n"},
		"s6-overlay": {func(_ *testing.T, _ string, image func(args ...string) string) string {
			return image("--network", "none", "--entrypoint", "", "IMAGE", "python3", "-c", askServices)
		}, "True\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if name == "s6-overlay" && os.Getenv(s6Var) != "" {
				t.Skip("the real s6-overlay starts only as process 1: another test runs it")
			}
			dir, cli := s.example(t, name), pyimg(t)
			cli.dir = dir
			cli.must(t, "lock", "test-pyimg.yaml", "--cache-dir", cache)
			cli.must(t, "assemble", "test-pyimg.yaml", "--locked", "--cache-dir", cache, "--output", "oci:image:1")
			cli.must(t, "verify", "--cache-dir", cache, "image:1")
			got := c.run(t, dir, func(args ...string) string {
				for i, a := range args {
					if a == "IMAGE" {
						args[i] = "image:1"
					}
				}
				return cli.must(t, append([]string{"run", "--cache-dir", cache}, args...)...)
			})
			if got != c.want {
				t.Errorf("it prints %q, want %q", got, c.want)
			}
		})
	}
}

// TestExampleOnABase builds the example on an image with Python that is there already, and adds a package that this machine's mirror has.
func TestExampleOnABase(t *testing.T) {
	t.Parallel()
	s := needShared(t)
	dir, cli, cache := s.example(t, "base"), pyimg(t), t.TempDir()
	cli.dir = dir
	writeFile(t, filepath.Join(dir, "python.yaml"), fmt.Sprintf("%splatforms: [linux/amd64, linux/arm64]\nruntime: {source: %q}\n", s.alpine(), s.cpython()))
	cli.must(t, "assemble", "python.yaml", "--no-lock", "--cache-dir", cache, "--output", "oci:python:1")
	writeFile(t, filepath.Join(dir, "test-pyimg.yaml"), "extends: pyimg.yaml\n"+s.alpine()+"base: oci:python:1\npackages: [scanelf]\n")
	cli.must(t, "lock", "test-pyimg.yaml", "--cache-dir", cache)
	cli.must(t, "assemble", "test-pyimg.yaml", "--locked", "--cache-dir", cache, "--output", "oci:image:1")
	if got := cli.must(t, "run", "--cache-dir", cache, "image:1"); !strings.HasPrefix(got, "Python 3.13.5 on ") {
		t.Errorf("it prints %q", got)
	}
	if got := cli.must(t, "inspect", "--cache-dir", cache, "--json", "image:1"); strings.Count(got, `"scanelf=1.3.7-r2"`) != 2 {
		t.Errorf("the package that was added is not in each platform:\n%s", got)
	}
}

// TestExampleOfATeam pushes the base of the example, signed, and builds the service on it.
func TestExampleOfATeam(t *testing.T) {
	t.Parallel()
	s := needShared(t)
	registry := startRegistry(t)
	dir, cli, cache := s.example(t, "team-base"), pyimg(t), s.examplesCache(t)
	cli.dir = dir
	cli.must(t, "key", "generate", "--output-prefix", "team", "--no-password")
	cli.must(t, "lock", "test-pyimg.yaml", "--cache-dir", cache)
	cli.must(t, "assemble", "test-pyimg.yaml", "--locked", "--cache-dir", cache, "--push", registry+"/base:1", "--sign-key", "team.key")
	cli.must(t, "assemble", "test-service.yaml", "--cache-dir", cache, "--base", "image:"+registry+"/base:1", "--push", registry+"/service:1", "--require-signature", "team.pub")
	if got, want := cli.must(t, "run", "--cache-dir", cache, registry+"/service:1"), "xn--tr-yia.example\n"; got != want {
		t.Errorf("the service prints %q, want %q", got, want)
	}
	cli.must(t, "key", "generate", "--output-prefix", "other", "--no-password")
	if r := cli.run(t, "assemble", "test-service.yaml", "--cache-dir", cache, "--base", "image:"+registry+"/base:1", "--require-signature", "other.pub"); r.code != 6 {
		t.Errorf("a base that another team signed: exit code %d\n%s", r.code, r.stderr)
	}
}

// TestExampleOfAnAirGap runs the scripts of the example, the second one with no cache and no network but the registry.
func TestExampleOfAnAirGap(t *testing.T) {
	t.Parallel()
	s := needShared(t)
	registry := startRegistry(t)
	dir, cli := s.example(t, "air-gap"), pyimg(t)
	cli.dir = dir
	cli.must(t, "key", "generate", "--output-prefix", "gap", "--no-password")
	bin := openDir(t)
	if err := os.Symlink(cli.wrap[0], filepath.Join(bin, "pyimg")); err != nil {
		t.Fatal(err)
	}
	script := func(name, cache string, args ...string) {
		t.Helper()
		c := cli
		c.wrap = []string{"sh", name}
		c.env = append([]string{"SPEC=test-pyimg.yaml", "PYIMG_CACHE_DIR=" + cache}, cli.env...)
		c.env = append(c.env, "PATH="+bin+":"+os.Getenv("PATH"))
		c.must(t, args...)
	}
	script("outside.sh", s.examplesCache(t), "gap.key", "image.tar")
	inside := t.TempDir()
	script("inside.sh", inside, "gap.pub", "image.tar", registry+"/app:1")
	if got, want := cli.must(t, "run", "--cache-dir", inside, registry+"/app:1"), "packaging 25.0 on Python 3.13.5\n"; got != want {
		t.Errorf("the image prints %q, want %q", got, want)
	}
}
