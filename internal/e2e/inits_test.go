package e2e_test

import (
	"context"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pyimg/pyimg/internal/fixture"
)

// s6Var names a folder that has what Alpine's s6-overlay and the packages that it needs would install, for this machine. Debian has no
// such package.
const s6Var = "PYIMG_S6_OVERLAY"

// initsRepository returns a folder with the repository "inits", which has the packages that this machine's mirror lacks, and the folder
// "keys". For this machine's own platform the programs are the real ones where they are there: Debian's tini, which is static.
func initsRepository(t testing.TB) string {
	t.Helper()
	dir, mirror, key := t.TempDir(), fixture.NewMirror(), fixture.TestKey()
	mirror.Put("keys/"+key.Name, key.PublicPEM())
	for _, p := range twoPlatforms() {
		var archives []*fixture.Archive
		for _, stand := range fixture.Inits() {
			if p.native() {
				stand = realInit(t, stand)
			}
			a, err := stand.Build()
			if err != nil {
				t.Fatal(err)
			}
			archives = append(archives, a)
		}
		if err := mirror.Publish("inits", fixture.Index{Arch: p.alpine, Archives: archives}); err != nil {
			t.Fatal(err)
		}
	}
	if err := mirror.Write(dir); err != nil {
		t.Fatal(err)
	}
	return dir
}

// realInit puts the real programs into a package, where this machine has them.
func realInit(t testing.TB, p fixture.Package) fixture.Package {
	t.Helper()
	switch static, err := exec.LookPath("tini-static"); {
	case p.Name == "tini" && err == nil:
		p.Files, p.Depends = []fixture.File{{Path: "sbin/tini", Mode: 0o755, Body: []byte(readFile(t, static))}}, nil
	case p.Name == "s6-overlay" && os.Getenv(s6Var) != "":
		p.Files = filesOf(t, os.Getenv(s6Var))
	}
	return p
}

// filesOf returns the folders, files and symlinks below a folder.
func filesOf(t testing.TB, dir string) []fixture.File {
	t.Helper()
	var files []fixture.File
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		name := strings.TrimPrefix(path, dir+"/")
		if entry.IsDir() {
			files = append(files, fixture.File{Path: name, Dir: true})
			return nil
		}
		if entry.Type() == fs.ModeSymlink {
			target, err := os.Readlink(path)
			files = append(files, fixture.File{Path: name, Link: target})
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		files = append(files, fixture.File{Path: name, Mode: int64(info.Mode().Perm()), Body: []byte(readFile(t, path))})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// stopWait is how long a container may take to end before podman kills it.
const stopWait = 30 * time.Second

// A service is a container that podman runs in the background.
type service struct {
	podman
	id string
}

// start runs an image in the background until the test ends.
func (p podman) start(t testing.TB, image string, options, args []string) service {
	t.Helper()
	run := []string{"run", "--detach", "--network", "none", "--ulimit", "nofile=4096:4096", "--ulimit", "nproc=4096:4096", "--pull", "never"}
	id := strings.TrimSpace(p.must(t, slices.Concat(run, options, []string{image}, args)...))
	watcher := filepath.Join("/proc", strings.TrimSpace(p.must(t, "inspect", "--format", "{{.State.ConmonPid}}", id)))
	t.Cleanup(func() {
		// The test's context has ended.
		args := slices.Concat(p.wrap, []string{"rm", "--force", "--time", "0", id})
		if out, err := exec.CommandContext(context.WithoutCancel(t.Context()), args[0], args[1:]...).CombinedOutput(); err != nil {
			t.Errorf("removing a container: %v\n%s", err, out)
		}
		// Its last command would mount podman's storage once more.
		waitFor(t, "the end of conmon", func() bool { _, err := os.Stat(watcher); return err != nil })
	})
	return service{p, id}
}

func (s service) exec(t testing.TB, args ...string) string {
	t.Helper()
	return s.must(t, append([]string{"exec", s.id}, args...)...)
}

// processes lists the processes of the container, each with its state and its name.
func (s service) processes(t testing.TB) string {
	t.Helper()
	return s.exec(t, "sh", "-c", `for p in /proc/[0-9]*; do sed -n 's/^Name:\s*//p; s/^State:\s*//p' $p/status 2>/dev/null | tr '\n' ' '; echo; done`)
}

// stop ends the container as docker stop does, and returns what it has printed, its exit code and how long that took.
func (s service) stop(t testing.TB) (output, code string, took time.Duration) {
	t.Helper()
	start := time.Now()
	s.must(t, "stop", "--time", strconv.Itoa(int(stopWait.Seconds())), s.id)
	took = time.Since(start)
	r := s.run(t, "logs", s.id)
	return r.stdout + r.stderr, strings.TrimSpace(s.must(t, "inspect", "--format", "{{.State.ExitCode}}", s.id)), took
}

// builtExample loads an example for this machine into podman.
func (s shared) builtExample(t testing.TB, name string) (client podman, image string) {
	t.Helper()
	p := twoPlatforms()[0]
	if !p.native() {
		lack(t, "this test runs programs of %s", p.alpine)
	}
	client, cli := newPodman(t), pyimg(t)
	cli.dir = s.example(t, name)
	cli.must(t, "assemble", "test-pyimg.yaml", "--no-lock", "--platform", p.oci, "--cache-dir", s.examplesCache(t), "--output", "docker-archive:image.tar:"+name+":1")
	return client, loaded(t, client.must(t, "load", "--input", filepath.Join(cli.dir, "image.tar")))
}

// TestTiniIsProcessOne: with the real tini no process stays as a zombie, a signal reaches the program, and the container ends with its exit
// code. Without tini the zombies are there, so that the test would see them.
func TestTiniIsProcessOne(t *testing.T) {
	t.Parallel()
	s := needShared(t)
	needTools(t, "tini-static")
	podman, image := s.builtExample(t, "tini")
	// Each time a shell starts a process and ends before it does.
	environment := []string{"--env", "EVERY=0.1", "--env", "COMMAND=sleep 0.1 &"}
	with := podman.start(t, image, environment, nil)
	without := podman.start(t, image, append([]string{"--entrypoint", "[]"}, environment...), []string{"python3", "-m", "app"})
	waitFor(t, "zombies of a program without tini", func() bool { return strings.Count(without.processes(t), "Z (zombie)") > 3 })
	got := with.processes(t)
	if !strings.HasPrefix(got, "tini ") || !strings.Contains(got, "\npython3") {
		t.Errorf("process 1 is not tini, or it has no python3:\n%s", got)
	}
	// One process may have ended a moment ago.
	if n := strings.Count(got, "Z (zombie)"); n > 1 {
		t.Errorf("with tini there are %d zombies:\n%s", n, got)
	}
	if output, code, took := with.stop(t); output != "stopped\n" || code != "0" || took > stopWait/2 {
		t.Errorf("the container prints %q and ends with %s after %v", output, code, took)
	}
}

// waitFor asks until something is so.
func waitFor(t testing.TB, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(readyTimeout); !is(); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waiting %v for %s", readyTimeout, what)
		}
	}
}

