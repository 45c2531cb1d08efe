package e2e_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

const quietBackend = "def build_wheel(directory, settings=None, metadata=None):\n    return wheel(directory, text='value = 1')\n"

// TestShardsInARegistry builds an index of wheels in a real registry: once by one job, once by four that all move the tag at the same
// time, and once by four that push by digest and one that joins. The three are the same index, to the byte.
func TestShardsInARegistry(t *testing.T) {
	t.Parallel()
	s := needShared(t)
	host := startRegistry(t)
	dir := openDir(t)
	const jobs = 4
	for i := range jobs {
		if i == 0 {
			for _, d := range []string{"sdists", "wheels"} {
				if err := os.Mkdir(filepath.Join(dir, d), 0o755); err != nil {
					t.Fatal(err)
				}
			}
		}
		backendSdist(t, filepath.Join(dir, "sdists"), fmt.Sprintf("part%d", i), quietBackend)
	}
	text := readFile(t, s.wheelsYAML(t, dir, "linux/amd64", ""))
	index := func(name string) (ref, config string) {
		ref = fmt.Sprintf("oci:%s/%s/wheels:v1", host, name)
		return ref, writeFile(t, filepath.Join(dir, name+".yaml"), strings.Replace(text, "index: index\n", "index: "+ref+"\n", 1))
	}
	shards := func(config string, more ...string) []string {
		out := make([]string, jobs)
		var running sync.WaitGroup
		for i := range jobs {
			args := append([]string{"wheels", "build", "--shard", fmt.Sprintf("%d/%d", i+1, jobs), "--cache-dir", filepath.Join(dir, fmt.Sprint("machine", i))}, more...)
			running.Go(func() {
				cli := pyimg(t)
				cli.limit = buildTimeout
				r := cli.run(t, append(args, config)...)
				if out[i] = r.stdout; r.code != 0 {
					t.Errorf("job %d: exit code %d\n%s%s", i+1, r.code, r.stdout, r.stderr)
				}
			})
		}
		running.Wait()
		return out
	}
	digest := func(ref string) string {
		_, digest, _ := strings.Cut(strings.TrimSpace(pyimg(t).must(t, "wheels", "index", "--check", ref)), "@")
		return digest
	}

	one, config := index("one")
	pyimg(t).must(t, "wheels", "build", "--cache-dir", filepath.Join(dir, "machine0"), config)
	want := digest(one)
	four, config := index("four")
	shards(config)
	if got := digest(four); got != want {
		t.Errorf("four jobs at once made the index %s, one job made %s", got, want)
	}
	joined, config := index("joined")
	var parts []string
	for _, out := range shards(config, "--by-digest") {
		lines := strings.Split(strings.TrimSpace(out), "\n")
		parts = append(parts, lines[len(lines)-1])
	}
	pyimg(t).must(t, append([]string{"wheels", "index", config}, parts...)...)
	if got := digest(joined); got != want {
		t.Errorf("four parts are joined to the index %s, one job made %s; the parts are %q", got, want, parts)
	}
}
