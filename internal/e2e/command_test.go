package e2e_test

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// commandTimeout bounds every command, so that a hanging client becomes one
// failing test. Containers of foreign architectures are the slowest.
const commandTimeout = 10 * time.Minute

// buildTimeout bounds a command that compiles: it takes half a minute, and ten times as long on a busy machine.
const buildTimeout = 15 * time.Minute

// A command is how a program is started: before it, what wraps it (setpriv,
// unshare), and all of its environment.
type command struct {
	wrap []string
	env  []string
	dir  string

	limit time.Duration // 0: commandTimeout
}

// A result is what became of a command.
type result struct {
	stdout, stderr string
	code           int
	state          *os.ProcessState
}

// run starts a program and waits. Only a program that could not be started
// fails the test; an exit code is an answer.
func (c command) run(t testing.TB, args ...string) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), cmp.Or(c.limit, commandTimeout))
	defer cancel()
	args = append(append([]string(nil), c.wrap...), args...)
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Stdout, cmd.Stderr, cmd.Env, cmd.Dir = &stdout, &stderr, c.env, c.dir
	err := cmd.Run()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) || ctx.Err() != nil {
		t.Fatalf("running %q: %v\n%s%s", args, errors.Join(err, ctx.Err()), stdout.String(), stderr.String())
	}
	return result{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode(), cmd.ProcessState}
}

// must runs a program that has to succeed and returns its stdout.
func (c command) must(t testing.TB, args ...string) string {
	t.Helper()
	r := c.run(t, args...)
	if r.code != 0 {
		t.Fatalf("%s: exit code %d\n%s%s", strings.Join(args, " "), r.code, r.stdout, r.stderr)
	}
	return r.stdout
}

// client runs a foreign tool with this process's environment.
func client() command { return command{env: os.Environ()} }

// pyimg is the command under test, with an environment that holds nothing but
// a search path and a home of its own, so that no setting of the machine's
// user reaches it.
func pyimg(t testing.TB) command {
	t.Helper()
	home := t.TempDir()
	return command{
		wrap: []string{os.Getenv(binaryVar)},
		env:  []string{"PATH=" + os.Getenv("PATH"), "HOME=" + home, "TMPDIR=" + home},
	}
}

// maxRSS is the process's peak resident size in bytes; Linux counts it in KiB,
// see getrusage(2).
func (r result) maxRSS() int64 {
	return int64(r.state.SysUsage().(*syscall.Rusage).Maxrss) << 10 //nolint:unconvert // on 32-bit machines it is an int32
}

func writeFile(t testing.TB, path, text string) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func readFile(t testing.TB, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// openDir makes a temporary folder that another user can reach and whose name
// is short: sockets' paths may have 107 bytes, see unix(7). t.TempDir's are
// neither.
func openDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "e2e-") //nolint:usetesting // see above
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}
