package e2e_test

import (
	"crypto/sha256"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"

	"github.com/pyimg/pyimg/internal/fixture"
)

// maxPeak is what pyimg may take for packages of any size.
const maxPeak = 96 << 20

// TestPeakMemory is not parallel: a child's ru_maxrss starts from its parent's
// peak (exec_mmap in Linux's fs/exec.c), which is set back first.
func TestPeakMemory(t *testing.T) {
	s := needShared(t)
	const size = 200 << 20
	mirror, key := bigPackage(t, size)
	spec := writeFile(t, filepath.Join(openDir(t), "pyimg.yaml"), strings.NewReplacer("MIRROR", mirror, "KEY", key).Replace(`alpine:
  repositories: ["MIRROR"]
  keys: ["KEY"]
  dialect: 2
platforms: [linux/amd64]
packages: [big]
runtime: []
allocator: none
image: {cmd: [], entrypoint: []}
`))
	for _, run := range []struct {
		name, spec string
		args       []string
	}{
		{"200 MiB package", spec, nil},
		{"python for two platforms", s.pythonSpec(t), nil},
		{"python in one layer", s.pythonSpec(t), []string{"--layers", "single"}},
		{"python as zstd", s.pythonSpec(t), []string{"--compression", "zstd:9"}},
	} {
		forgetPeak(t)
		dir := openDir(t)
		image := startFakeRegistry(t, nil) + "/memory:" + tag
		args := append([]string{"assemble", run.spec, "--cache-dir", t.TempDir(), "--output", "oci:" + filepath.Join(dir, "layout") + ":" + tag,
			"--output", "oci-archive:" + filepath.Join(dir, "image.tar"), "--push", image}, run.args...)
		r := pyimg(t).run(t, args...)
		if r.code != 0 {
			t.Fatalf("%s: exit code %d\n%s", run.name, r.code, r.stderr)
		}
		t.Logf("%s: peak RSS %.1f MiB, CPU %v user %v system", run.name, float64(r.maxRSS())/(1<<20), r.state.UserTime(), r.state.SystemTime())
		if r.maxRSS() >= maxPeak {
			t.Errorf("%s: peak RSS %d bytes, want less than %d", run.name, r.maxRSS(), int64(maxPeak))
		}
	}
}

// bigPackage writes a repository with one package whose content does not
// deflate.
func bigPackage(t testing.TB, size int) (mirror, key string) {
	t.Helper()
	body := make([]byte, size)
	_, _ = rand.NewChaCha8(sha256.Sum256([]byte("big"))).Read(body)
	big, err := fixture.Package{Name: "big", Version: "1-r0", Files: []fixture.File{{Path: "opt/big", Body: body}}}.Build()
	if err != nil {
		t.Fatal(err)
	}
	m := fixture.NewMirror()
	if err := m.Publish("main", fixture.Index{Arch: "x86_64", Archives: []*fixture.Archive{big}}); err != nil {
		t.Fatal(err)
	}
	dir := openDir(t)
	if err := m.Write(dir); err != nil {
		t.Fatal(err)
	}
	key = writeFile(t, filepath.Join(dir, fixture.TestKey().Name), string(fixture.TestKey().PublicPEM()))
	return filepath.Join(dir, "main"), key
}

// forgetPeak gives memory back and sets this process's peak to what it has
// now, see proc_pid_clear_refs(5).
func forgetPeak(t testing.TB) {
	t.Helper()
	debug.FreeOSMemory()
	if err := os.WriteFile("/proc/self/clear_refs", []byte("5"), 0); err != nil {
		t.Fatal(err)
	}
}

// BenchmarkColdAssemble prints the CPU time of assembling from a cold cache as
// a multiple of inflating and hashing the same bytes, which is the least that
// computing their digests and diff IDs takes.
func BenchmarkColdAssemble(b *testing.B) {
	s := needShared(b)
	spec := s.pythonSpec(b)
	layout := layoutDir(filepath.Join(openDir(b), "layout"))
	pyimg(b).must(b, "assemble", spec, "--cache-dir", b.TempDir(), "--output", layout.output())
	var spent, least time.Duration
	for b.Loop() {
		r := pyimg(b).run(b, "assemble", spec, "--cache-dir", b.TempDir())
		if r.code != 0 {
			b.Fatalf("exit code %d\n%s", r.code, r.stderr)
		}
		spent += r.state.UserTime() + r.state.SystemTime()
		for _, p := range twoPlatforms() {
			least += inflateAndHash(b, layout, p)
		}
	}
	b.ReportMetric(spent.Seconds()/float64(b.N), "cpu-s/op")
	b.ReportMetric(spent.Seconds()/least.Seconds(), "x-inflate+hash")
}

// inflateAndHash is the CPU time of reading an image's layers once.
func inflateAndHash(b *testing.B, layout layoutDir, p platform) time.Duration {
	b.Helper()
	start := processorTime(b)
	for _, digest := range layerDigests(b, layout.image(b, p)) {
		f, err := os.Open(filepath.Join(string(layout), "blobs", "sha256", strings.TrimPrefix(digest, "sha256:")))
		if err != nil {
			b.Fatal(err)
		}
		compressed, inflated := sha256.New(), sha256.New()
		r, err := gzip.NewReader(io.TeeReader(f, compressed))
		if err != nil {
			b.Fatal(err)
		}
		if _, err := io.Copy(inflated, r); err != nil {
			b.Fatal(err)
		}
		if err := f.Close(); err != nil {
			b.Fatal(err)
		}
	}
	return processorTime(b) - start
}

func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
