package e2e_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// A pythonApp is an application with packages from a lock.
type pythonApp struct {
	dir      string // of its spec
	packages string // what "pip list" lists
	program  string // uses the application
	says     string // what the program prints
	asRoot   bool   // the image's user may change its packages
}

// askServer starts the image's command and asks it for a page.
const askServer = `import subprocess, sys, time, urllib.request
server = subprocess.Popen([sys.executable, "-m", "app"])
for _ in range(600):
    try:
        print(urllib.request.urlopen("http://127.0.0.1:8000/?name=wheels").read().decode(), end="")
        break
    except OSError:
        time.sleep(0.1)
server.kill()`

// exampleApp is examples/python with this machine's mirror, runtimes and wheels.
func (s shared) exampleApp(t testing.TB, wheels string) pythonApp {
	t.Helper()
	dir := openDir(t)
	if err := os.CopyFS(dir, os.DirFS(filepath.Join("..", "..", "examples", "python"))); err != nil {
		t.Fatal(err)
	}
	change := func(name, old, text string) {
		before := readFile(t, filepath.Join(dir, name))
		after := strings.ReplaceAll(before, old, text)
		if after == before {
			t.Fatalf("%s has no %q", name, old)
		}
		writeFile(t, filepath.Join(dir, name), after)
	}
	change("pyimg.yaml", "https://example.com/cpython-{version}-{alpine_arch}-musl.tar.gz", s.cpython())
	change("pyimg.yaml", "packages: [", s.alpine()+"packages: [")
	change("pylock.toml", "https://wheels.example.org/files/", wheels)
	return pythonApp{dir, "Jinja2==3.1.6\nMarkupSafe==2.1.5\npip==25.1.1\ntornado==6.4.2\n", askServer, "Hello, wheels!", false}
}

// nativeApp needs packages with C extensions, one of which needs libraries of Alpine.
func (s shared) nativeApp(t testing.TB, wheels string) pythonApp {
	t.Helper()
	dir := openDir(t)
	lock := "lock-version = \"1.0\"\n"
	for _, w := range [][]string{{"idna", "3.10"}, {"jinja2", "3.1.6"}, {"markupsafe", "2.1.5"}, {"syslib", "1.0"}, {"tornado", "6.4.2"}, {"websockets", "15.0.1"}} {
		lock += fmt.Sprintf("[[packages]]\nname = %q\nversion = %q\nwheels = [\n%s]\n", w[0], w[1], s.lockEntries(t, wheels, w[0]+"-"+w[1]+"-"))
	}
	writeFile(t, filepath.Join(dir, "pylock.toml"), lock)
	writeFile(t, filepath.Join(dir, "pyimg.yaml"), fmt.Sprintf(`%splatforms: [linux/amd64, linux/arm64]
packages: [alpine-baselayout, alpine-release, busybox, ca-certificates-bundle]
runtime: {source: %q}
python: {lock: pylock.toml}
bytecode: none
image: {cmd: [python3]}
`, s.alpine(), s.cpython()))
	return pythonApp{dir, "idna==3.10\nJinja2==3.1.6\nMarkupSafe==2.1.5\npip==25.1.1\nsyslib==1.0\ntornado==6.4.2\nwebsockets==15.0.1\n",
		useWheels, "True xn--tda.example\n", true}
}

func (s shared) alpine() string {
	return fmt.Sprintf("alpine: {branch: v3.20, mirrors: [%q], keys: [%q]}\n", s.mirror(), s.testKeys())
}

func (s shared) cpython() string {
	return s.path("runtimes", "cpython-3.13.5-{alpine_arch}-alpine-musl-optimized.tar.gz")
}

// lockEntries are the lines of a lock for the wheels whose names begin so.
func (s shared) lockEntries(t testing.TB, address, prefix string) string {
	t.Helper()
	sum := regexp.MustCompile(`(?m)^([0-9a-f]{64})  \*?(?:\./)?wheels/(` + regexp.QuoteMeta(prefix) + `\S+\.whl)$`)
	found := sum.FindAllStringSubmatch(readFile(t, s.path("conformance", "wheels", "SHA256SUMS")), -1)
	if len(found) == 0 {
		t.Fatalf("SHA256SUMS has no wheel %s", prefix)
	}
	var lines strings.Builder
	for _, f := range found {
		fmt.Fprintf(&lines, "    { url = %q, hashes = { sha256 = %q } },\n", address+f[2], f[1])
	}
	return lines.String()
}

