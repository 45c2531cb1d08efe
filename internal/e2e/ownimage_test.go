package e2e_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestOwnImage assembles pyimg's own images as a release does, of the pyimg under test, and starts them.
func TestOwnImage(t *testing.T) {
	t.Parallel()
	s := needShared(t)
	dir, cli, cache := openDir(t), pyimg(t), t.TempDir()
	cli.dir = dir
	host := allPlatforms()[slices.IndexFunc(allPlatforms(), platform.native)]
	for _, name := range []string{"pyimg", "pyimg-ci"} {
		writeFile(t, filepath.Join(dir, name+".yaml"), readFile(t, filepath.Join("..", "..", "release", name+".yaml")))
		writeFile(t, filepath.Join(dir, "test-"+name+".yaml"), fmt.Sprintf("extends: %s.yaml\nplatforms: [%s]\n%s", name, host.oci, s.alpine()))
	}
	root := filepath.Join(dir, "root", host.alpine)
	if err := os.MkdirAll(root, 0o755); err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile(cli.wrap[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "pyimg"), program, 0o755); err != nil {
		t.Fatal(err)
	}
	version := cli.must(t, "version")
	for name, args := range map[string][]string{"pyimg": {"version"}, "pyimg-ci": {"sh", "-c", "pyimg version"}} {
		cli.must(t, "assemble", "test-"+name+".yaml", "--set", "VERSION=1.2.3", "--cache-dir", cache, "--output", "oci:"+name+":1")
		if out := cli.must(t, "verify", "--cache-dir", cache, name+":1"); !strings.Contains(out, "0 errors, 0 warnings") {
			t.Errorf("%s has findings:\n%s", name, out)
		}
		if out := cli.must(t, append([]string{"run", "--cache-dir", cache, name + ":1"}, args...)...); out != version {
			t.Errorf("%s prints %q, want %q", name, out, version)
		}
	}
	if out := cli.must(t, "run", "--cache-dir", cache, "pyimg:1"); !strings.Contains(out, "Usage:") {
		t.Errorf("the image alone prints %q", out)
	}
}
