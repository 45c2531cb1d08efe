//go:build unix

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// measureFlag makes this program start a command and record its cost. On Linux a process's peak memory starts with the
// peak of its parent (exec_mmap in Linux's fs/exec.c). This process holds whole mirrors in memory, so it starts a small
// copy of itself, and that copy starts the command.
const measureFlag = "-measure"

// A cost is the cost of one run.
type cost struct {
	Wall, CPU time.Duration
	RSS       int64 // the peak, in bytes
	In, Out   int64 // bytes from the mirror, bytes to the registry
	Mirror    int   // requests
	Registry  int
}

// measure runs a command line and returns its cost.
func measure(ctx context.Context, dir string, args []string) (cost, error) {
	self, err := os.Executable()
	if err != nil {
		return cost{}, err
	}
	result := filepath.Join(dir, "cost.json")
	cmd := exec.CommandContext(ctx, self, append([]string{measureFlag, result}, args...)...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "TMPDIR=" + dir}
	if out, err := cmd.CombinedOutput(); err != nil {
		return cost{}, fmt.Errorf("running %q: %w\n%s", args, err, out)
	}
	data, err := os.ReadFile(result)
	if err != nil {
		return cost{}, err
	}
	var c cost
	return c, json.Unmarshal(data, &c)
}

// measureChild runs a command line, writes its cost to a file and returns its exit code.
func measureChild(result string, args []string) int {
	cmd := exec.CommandContext(context.Background(), args[0], args[1:]...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	start := time.Now()
	err := cmd.Run()
	c := cost{Wall: time.Since(start)}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	c.CPU = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	if u, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		c.RSS = int64(u.Maxrss) << 10 //nolint:unconvert // Linux counts in KiB, see getrusage(2); on 32-bit machines it is an int32
	}
	data, err := json.Marshal(c)
	if err == nil {
		err = os.WriteFile(result, data, 0o600)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}
