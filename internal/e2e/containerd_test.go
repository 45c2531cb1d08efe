package e2e_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// A containerd is ctr with a daemon of its own.
type containerd struct{ command }

func startContainerd(t testing.TB) containerd {
	t.Helper()
	needRoot(t)
	needTools(t, "containerd", "ctr")
	dir := openDir(t)
	t.Cleanup(func() { unmountBelow(t, dir) })
	socket := filepath.Join(dir, "containerd.sock")
	config := writeFile(t, filepath.Join(dir, "config.toml"), fmt.Sprintf(`version = 2
root = %q
state = %q
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
address = %q
[ttrpc]
address = %q
`, filepath.Join(dir, "root"), filepath.Join(dir, "state"), socket, socket+".ttrpc"))
	startDaemon(t, regexp.MustCompile(`containerd successfully booted`), "containerd", "--config", config)
	return containerd{command{wrap: []string{"ctr", "--address", socket}, env: os.Environ()}}
}

// mount pulls an image, unpacks it as containerd does it, and reads its root.
func (c containerd) mount(t testing.TB, p platform, image string) tree {
	t.Helper()
	c.must(t, "image", "pull", "--plain-http", "--platform", p.oci, image)
	dir := filepath.Join(openDir(t), "root")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	c.must(t, "image", "mount", "--platform", p.oci, image, dir)
	defer c.must(t, "image", "unmount", "--rm", dir)
	return dirTree(t, dir)
}
