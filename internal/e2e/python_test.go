package e2e_test

import (
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/validate"
)

// preload is the path of the allocator's library in the image.
const preload = "/usr/local/lib/libjemalloc.so.2"

// program uses the libraries that came through the runtime's own needs, and
// says whether the allocator is in the process.
const program = `import ssl, sqlite3, ctypes, zlib, platform
assert sqlite3.connect(":memory:").execute("select 6*7").fetchone() == (42,)
assert ctypes.CDLL(None).getpid() > 0
print(platform.machine(), platform.python_version(), "libjemalloc" in open("/proc/self/maps").read())`

func (p platform) answer() string {
	return map[string]string{"x86_64": "x86_64", "aarch64": "aarch64"}[p.alpine] + " 3.13.5 True\n"
}

// pythonSpec describes an image of CPython and jemalloc built from source. The
// libraries that they need are not named: they come through their ELF files.
func (s shared) pythonSpec(t testing.TB) string {
	t.Helper()
	return writeFile(t, filepath.Join(openDir(t), "pyimg.yaml"), fmt.Sprintf(`alpine:
  branch: v3.20
  mirrors: [%q]
  repositories: [main, community]
  keys: [%q]
platforms: [linux/amd64, linux/arm64]
packages: [alpine-baselayout, alpine-release, apk-tools, busybox]
runtime:
  - {python: "3.13", source: %q, prefix: /usr/local}
  - {source: %q, prefix: /usr/local}
allocator: jemalloc
image: {cmd: [python3]}
`, s.mirror(), s.testKeys(),
		s.path("runtimes", "cpython-3.13.5-{alpine_arch}-alpine-musl-optimized.tar.gz"),
		s.path("runtimes", "jemalloc-5.3.0-{alpine_arch}-alpine-musl.tar.gz")))
}

// TestPythonImageRunsEverywhere pushes one multi-arch image to a real registry
// and lets every client have it.
func TestPythonImageRunsEverywhere(t *testing.T) {
	t.Parallel()
	s := needShared(t)
	needTools(t, "docker-registry")
	dir := openDir(t)
	layout := layoutDir(filepath.Join(dir, "layout"))
	archive := filepath.Join(dir, "image.tar")
	image := startRegistry(t) + "/python:" + tag
	cache := t.TempDir()
	out := pyimg(t).must(t, "assemble", s.pythonSpec(t), "--cache-dir", cache, "--output", layout.output(), "--output", "oci-archive:"+archive, "--push", image)
	pinned := checkPushed(t, out, image, layout)

	t.Run("config", func(t *testing.T) { checkPythonConfig(t, layout) })
	t.Run("validate", func(t *testing.T) { checkValid(t, pinned) })
	t.Run("skopeo", func(t *testing.T) { checkWithSkopeo(t, image, archive) })
	t.Run("umoci rootless", func(t *testing.T) { checkRootless(t, layout) })
	t.Run("later apk add", func(t *testing.T) { checkLaterAdd(t, s, layout) })
	t.Run("podman", func(t *testing.T) {
		client := newPodman(t)
		for _, p := range twoPlatforms() {
			t.Run(p.alpine, func(t *testing.T) {
				needRunnable(t, p)
				client.pull(t, p, image)
				checkAnswer(t, p, client.python(t, p, image, program))
			})
		}
	})
	t.Run("docker", func(t *testing.T) {
		client := startDocker(t)
		for _, p := range twoPlatforms() {
			t.Run(p.alpine, func(t *testing.T) {
				needRunnable(t, p)
				client.must(t, "pull", "--quiet", "--platform", p.oci, image)
				checkAnswer(t, p, client.python(t, p, image, program))
			})
		}
	})
	t.Run("load", func(t *testing.T) { checkLoad(t, s, cache) })
}

