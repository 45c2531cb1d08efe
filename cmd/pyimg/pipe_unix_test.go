//go:build unix

package main

import (
	"bytes"
	"context"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pyimg/pyimg/cmd/pyimg/internal/console"
	"github.com/pyimg/pyimg/internal/exit"
	"github.com/pyimg/pyimg/internal/fixture"
)

// TestInterruptedAtAPipe interrupts a run that waits for a reader of what it writes.
func TestInterruptedAtAPipe(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	hostileImage(t, filepath.Join(dir, "layout"), "")
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	url, err := fixture.NewRegistry().Serve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	pushed := make(chan bool)
	var stderr bytes.Buffer
	con := console.Console{Stdout: notify(pushed), Stderr: &stderr, Getenv: func(string) string { return "" }}
	go func() {
		<-pushed // the result is printed before files are written
		time.Sleep(100 * time.Millisecond)
		cancel()
	}()
	ref := strings.TrimPrefix(url, "http://") + "/a:1"
	code := execute(ctx, con, []string{"pyimg", "push", filepath.Join(dir, "layout"), ref, "--digest-file", pipe, "--progress", "quiet"})
	if code != exit.Interrupted || stderr.String() != "pyimg: interrupted\n" {
		t.Errorf("code %d and %q, want %d", code, stderr.String(), exit.Interrupted)
	}
}

// notify is a writer that reports its first write.
type notify chan bool

func (n notify) Write(p []byte) (int, error) {
	n <- true
	return len(p), nil
}

// TestLockIsNoPipe: a lock is read and then replaced, so that a pipe is an error at once, without a reader or writer.
func TestLockIsNoPipe(t *testing.T) {
	t.Parallel()
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	con := console.Console{Stdout: &stderr, Stderr: &stderr, Getenv: func(string) string { return "" }}
	code := execute(t.Context(), con, []string{"pyimg", "lock", "--lock", pipe})
	if code != exit.Failed || !strings.Contains(stderr.String(), "it is a pipe, and a file is expected") {
		t.Errorf("code %d and %q", code, stderr.String())
	}
}