// TestS6OverlayIsProcessOne: the real s6-overlay starts the services of the example in their order and as their user, starts one again that
// was killed, answers what its health check asks, and stops all of them when the container is stopped. podman does not read health checks of
// OCI images.
func TestS6OverlayIsProcessOne(t *testing.T) {
	t.Parallel()
	s := needShared(t)
	if os.Getenv(s6Var) == "" {
		t.Skipf("%s names no folder with s6-overlay", s6Var)
	}
	podman, image := s.builtExample(t, "s6-overlay")
	container := podman.start(t, image, nil, nil)
	healthy := func() bool {
		return container.run(t, "exec", container.id, "python3", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/', timeout=2)").code == 0
	}
	waitFor(t, "an answer of the service", healthy)
	if got := container.processes(t); !strings.HasPrefix(got, "s6-svscan ") || strings.Contains(got, "zombie") {
		t.Errorf("process 1 is not s6-svscan, or there are zombies:\n%s", got)
	}
	for _, name := range []string{"web", "worker"} {
		pid := func() string {
			return strings.TrimSpace(container.run(t, "exec", container.id, "pgrep", "-f", "app."+name).stdout)
		}
		first := pid()
		// Nobody but the service's own user may read its environment.
		if got := container.must(t, "exec", "--user", "app", container.id, "sh", "-c", "tr '\\0' '\\n' </proc/"+first+"/environ"); !strings.Contains(got, "LD_PRELOAD=") {
			t.Errorf("%s, process %q, has the environment %q, without the allocator", name, first, got)
		}
		container.exec(t, "kill", "-9", first)
		waitFor(t, name+" to be started again", func() bool { now := pid(); return now != "" && now != first })
	}
	waitFor(t, "an answer of the service that was started again", healthy)
	if output, code, took := container.stop(t); code != "0" || took > stopWait/2 {
		t.Errorf("the container ends with %s after %v:\n%s", code, took, output)
	}
}