// TestPythonApplications assembles applications for two platforms from a lock, pushes them, and has container engines pull
// and run them.
func TestPythonApplications(t *testing.T) {
	t.Parallel()
	s := needShared(t)
	registry := startRegistry(t)
	files := httptest.NewServer(http.FileServer(http.Dir(s.path("conformance", "wheels", "wheels"))))
	t.Cleanup(files.Close)
	apps := map[string]pythonApp{"server": s.exampleApp(t, files.URL+"/"), "native": s.nativeApp(t, files.URL+"/")}
	cli, cache := pyimg(t), t.TempDir()
	for name, app := range apps {
		spec := filepath.Join(app.dir, "pyimg.yaml")
		cli.must(t, "lock", spec, "--cache-dir", cache)
		cli.must(t, "assemble", spec, "--cache-dir", cache, "--locked", "--push", registry+"/"+name+":"+tag)
		cli.must(t, "verify", "--cache-dir", cache, registry+"/"+name+":"+tag)
	}
	for name, app := range apps {
		image := registry + "/" + name + ":" + tag
		t.Run(name, func(t *testing.T) {
			t.Run("pyimg", func(t *testing.T) {
				t.Parallel()
				app.check(t, func(args ...string) string {
					return cli.must(t, append([]string{"run", "--cache-dir", cache, image}, args...)...)
				})
			})
			t.Run("podman", func(t *testing.T) {
				t.Parallel()
				client := newPodman(t)
				app.checkPlatforms(t, func(t *testing.T, p platform) func(args ...string) string {
					client.pull(t, p, image)
					return func(args ...string) string { return client.container(t, p, image, args...) }
				})
			})
			t.Run("docker", func(t *testing.T) {
				t.Parallel()
				client := startDocker(t)
				app.checkPlatforms(t, func(t *testing.T, p platform) func(args ...string) string {
					client.must(t, "pull", "--quiet", "--platform", p.oci, image)
					return func(args ...string) string {
						return client.must(t, append([]string{"run", "--rm", "--network", "none", "--ulimit", "nofile=4096:4096", "--platform", p.oci, image}, args...)...)
					}
				})
			})
		})
	}
}

// checkPlatforms checks one platform after the other, since docker has one image of a name at a time.
func (a pythonApp) checkPlatforms(t *testing.T, runner func(t *testing.T, p platform) func(args ...string) string) {
	for _, p := range twoPlatforms() {
		t.Run(p.alpine, func(t *testing.T) {
			needRunnable(t, p)
			app := a
			app.asRoot = a.asRoot && p.native() // which takes minutes under qemu, and is the same
			app.check(t, runner(t, p))
		})
	}
}

// check uses the application and has the image's own pip say what is installed, and uninstall it.
func (a pythonApp) check(t *testing.T, run func(args ...string) string) {
	t.Helper()
	if got := run("python3", "-c", a.program); got != a.says {
		t.Errorf("the application says %q, want %q", got, a.says)
	}
	if got := run("python3", "-m", "pip", "check"); got != "No broken requirements found.\n" {
		t.Errorf("pip check says %q", got)
	}
	if got := run("python3", "-m", "pip", "list", "--format", "freeze"); got != a.packages {
		t.Errorf("pip lists %q, want %q", got, a.packages)
	}
	if !a.asRoot {
		return
	}
	left := run("sh", "-c", `python3 -m pip uninstall -qy idna jinja2 markupsafe syslib tornado websockets 2>/dev/null; ls /usr/local/lib/python3.13/site-packages`)
	if got := strings.Join(strings.Fields(left), " "); got != "README.txt pip pip-25.1.1.dist-info" {
		t.Errorf("after pip uninstall there is %q", got)
	}
}

// TestClientsUnpackSplicedLayersAlike compares the roots that come out of layers of wheels, which are gzip files of many members
// and blocks from several compressors: skopeo copies them, and umoci, podman, docker and containerd unpack them, each with a
// decompressor of its own.
func TestClientsUnpackSplicedLayersAlike(t *testing.T) {
	t.Parallel()
	s := needShared(t)
	needTools(t, "skopeo")
	registry := startRegistry(t)
	files := httptest.NewServer(http.FileServer(http.Dir(s.path("conformance", "wheels", "wheels"))))
	t.Cleanup(files.Close)
	app := s.nativeApp(t, files.URL+"/")
	layout := layoutDir(filepath.Join(openDir(t), "layout"))
	pyimg(t).must(t, "assemble", filepath.Join(app.dir, "pyimg.yaml"), "--cache-dir", t.TempDir(), "--output", layout.output())
	image := registry + "/spliced:" + tag
	client().must(t, "skopeo", "--insecure-policy", "copy", "--all", "--dest-tls-verify=false", "oci:"+layout.ref(), "docker://"+image)
	forPlatforms(t, twoPlatforms(), func(t *testing.T, p platform) {
		dir, want := umociRoot(t, layout, p)
		for _, at := range []string{"usr/local/lib/python3.13/site-packages/tornado/web.py", "usr/local/lib/python3.13/site-packages/websockets-15.0.1.dist-info/RECORD"} {
			if want[at].Type != "file" || want[at].Size == 0 {
				t.Fatalf("umoci unpacked no %s", filepath.Join(dir, at))
			}
		}
		podman := newPodman(t)
		podman.pull(t, p, image)
		docker := startDocker(t)
		for name, got := range map[string]tree{"podman": podman.mount(t, image), "containerd": startContainerd(t).mount(t, p, image), "docker": docker.export(t, p, image)} {
			want := union(want, nil)
			for _, tr := range []tree{want, got} {
				if name == "docker" {
					tr.drop(dockersOwn()...)
					tr.drop(dockersFolders()...)
				}
			}
			if differences := diff(want, got); len(differences) > 0 {
				t.Errorf("%s unpacked another root than umoci:\n%s", name, strings.Join(differences[:min(len(differences), 20)], "\n"))
			}
		}
	})
}
