package e2e_test

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/validate"
)

const (
	killedRuns   = 200
	killedAtOnce = 4
	startedRuns  = 10 * killedRuns // at most: many end before they are killed
)

// A crash counts runs, and adapts to their pace the time within which they are killed.
type crash struct {
	mu           sync.Mutex
	runs, killed int
	within       time.Duration
}

func (c *crash) more() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.killed < killedRuns && c.runs < startedRuns
}

func (c *crash) window() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.within
}

func (c *crash) count(killed bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.runs++
	if killed {
		c.killed++
		c.within += c.within / 20
		return
	}
	c.within -= c.within / 20
	c.within = max(c.within, 10*time.Millisecond)
}

// TestKilledRuns kills runs at random moments, all on one cache and one layout, and some that prune the cache. Pruning is
// also what makes the others fetch, store and compress again. Then one run must come to the digest of an untouched cache.
func TestKilledRuns(t *testing.T) {
	t.Parallel()
	s := needShared(t)
	spec := s.pythonSpec(t)
	started := time.Now()
	want := pyimg(t).must(t, "assemble", spec, "--cache-dir", t.TempDir())
	whole := time.Since(started)
	cache, image := t.TempDir(), layoutDir(filepath.Join(openDir(t), "layout"))

	c := crash{within: whole}
	var group sync.WaitGroup
	for i := range killedAtOnce {
		group.Go(func() {
			random := rand.New(rand.NewPCG(uint64(started.UnixNano()), uint64(i)))
			for c.more() {
				args := []string{"assemble", spec, "--cache-dir", cache, "--output", image.output()}
				if random.IntN(4) == 0 {
					args = []string{"cache", "prune", "--cache-dir", cache, "--max-size", fmt.Sprintf("%dB", random.IntN(40<<20))}
				}
				c.count(kill(t, time.Duration(random.Int64N(int64(c.window()))), args...))
			}
		})
	}
	group.Wait()
	t.Logf("%d of %d runs were killed, at last within %v each", c.killed, c.runs, c.within)
	if c.killed < killedRuns {
		t.Errorf("only %d of %d runs lived to be killed", c.killed, c.runs)
	}

	if got := pyimg(t).must(t, "assemble", spec, "--cache-dir", cache, "--output", image.output()); got != want {
		t.Errorf("after the kills the image is %s, want %s", got, want)
	}
	index, err := layout.ImageIndexFromPath(string(image))
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Index(index); err != nil {
		t.Errorf("the layout: %v", err)
	}
	checkTidy(t, cache)
}

// checkTidy has what killed runs have left go, and all that is kept be whole.
func checkTidy(t *testing.T, cache string) {
	t.Helper()
	hourAgo := time.Now().Add(-time.Hour) // what is being written may be younger
	left, _ := filepath.Glob(filepath.Join(cache, "v1", "tmp", "*"))
	for _, name := range left {
		if err := os.Chtimes(name, hourAgo, hourAgo); err != nil {
			t.Fatal(err)
		}
	}
	pyimg(t).must(t, "cache", "prune", "--cache-dir", cache)
	var stat struct {
		Temporary struct{ Files int }
		Runs      int
	}
	if err := json.Unmarshal([]byte(pyimg(t).must(t, "cache", "stat", "--json", "--cache-dir", cache)), &stat); err != nil {
		t.Fatal(err)
	}
	if stat.Temporary.Files != 0 || stat.Runs != 0 {
		t.Errorf("after pruning %d temporary files and %d runs are left, want none", stat.Temporary.Files, stat.Runs)
	}
	blobs, _ := filepath.Glob(filepath.Join(cache, "v1", "blobs", "*"))
	for _, name := range blobs {
		if got := fmt.Sprintf("%x", sha256.Sum256([]byte(readFile(t, name)))); got != filepath.Base(name) {
			t.Errorf("the cache holds %s under the name %s", got, filepath.Base(name))
		}
	}
}

// kill runs pyimg and kills it after a while, and reports whether it had to.
func kill(t *testing.T, after time.Duration, args ...string) bool {
	c := pyimg(t)
	cmd := exec.CommandContext(t.Context(), c.wrap[0], args...)
	cmd.Env = c.env
	var stderr strings.Builder
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Error(err)
		return false
	}
	timer := time.AfterFunc(after, func() { _ = cmd.Process.Kill() })
	defer timer.Stop()
	if err := cmd.Wait(); err != nil && cmd.ProcessState.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Errorf("%q: %v\n%s", args, err, stderr.String())
	}
	return !cmd.ProcessState.Success()
}

// TestFullDisk has the cache and the image on a disk that is too small, and then large enough.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	s := needShared(t)
	needRoot(t)
	spec := s.pythonSpec(t)
	want := pyimg(t).must(t, "assemble", spec, "--cache-dir", t.TempDir())
	for _, test := range []struct{ what, cache, layout string }{
		{"cache", "full/cache", "layout"},
		{"layout", "cache", "full/layout"},
	} {
		dir := openDir(t)
		disk := smallDisk(t, filepath.Join(dir, "full"))
		args := []string{"assemble", spec, "--cache-dir", filepath.Join(dir, test.cache), "--output", "oci:" + filepath.Join(dir, test.layout) + ":" + tag}
		r := pyimg(t).run(t, args...)
		if r.code != 1 || !strings.Contains(r.stderr, "no space left on device") || !strings.Contains(r.stderr, filepath.Join(dir, "full", test.what)) {
			t.Errorf("%s on a full disk: exit code %d\n%swant 1 and an error that names the folder", test.what, r.code, r.stderr)
		}
		if _, err := os.Stat(filepath.Join(dir, test.layout, "index.json")); err == nil {
			t.Errorf("%s on a full disk: an image is named in the layout", test.what)
		}
		disk("200m")
		if got := pyimg(t).must(t, args...); got != want {
			t.Errorf("%s with room again: the image is %s, want %s", test.what, got, want)
		}
	}
}

// smallDisk mounts a disk of some megabytes at dir; resize changes its size.
func smallDisk(t *testing.T, dir string) (resize func(size string)) {
	t.Helper()
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=12m"); err != nil {
		lack(t, "this test mounts a tmpfs: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	return func(size string) {
		if err := syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_REMOUNT, "size="+size); err != nil {
			t.Fatal(err)
		}
	}
}
