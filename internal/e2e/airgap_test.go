package e2e_test

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/pyimg/pyimg/internal/fixture"
)

// A connected side has a mirror and runtimes over http, and two images: the
// recorded world for all architectures, and Python for those that have one.
type connectedSide struct {
	dir    string
	sent   *atomic.Int64 // bytes of bodies
	lock   map[string]string
	bundle string
}

// connected locks both images.
func (s shared) connected(t testing.TB) connectedSide {
	t.Helper()
	c := connectedSide{dir: openDir(t), sent: new(atomic.Int64), lock: make(map[string]string)}
	files := http.NewServeMux()
	files.Handle("/", http.FileServer(http.Dir(s.mirror())))
	files.Handle("/runtimes/", http.FileServer(http.Dir(s.path())))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		files.ServeHTTP(&meter{w, c.sent}, r)
	}))
	t.Cleanup(server.Close)
	fill := strings.NewReplacer("MIRROR", server.URL, "KEYS", s.testKeys(), "ALL", strings.Join(platformNames(allPlatforms()), ", "),
		"WORLD", strings.Join(referenceWorld(), ", "))
	writeFile(t, filepath.Join(c.dir, "root.yaml"), fill.Replace(`alpine: {branch: v3.20, mirrors: ["MIRROR"], keys: ["KEYS"]}
platforms: [ALL]
packages: [WORLD]
`))
	writeFile(t, filepath.Join(c.dir, "python.yaml"), fill.Replace(`alpine: {branch: v3.20, mirrors: ["MIRROR"], keys: ["KEYS"]}
platforms: [linux/amd64, linux/arm64]
packages: [alpine-baselayout, alpine-release, apk-tools, busybox]
runtime:
  - {python: "3.13.5", source: "MIRROR/runtimes/cpython-{version}-{alpine_arch}-alpine-musl-optimized.tar.gz", prefix: /usr/local}
  - {source: "MIRROR/runtimes/jemalloc-5.3.0-{alpine_arch}-alpine-musl.tar.gz", prefix: /usr/local}
allocator: jemalloc
files: [{from: app, to: /srv/app}]
image: {cmd: [python3]}
`))
	if err := os.Mkdir(filepath.Join(c.dir, "app"), 0o755); err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(c.dir, "app", "main.py"), "print('hello')\n")
	if err := os.Symlink("main.py", filepath.Join(c.dir, "app", "link.py")); err != nil {
		t.Fatal(err)
	}
	cache := t.TempDir()
	for _, name := range []string{"root", "python"} {
		c.lock[name] = strings.TrimSpace(c.pyimg(t).must(t, "lock", name+".yaml", "--cache-dir", cache))
	}
	c.bundle = filepath.Join(c.dir, "bundle.tar")
	return c
}

func (c connectedSide) pyimg(t testing.TB) command {
	p := pyimg(t)
	p.dir = c.dir
	return p
}

// create makes the bundle of both locks.
func (c connectedSide) create(t testing.TB, args ...string) string {
	t.Helper()
	args = append([]string{"bundle", "create", "--lock", "root.lock", "--lock", "python.lock", "--output", c.bundle, "--cache-dir", t.TempDir()}, args...)
	return strings.TrimSpace(c.pyimg(t).must(t, args...))
}

// A meter counts what is written.
type meter struct {
	http.ResponseWriter
	n *atomic.Int64
}

func (m *meter) Write(b []byte) (int, error) {
	n, err := m.ResponseWriter.Write(b)
	m.n.Add(int64(n))
	return n, err
}

