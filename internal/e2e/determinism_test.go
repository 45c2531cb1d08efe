package e2e_test

import (
	"path/filepath"
	"strings"
	"testing"
)

// TestSameInputsSameDigest assembles the same image with what must not matter
// changed each time: the cache, the number of cores, the jobs, the order of
// the platforms, the folder of the spec.
func TestSameInputsSameDigest(t *testing.T) {
	t.Parallel()
	s := needShared(t)
	cache := t.TempDir()
	var want string
	for _, run := range []struct {
		name, cores, platforms string
		cache                  string
		args                   []string
	}{
		{"first", "1", "linux/amd64,linux/arm64", cache, nil},
		{"other cache, cores and order", "4", "linux/arm64,linux/amd64", t.TempDir(), nil},
		{"one job", "2", "linux/amd64,linux/arm64", t.TempDir(), []string{"--jobs", "1"}},
		{"warm cache", "4", "linux/arm64,linux/amd64", cache, []string{"--jobs", "7"}},
	} {
		layout := layoutDir(filepath.Join(openDir(t), "layout"))
		c := pyimg(t)
		c.env = append(c.env, "GOMAXPROCS="+run.cores)
		args := append([]string{"assemble", s.pythonSpec(t), "--platform", run.platforms, "--cache-dir", run.cache, "--output", layout.output()}, run.args...)
		c.must(t, args...)
		got := layout.root(t).Digest.String()
		if want == "" {
			want = got
		}
		if got != want {
			t.Errorf("%s: index digest %s, but %s at first; layers of %s:\n%s", run.name, got, want, twoPlatforms()[0].oci,
				strings.Join(layerDigests(t, layout.image(t, twoPlatforms()[0])), "\n"))
		}
	}
}
