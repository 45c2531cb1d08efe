package e2e_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/registry"
)

// readyTimeout bounds how long a daemon may take to start or to stop.
const readyTimeout = 60 * time.Second

// startDaemon runs a program until the test ends, and waits until its output
// matches ready, whose first group is returned.
func startDaemon(t testing.TB, ready *regexp.Regexp, args ...string) string {
	t.Helper()
	// The daemon must outlive the test's context, which ends before cleanups run.
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), args[0], args[1:]...)
	output, input := io.Pipe()
	cmd.Stdout, cmd.Stderr = input, input
	// A group of its own keeps an interrupt at the terminal from it, so that
	// the tests can still clean up through it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	said := follow(output, ready)
	t.Cleanup(func() { stopDaemon(t, cmd, input) })
	select {
	case found := <-said.found:
		return found
	case <-time.After(readyTimeout):
		t.Fatalf("%s is not ready after %v:\n%s", args[0], readyTimeout, said.text())
		return ""
	}
}

// stopDaemon ends a daemon by its own process, politely first.
func stopDaemon(t testing.TB, cmd *exec.Cmd, input io.Closer) {
	kill := time.AfterFunc(readyTimeout, func() { _ = cmd.Process.Kill() })
	defer kill.Stop()
	_ = cmd.Process.Signal(syscall.SIGTERM)
	// A daemon may or may not turn the signal into an exit code.
	if err := cmd.Wait(); cmd.ProcessState == nil {
		t.Errorf("stopping %s: %v", cmd.Path, err)
	}
	_ = input.Close()
}

// A daemonLog keeps what a daemon said, for when it does not start.
type daemonLog struct {
	found chan string
	mu    sync.Mutex
	lines []string
}

func follow(r io.Reader, ready *regexp.Regexp) *daemonLog {
	said := &daemonLog{found: make(chan string, 1)}
	go func() {
		for lines := bufio.NewScanner(r); lines.Scan(); {
			if m := ready.FindStringSubmatch(lines.Text()); m != nil {
				select {
				case said.found <- m[len(m)-1]:
				default:
				}
			}
			said.mu.Lock()
			said.lines = append(said.lines, lines.Text())
			said.mu.Unlock()
		}
		// Whatever stopped the scanner, the daemon must not block on its pipe.
		_, _ = io.Copy(io.Discard, r)
	}()
	return said
}

func (l *daemonLog) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.lines, "\n")
}

// startRegistry runs Debian's docker-registry on a free port of loopback and
// returns its address.
func startRegistry(t testing.TB) string {
	t.Helper()
	needTools(t, "docker-registry")
	dir := t.TempDir()
	config := writeFile(t, filepath.Join(dir, "config.yml"), fmt.Sprintf(
		"version: 0.1\nlog: {level: info}\nstorage: {filesystem: {rootdirectory: %q}}\nhttp: {addr: '127.0.0.1:0'}\n", filepath.Join(dir, "data")))
	return startDaemon(t, regexp.MustCompile(`listening on (127\.0\.0\.1:\d+)`), "docker-registry", "serve", config)
}

// startFakeRegistry runs an in-process registry behind a gate that may answer
// a request itself.
func startFakeRegistry(t testing.TB, gate func(http.ResponseWriter, *http.Request) bool) string {
	t.Helper()
	next := registry.New(
		registry.WithBlobHandler(registry.NewDiskBlobHandler(t.TempDir())),
		registry.Logger(log.New(io.Discard, "", 0)))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if gate == nil || !gate(w, r) {
			next.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://")
}