// closedSide runs what follows $1 on a machine whose only network is its own
// loopback, with a registry at $1 there.
const closedSide = `set -e
ip link set lo up
docker-registry serve "$1" >"$1.log" 2>&1 &
registry=$!
trap 'kill $registry' EXIT
tries=0
until grep -q 'listening on' "$1.log"; do
	tries=$((tries + 1))
	test $tries -lt 300
	sleep 0.1
done
at=$(sed -n 's/.*listening on \(127[^" ]*\).*/\1/p' "$1.log")
"$2" bundle verify bundle.tar --id "$3" --keyring "$4" >/dev/null
for name in root python; do
	"$2" assemble $name.yaml --bundle bundle.tar --offline --cache-dir cache --push "$at/air/$name:gap"
done
"$2" bundle import bundle.tar bundle --keyring "$4" >/dev/null
"$2" assemble python.yaml --bundle bundle --offline --cache-dir cache2 --push "$at/air/again:gap"
"$2" bundle serve bundle --addr 127.0.0.1:0 >served &
trap 'kill $registry $!' EXIT
tries=0
until grep -q /alpine/ served; do
	tries=$((tries + 1))
	test $tries -lt 300
	sleep 0.1
done
"$2" assemble python.yaml --bundle "$(head -n 1 served)" --cache-dir cache3 --push "$at/air/served:gap"`

// TestAcrossTheAirGap carries one tar into a network without interfaces.
func TestAcrossTheAirGap(t *testing.T) {
	t.Parallel()
	s := needShared(t)
	needRoot(t)
	needTools(t, "unshare", "ip", "docker-registry")
	c := s.connected(t)
	id := c.create(t)

	closed := openDir(t)
	if err := os.Rename(c.bundle, filepath.Join(closed, "bundle.tar")); err != nil {
		t.Fatal(err)
	}
	config := writeFile(t, filepath.Join(closed, "config.yml"), fmt.Sprintf(
		"version: 0.1\nlog: {level: info}\nstorage: {filesystem: {rootdirectory: %q}}\nhttp: {addr: '127.0.0.1:0'}\n", filepath.Join(closed, "data")))
	side := pyimg(t)
	side.wrap, side.dir = []string{"unshare", "--net"}, closed
	out := side.must(t, "sh", "-c", closedSide, "sh", config, os.Getenv(binaryVar), id, s.testKeys())
	for line, name := range map[int]string{0: "root", 1: "python", 2: "python", 3: "python"} {
		if got := strings.Split(out, "\n")[line]; !strings.HasSuffix(got, "@"+c.lock[name]) {
			t.Errorf("line %d is %q, want the digest of %s, %s", line, got, name, c.lock[name])
		}
	}
}

// TestAirGapAsksNoHost watches every system call that could reach one.
func TestAirGapAsksNoHost(t *testing.T) {
	t.Parallel()
	s := needShared(t)
	needRoot(t)
	needTools(t, "unshare", "strace")
	c := s.connected(t)
	c.create(t)
	if r, asked := c.traced(t, "assemble", "root.yaml", "--cache-dir", t.TempDir(), "--no-lock"); r.code == 0 || asked == "" {
		t.Fatalf("without the bundle it exits with %d and asks nobody: this test would show nothing", r.code)
	}
	for _, args := range [][]string{
		{"bundle", "verify", c.bundle, "--keyring", s.testKeys()},
		{"assemble", "python.yaml", "--bundle", c.bundle, "--offline", "--cache-dir", t.TempDir(), "--output", "oci:" + filepath.Join(t.TempDir(), "layout")},
		{"assemble", "root.yaml", "--no-lock", "--bundle", c.bundle, "--offline", "--cache-dir", t.TempDir()},
		{"bundle", "import", c.bundle, filepath.Join(t.TempDir(), "bundle"), "--keyring", s.testKeys()},
	} {
		if r, asked := c.traced(t, args...); r.code != 0 || asked != "" {
			t.Errorf("%q exits with %d and reaches out:\n%s%s", args, r.code, asked, r.stderr)
		}
	}
}

// traced runs pyimg where there is no network, and returns what it did to
// reach one.
func (c connectedSide) traced(t testing.TB, args ...string) (r result, asked string) {
	t.Helper()
	trace := filepath.Join(t.TempDir(), "trace")
	side := c.pyimg(t)
	side.wrap = append([]string{"unshare", "--net", "strace", "-f", "-qq", "-e", "trace=socket,connect,sendto,sendmsg,sendmmsg", "-e", "signal=none", "-o", trace}, side.wrap...)
	r = side.run(t, args...)
	for line := range strings.Lines(readFile(t, trace)) {
		if regexp.MustCompile(`\b(socket|connect|sendto|sendmsg|sendmmsg)\(`).MatchString(line) { // strace remarks on threads too
			asked += line
		}
	}
	return r, asked
}

