package e2e_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// TestLockedImagesAreTheSame makes images of all architectures in every way that
// a lock allows: built from it with a cold and a warm cache, streamed into a
// registry, and pushed from it alone.
func TestLockedImagesAreTheSame(t *testing.T) {
	t.Parallel()
	s := needShared(t)
	merged := s.rootSpec(t, 2, allPlatforms())
	appendTo(t, merged, "layers: {max: 6}\n")
	for name, spec := range map[string]string{
		"merged layers": merged,
		"dialect 3":     s.rootSpec(t, 3, allPlatforms()),
		"python":        s.pythonSpec(t),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			checkLocked(t, spec)
		})
	}
}

func appendTo(t *testing.T, name, text string) {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, name, string(data)+text)
}

func checkLocked(t *testing.T, spec string) {
	t.Helper()
	want := pyimg(t).must(t, "lock", spec, "--cache-dir", t.TempDir())
	var mu sync.Mutex
	var blobs []string // requests that carry blobs
	registry := startFakeRegistry(t, func(_ http.ResponseWriter, r *http.Request) bool {
		mu.Lock()
		defer mu.Unlock()
		if strings.Contains(r.URL.Path, "/blobs/") && r.Method != http.MethodHead {
			blobs = append(blobs, r.Method+" "+r.URL.Path)
		}
		return false
	})
	warm := t.TempDir()
	for _, run := range []struct {
		name string
		args []string
	}{
		{"no lock", []string{"--no-lock", "--cache-dir", t.TempDir()}},
		{"cold", []string{"--locked", "--cache-dir", warm}},
		{"warm", []string{"--locked", "--cache-dir", warm}},
		{"an output", []string{"--locked", "--cache-dir", t.TempDir(), "--output", "oci:" + filepath.Join(openDir(t), "layout") + ":" + tag}},
		{"streamed", []string{"--locked", "--cache-dir", t.TempDir(), "--push", registry + "/locked:streamed"}},
	} {
		got := pyimg(t).must(t, append([]string{"assemble", spec}, run.args...)...)
		if !strings.HasSuffix(got, strings.TrimSpace(want)+"\n") {
			t.Errorf("%s: got %s, the lock says %s", run.name, got, want)
		}
	}
	sent := len(blobs)
	if sent == 0 {
		t.Error("nothing was streamed: the test sees no uploads")
	}
	cache := t.TempDir()
	// What is attached is sent without asking, since it is small; the blobs of the image are not.
	got := pyimg(t).must(t, "assemble", spec, "--locked", "--cache-dir", cache, "--no-attach", "--push", registry+"/locked:shallow")
	if !strings.HasSuffix(got, strings.TrimSpace(want)+"\n") {
		t.Errorf("shallow: got %s, the lock says %s", got, want)
	}
	if len(blobs) != sent {
		t.Errorf("the shallow push moved blobs: %q", blobs[sent:])
	}
	if held := filesBelow(t, filepath.Join(cache, "v1", "blobs")); len(held) > 0 {
		t.Errorf("the shallow push fetched %q", held)
	}
}

func filesBelow(t *testing.T, dir string) []string {
	t.Helper()
	var names []string
	err := filepath.WalkDir(dir, func(name string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			names = append(names, name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}
