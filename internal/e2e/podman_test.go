package e2e_test

import (
	"bufio"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// A podman is a client with storage of its own.
type podman struct{ command }

func newPodman(t testing.TB) podman {
	t.Helper()
	needRoot(t)
	needTools(t, "podman", "runc")
	if _, err := os.Stat("/etc/containers/policy.json"); err != nil {
		lack(t, "podman pulls nothing without a policy: %v", err)
	}
	dir := openDir(t)
	// Its storage stays mounted on itself after the last command.
	t.Cleanup(func() { unmountBelow(t, dir) })
	return podman{command{
		wrap: []string{
			"podman", "--root", filepath.Join(dir, "root"), "--runroot", filepath.Join(dir, "run"), "--tmpdir", filepath.Join(dir, "tmp"),
			"--storage-driver", "overlay", "--cgroup-manager", "cgroupfs", "--events-backend", "none", "--runtime", "runc",
		},
		env: os.Environ(),
	}}
}

func (p podman) pull(t testing.TB, pl platform, image string) {
	t.Helper()
	p.must(t, "pull", "--quiet", "--tls-verify=false", "--platform", pl.oci, image)
}

// python runs a program in a new container.
func (p podman) python(t testing.TB, pl platform, image, program string) string {
	t.Helper()
	return p.container(t, pl, image, "python3", "-c", program)
}

// container runs a command, or the image's own, in a new container. crun fails
// on hybrid cgroups, and the default limits would need CAP_SYS_RESOURCE.
func (p podman) container(t testing.TB, pl platform, image string, args ...string) string {
	t.Helper()
	return p.must(t, append([]string{"run", "--rm", "--network", "none", "--ulimit", "nofile=4096:4096", "--ulimit", "nproc=4096:4096",
		"--platform", pl.oci, "--pull", "never", image}, args...)...)
}

// mount reads the root of an image as podman mounts it.
func (p podman) mount(t testing.TB, image string) tree {
	t.Helper()
	dir := strings.TrimSpace(p.must(t, "image", "mount", image))
	defer p.must(t, "image", "unmount", image)
	return dirTree(t, dir)
}

// unmountBelow takes away what a client left mounted under a folder of ours.
func unmountBelow(t testing.TB, dir string) {
	t.Helper()
	f, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var points []string
	for lines := bufio.NewScanner(f); lines.Scan(); {
		// The fifth field is the mount point, see proc_pid_mountinfo(5).
		if fields := strings.Fields(lines.Text()); len(fields) > 4 && strings.HasPrefix(fields[4], dir+"/") {
			points = append(points, fields[4])
		}
	}
	slices.Reverse(points)
	for _, point := range points {
		if err := syscall.Unmount(point, syscall.MNT_DETACH); err != nil {
			t.Errorf("unmounting %q: %v", point, err)
		}
	}
}