// TestMirrorSizesAreExact holds what is said beforehand against what is there
// afterwards, and against what the server sent.
func TestMirrorSizesAreExact(t *testing.T) {
	t.Parallel()
	s := needShared(t)
	c := s.connected(t)
	var said struct{ Bundle, Indexes, Fetch, Cached int64 }
	if err := json.Unmarshal([]byte(c.create(t, "--dry-run", "--json")), &said); err != nil {
		t.Fatal(err)
	}
	for _, split := range []string{"", "4MiB"} {
		c.sent.Store(0)
		args := []string{}
		if split != "" {
			args = []string{"--split", split}
			if err := json.Unmarshal([]byte(c.create(t, "--dry-run", "--json", "--split", split)), &said); err != nil {
				t.Fatal(err)
			}
			c.sent.Store(0)
		}
		c.create(t, args...)
		if want := said.Indexes + said.Fetch; c.sent.Load() != want || said.Cached != 0 {
			t.Errorf("split %q: the server sent %d bytes, said was %d", split, c.sent.Load(), want)
		}
		got := int64(0)
		files, err := filepath.Glob(c.bundle + "*")
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			info, err := os.Stat(f)
			if err != nil {
				t.Fatal(err)
			}
			got += info.Size()
			if err := os.Remove(f); err != nil {
				t.Fatal(err)
			}
		}
		if got != said.Bundle {
			t.Errorf("split %q: %d files take %d bytes, said was %d", split, len(files), got, said.Bundle)
		}
	}
}

// TestRealApkInstallsFromABundle lets the apk of an image make a root of what
// "bundle serve" serves.
func TestRealApkInstallsFromABundle(t *testing.T) {
	t.Parallel()
	s := needShared(t)
	needRoot(t)
	c := s.connected(t)
	c.create(t)
	layout := layoutDir(filepath.Join(openDir(t), "layout"))
	c.pyimg(t).must(t, "assemble", "root.yaml", "--bundle", c.bundle, "--offline", "--cache-dir", t.TempDir(), "--output", layout.output())
	p := twoPlatforms()[0]
	needRunnable(t, p)
	at := startDaemon(t, regexp.MustCompile(`^(http://127\.0\.0\.1:\d+)$`), os.Getenv(binaryVar), "bundle", "serve", c.bundle, "--addr", "127.0.0.1:0")
	dir, _ := umociRoot(t, layout, p)
	s.lendMirror(t, p, dir)
	apk := func(args ...string) string {
		args = append([]string{"chroot", dir, "/sbin/apk", "--root", "/own", "--keys-dir", "/keys", "--repository", at + "/alpine/v3.20/main"}, args...)
		return client().must(t, args...)
	}
	apk(append([]string{"add", "--initdb", "--no-scripts", "--no-cache"}, referenceWorld()...)...)
	if got, want := apk("info", "-vv"), apkIn(t, dir, "info", "-vv"); got != want {
		t.Errorf("what apk installs from the bundle differs from the image at %s", firstDifference(want, got))
	}
}

