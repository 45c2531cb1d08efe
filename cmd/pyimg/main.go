// Command pyimg assembles Python container images from Alpine packages and prebuilt runtimes, with no daemon, no root
// and no container run. See README.md.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"

	"golang.org/x/term"
)

func main() {
	boundMemory()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	p := program{
		stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, getenv: os.Getenv,
		terminal: term.IsTerminal(int(os.Stderr.Fd())), command: "pyimg",
	}
	if strings.Contains(os.Args[0], "go-build") {
		p.command = "go run ./cmd/pyimg"
	}
	code := p.run(ctx, os.Args)
	stop()
	os.Exit(code)
}

// boundMemory has the garbage collected earlier where much is in use, rather than when it has doubled. GOMEMLIMIT sets
// another bound.
func boundMemory() {
	const bound = 72 << 20
	if debug.SetMemoryLimit(-1) == math.MaxInt64 {
		debug.SetMemoryLimit(bound)
	}
}

// program is what pyimg knows of the process it runs in.
type program struct {
	stdin          io.Reader // nil where there is none
	stdout, stderr io.Writer
	getenv         func(string) string
	terminal       bool   // stderr is one
	command        string // how a person starts this program
}

// run runs one command line and returns the exit code.
func (p program) run(ctx context.Context, args []string) int {
	out := &checkedWriter{w: p.stdout}
	p.stdout = out
	app := p.app()
	args, err := flagsFirst(app, args)
	if err == nil {
		err = app.RunContext(ctx, args)
	}
	if err == nil && out.err != nil {
		err = fmt.Errorf("writing to stdout: %w", out.err)
	}
	if err == nil {
		return exitDone
	}
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		err = errors.New("interrupted")
	}
	fmt.Fprintf(p.stderr, "pyimg: %v\n", err)
	return exitCode(err)
}

// checkedWriter keeps the first error, so that a result that nobody got is not called done.
type checkedWriter struct {
	w   io.Writer
	err error
}

func (c *checkedWriter) Write(b []byte) (int, error) {
	n, err := c.w.Write(b)
	if c.err == nil {
		c.err = err
	}
	return n, err
}
