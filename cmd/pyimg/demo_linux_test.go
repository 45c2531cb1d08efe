package main

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/pyimg/pyimg/internal/exit"
)

// TestDemoWithoutLoopback runs the demo in a network namespace whose loopback interface is down.
func TestDemoWithoutLoopback(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var stdout, stderr strings.Builder
	cmd := exec.CommandContext(t.Context(), self, "demo")
	cmd.Args[0] = "pyimg" // TestMain
	cmd.Dir, cmd.Stdout, cmd.Stderr = t.TempDir(), &stdout, &stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET,
		UidMappings: []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}},
	}
	err = cmd.Run()
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EINVAL) { // the three ways to say no
		t.Skipf("this machine allows no user namespace: %v", err)
	}
	const want = "pyimg: demo: this machine's loopback network cannot be used"
	if code := exit.Code(cmd.ProcessState.ExitCode()); code != exit.Network || !strings.HasPrefix(stderr.String(), want) {
		t.Errorf("exit code %d, stderr %q, error %v; want %d and %q", code, &stderr, err, exit.Network, want)
	}
	if stdout.Len() > 0 || strings.Contains(stderr.String(), "tries") {
		t.Errorf("it did not end at once: stdout %q, stderr %q", &stdout, &stderr)
	}
}