// TestBundleMemory makes, verifies, carries and serves a bundle of many
// megabytes: PYIMG_E2E_BUNDLE_MIB, else 256. It is not parallel, see
// TestPeakMemory.
func TestBundleMemory(t *testing.T) {
	needShared(t)
	mib := 256
	if v := os.Getenv("PYIMG_E2E_BUNDLE_MIB"); v != "" {
		if _, err := fmt.Sscan(v, &mib); err != nil {
			t.Fatal(err)
		}
	}
	repository, key := bigRepository(t, mib/64)
	dir := openDir(t)
	tar := filepath.Join(dir, "bundle.tar")
	spec := writeFile(t, filepath.Join(dir, "pyimg.yaml"), fmt.Sprintf("alpine: {repositories: [%q], keys: [%q]}\nplatforms: [linux/amd64]\n", repository, key))
	for _, args := range [][]string{
		{"bundle", "create", spec, "--all", "--output", tar, "--split", "300MiB"},
		{"bundle", "verify", tar, "--keyring", key},
		{"bundle", "import", tar, filepath.Join(dir, "bundle"), "--keyring", key},
	} {
		forgetPeak(t)
		r := pyimg(t).run(t, args...)
		if r.code != 0 {
			t.Fatalf("%q: exit code %d\n%s", args, r.code, r.stderr)
		}
		t.Logf("%s %s of %d MiB: peak RSS %.1f MiB, CPU %v user %v system", args[0], args[1], mib, float64(r.maxRSS())/(1<<20), r.state.UserTime(), r.state.SystemTime())
		if r.maxRSS() >= maxPeak {
			t.Errorf("%q: peak RSS %d bytes, want less than %d", args, r.maxRSS(), int64(maxPeak))
		}
	}
	servePeak(t, tar, mib/64)
}

// servePeak reads all of a bundle from "bundle serve", four files at once, and
// asks the kernel for the server's peak, see proc_pid_status(5).
func servePeak(t *testing.T, tar string, packages int) {
	pid := filepath.Join(t.TempDir(), "pid")
	at := startDaemon(t, regexp.MustCompile(`^(http://127\.0\.0\.1:\d+/\S+)$`), "sh", "-c", `echo $$ >"$2"; exec "$0" bundle serve "$1" --addr 127.0.0.1:0`,
		os.Getenv(binaryVar), tar, pid)
	var g errgroup.Group
	g.SetLimit(4)
	for i := range packages {
		g.Go(func() error {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, fmt.Sprintf("%s/x86_64/big%d-1-r0.apk", at, i), nil)
			if err != nil {
				return err
			}
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				return err
			}
			n, err := io.Copy(io.Discard, resp.Body)
			if err == nil && (resp.StatusCode != http.StatusOK || n < bigPackageSize) {
				err = fmt.Errorf("%s: %s with %d bytes", req.URL, resp.Status, n)
			}
			return errors.Join(err, resp.Body.Close())
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	status := readFile(t, "/proc/"+strings.TrimSpace(readFile(t, pid))+"/status")
	m := regexp.MustCompile(`VmHWM:\s+(\d+) kB`).FindStringSubmatch(status)
	if m == nil {
		t.Fatalf("no VmHWM in %s", status)
	}
	peak, err := strconv.ParseInt(m[1], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("bundle serve: peak RSS %.1f MiB", float64(peak)/(1<<10))
	if peak<<10 >= maxPeak {
		t.Errorf("bundle serve: peak RSS %d KiB, want less than %d", peak, maxPeak>>10)
	}
}

const bigPackageSize = 64 << 20

// bigRepository writes a repository of packages that do not deflate. They have
// one data stream, so that the test holds it once.
func bigRepository(t testing.TB, n int) (repository, key string) {
	t.Helper()
	body := make([]byte, bigPackageSize)
	_, _ = rand.NewChaCha8(sha256.Sum256([]byte("big"))).Read(body)
	first, err := fixture.Package{Name: "first", Version: "1-r0", Files: []fixture.File{{Path: "opt/big", Body: body}}}.Build()
	if err != nil {
		t.Fatal(err)
	}
	dir := openDir(t)
	folder := filepath.Join(dir, "main", "x86_64")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	index := fixture.Index{Arch: "x86_64"}
	size := int64(len(body))
	for i := range n {
		a, err := fixture.Package{Name: fmt.Sprintf("big%d", i), Version: "1-r0", DataHash: first.DataHash(), InstalledSize: &size}.Build()
		if err != nil {
			t.Fatal(err)
		}
		a.Data = first.Data
		writeFile(t, filepath.Join(folder, a.Package.FileName()), string(a.Bytes()))
		index.Archives = append(index.Archives, a)
	}
	b, err := index.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(folder, "APKINDEX.tar.gz"), string(b))
	key = writeFile(t, filepath.Join(dir, fixture.TestKey().Name), string(fixture.TestKey().PublicPEM()))
	return filepath.Join(dir, "main"), key
}