// checkPushed reads what --push printed: the reference by digest and nothing
// else.
func checkPushed(t *testing.T, stdout, image string, layout layoutDir) name.Digest {
	t.Helper()
	want := strings.TrimSuffix(image, ":"+tag) + "@" + layout.root(t).Digest.String()
	got := strings.TrimSpace(stdout)
	// REF is printed with or without its tag.
	if strings.Replace(got, ":"+tag+"@", "@", 1) != want || strings.Count(stdout, "\n") != 1 {
		t.Fatalf("stdout is %q, want one line like %q", stdout, want)
	}
	ref, err := name.NewDigest(want, name.Insecure)
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

func checkPythonConfig(t *testing.T, layout layoutDir) {
	for _, p := range twoPlatforms() {
		c, err := layout.image(t, p).ConfigFile()
		if err != nil {
			t.Fatal(err)
		}
		if want := "LD_PRELOAD=" + preload; !slices.Contains(c.Config.Env, want) {
			t.Errorf("%s: env %q has no %q", p.oci, c.Config.Env, want)
		}
		var filled int
		for _, h := range c.History {
			if !h.EmptyLayer {
				filled++
			}
		}
		// Clients accept wrong counts, so that nothing else would show it.
		if filled != len(c.RootFS.DiffIDs) {
			t.Errorf("%s: history has %d layers, rootfs %d", p.oci, filled, len(c.RootFS.DiffIDs))
		}
	}
}

func checkValid(t *testing.T, ref name.Digest) {
	index, err := remote.Index(ref, remote.WithContext(t.Context()), remote.WithTransport(http.DefaultTransport))
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Index(index); err != nil {
		t.Error(err)
	}
}

func checkWithSkopeo(t *testing.T, image, archive string) {
	needTools(t, "skopeo")
	for _, p := range twoPlatforms() {
		arch := strings.TrimPrefix(p.oci, "linux/")
		for _, source := range []string{"docker://" + image, "oci-archive:" + archive} {
			out := client().must(t, "skopeo", "--override-arch", arch, "inspect", "--tls-verify=false", source)
			if !strings.Contains(out, `"Architecture": "`+arch+`"`) || !strings.Contains(out, preload) {
				t.Errorf("skopeo inspect %s shows no %s image with the allocator preloaded:\n%s", source, arch, out)
			}
		}
	}
}

// checkRootless unpacks as an ordinary user, who owns all files then.
func checkRootless(t *testing.T, layout layoutDir) {
	needTools(t, "umoci")
	for _, p := range twoPlatforms() {
		dir := openDir(t)
		giveAway(t, dir)
		ordinaryUser(t).must(t, "umoci", "unpack", "--rootless", "--image", string(layout.single(t, p))+":"+tag, filepath.Join(dir, "bundle"))
	}
}

// checkLaterAdd asks real apk in the image to add a package: what the runtime
// needs stands in the world, or apk would purge it.
func checkLaterAdd(t *testing.T, s shared, layout layoutDir) {
	needRoot(t)
	p := twoPlatforms()[0]
	dir, _ := umociRoot(t, layout, p)
	s.lendMirror(t, p, dir)
	out := apkIn(t, dir, "--keys-dir", "/keys", "--repository", "/mirror", "add", "--simulate", "scanelf")
	if !strings.Contains(out, "Installing scanelf") || strings.Contains(out, "Purging") {
		t.Errorf("a later apk add would not only install:\n%s", out)
	}
}

// checkLoad gives each client an archive of one platform.
func checkLoad(t *testing.T, s shared, cache string) {
	d, pod := startDocker(t), newPodman(t)
	for i, p := range twoPlatforms() {
		t.Run(p.alpine, func(t *testing.T) {
			needRunnable(t, p)
			file := filepath.Join(t.TempDir(), "image.tar")
			// The name is optional.
			output := "docker-archive:" + file + []string{"", ":example.org/python:" + tag}[i]
			pyimg(t).must(t, "assemble", s.pythonSpec(t), "--cache-dir", cache, "--platform", p.oci, "--output", output)
			image := loaded(t, d.must(t, "load", "--input", file))
			checkAnswer(t, p, d.python(t, p, image, program))
			image = loaded(t, pod.must(t, "load", "--input", file))
			checkAnswer(t, p, pod.python(t, p, image, program))
		})
	}
}

func checkAnswer(t *testing.T, p platform, got string) {
	t.Helper()
	if got != p.answer() {
		t.Errorf("python3 answers %q, want %q", got, p.answer())
	}
}
