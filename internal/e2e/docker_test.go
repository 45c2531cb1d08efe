package e2e_test

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// A docker is a client of a daemon of its own, so that a test neither needs nor
// changes the machine's.
type docker struct{ command }

func startDocker(t testing.TB) docker {
	t.Helper()
	needRoot(t)
	needTools(t, "dockerd", "docker")
	dir := openDir(t)
	t.Cleanup(func() { unmountBelow(t, dir) })
	socket := "unix://" + filepath.Join(dir, "docker.sock")
	// No bridge and no iptables: containers here have no network.
	startDaemon(t, regexp.MustCompile(`API listen on `), "dockerd", "--iptables=false", "--ip-masq=false", "--bridge=none",
		"--data-root", filepath.Join(dir, "data"), "--exec-root", filepath.Join(dir, "run"), "--pidfile", filepath.Join(dir, "pid"), "--host", socket)
	return docker{command{wrap: []string{"docker", "--host", socket}, env: append(os.Environ(), "DOCKER_CONFIG="+dir)}}
}

// python runs a program in a new container. The default limits would need
// CAP_SYS_RESOURCE.
func (d docker) python(t testing.TB, p platform, image, program string) string {
	t.Helper()
	return d.must(t, "run", "--rm", "--network", "none", "--ulimit", "nofile=4096:4096", "--platform", p.oci, image, "python3", "-c", program)
}

// export reads the file system of a container that never ran.
func (d docker) export(t testing.TB, p platform, image string) tree {
	t.Helper()
	d.must(t, "pull", "--quiet", "--platform", p.oci, image)
	container := strings.TrimSpace(d.must(t, "create", "--platform", p.oci, image, "/none"))
	cmd := exec.CommandContext(t.Context(), d.wrap[0], append(append([]string(nil), d.wrap[1:]...), "export", container)...)
	cmd.Env = d.env
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	tr := tarTree(t, out)
	// docker waits for its output to be read to the end, the padding included.
	if _, err := io.Copy(io.Discard, out); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	d.must(t, "rm", container)
	return tr
}

// dockersOwn lists what docker lays over every container's root: empty files to
// mount on, a link, and the folders where they are missing (moby,
// daemon/initlayer/setup_unix.go).
func dockersOwn() []string {
	return []string{".dockerenv", "dev/console", "etc/hostname", "etc/hosts", "etc/resolv.conf", "etc/mtab"}
}

func dockersFolders() []string { return []string{"dev", "dev/pts", "dev/shm", "sys", "etc"} }

// withoutDockers takes docker's own paths from both sides of a comparison.
func withoutDockers(want root, got tree) (root, tree) {
	want.tree = union(want.tree, nil)
	want.tree.drop(dockersOwn()...)
	got.drop(dockersOwn()...)
	for _, dir := range dockersFolders() {
		if _, ok := want.tree[dir]; !ok {
			delete(got, dir)
		}
	}
	return want, got
}

// loaded reads the name that docker load and podman load give.
func loaded(t testing.TB, output string) string {
	t.Helper()
	m := regexp.MustCompile(`Loaded image(?: ID|\(s\))?: (\S+)`).FindStringSubmatch(output)
	if m == nil {
		t.Fatalf("loading an archive said no image's name:\n%s", output)
	}
	return m[1]
}
