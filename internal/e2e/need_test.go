package e2e_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"testing"
)

// lack ends a test that cannot run here: a skip on a developer's machine, a
// failure where PYIMG_E2E_REQUIRE promises that everything is there.
func lack(t testing.TB, format string, args ...any) {
	t.Helper()
	if os.Getenv("PYIMG_E2E_REQUIRE") != "" {
		t.Fatalf("PYIMG_E2E_REQUIRE is set, but "+format, args...)
	}
	t.Skipf(format, args...)
}

func needTools(t testing.TB, names ...string) {
	t.Helper()
	for _, name := range names {
		if _, err := exec.LookPath(name); err != nil {
			lack(t, "this test needs %s: %v", name, err)
		}
	}
}

// needRoot is for what only root can do: keep owners while unpacking, chroot,
// run a docker daemon.
func needRoot(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		lack(t, "this test needs root")
	}
}

// needRunnable asks that binaries of an architecture run here, by themselves
// or by qemu. Registering qemu changes the whole machine, so that it is left
// to its administrator; .ci/run does it.
func needRunnable(t testing.TB, p platform) {
	t.Helper()
	if p.native() {
		return
	}
	if _, err := os.Stat(filepath.Join("/proc/sys/fs/binfmt_misc", "qemu-"+p.qemu)); err != nil {
		lack(t, "this test runs %s binaries: register qemu-user-static with binfmt_misc: %v", p.alpine, err)
	}
}

// raceDetector tells whether this test binary was built with -race.
func raceDetector() bool {
	info, _ := debug.ReadBuildInfo()
	return info != nil && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}

// shared is the folder of real packages and recorded answers.
type shared string

// wanted reports whether somebody asked for these tests, which take minutes and
// run daemons: "go test ./..." alone does not.
func wanted() bool { return os.Getenv("PYIMG_E2E") != "" || os.Getenv("PYIMG_E2E_REQUIRE") != "" }

func needShared(t testing.TB) shared {
	t.Helper()
	if !wanted() {
		t.Skip("this test runs real clients; set PYIMG_E2E=1 to run it, as make e2e does")
	}
	if raceDetector() {
		t.Skip("the race detector sees nothing of a command that runs in a process of its own; run these tests without it")
	}
	dir, err := findShared()
	if err != nil {
		lack(t, "this test needs real packages: %v", err)
	}
	if os.Getenv(binaryVar) == "" {
		t.Fatalf("%s is not set although %s is there", binaryVar, dir)
	}
	return shared(dir)
}

func (s shared) path(elem ...string) string {
	return filepath.Join(append([]string{string(s)}, elem...)...)
}

func (s shared) mirror() string   { return s.path("alpine-mirror") }
func (s shared) testKeys() string { return s.path("alpine-mirror", "keys") }

// mainRepo is the repository of a few dozen packages for eight architectures.
func (s shared) mainRepo() string { return s.path("alpine-mirror", "v3.20", "main") }
