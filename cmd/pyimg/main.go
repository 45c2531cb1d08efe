// Command pyimg assembles Python container images from Alpine packages and prebuilt runtimes, with no daemon, no root
// and no container run. See README.md.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"golang.org/x/term"

	"github.com/pyimg/pyimg/internal/exit"
	"github.com/pyimg/pyimg/internal/redact"
	"github.com/pyimg/pyimg/internal/sandbox"
	"github.com/pyimg/pyimg/internal/termtext"
)

func main() {
	sandbox.Main(rootJobs()...)
	boundMemory(os.Getenv)
	log.SetOutput(termtext.NewWriter(os.Stderr)) // what net/http says of a peer
	ctx, stop := untilInterrupted()
	p := program{
		stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, getenv: os.Getenv,
		terminal: term.IsTerminal(int(os.Stderr.Fd())), resultTerminal: term.IsTerminal(int(os.Stdout.Fd())), command: "pyimg",
	}
	if strings.Contains(os.Args[0], "go-build") {
		p.command = "go run ./cmd/pyimg"
	}
	code := p.run(ctx, os.Args)
	stop()
	os.Exit(int(code))
}

// untilInterrupted is a context that ends at the first interrupt. The second one ends the process as if nobody caught it.
// A pipe that its reader closes is an error of the write, not the end of the process.
func untilInterrupted() (context.Context, context.CancelFunc) {
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE) // caught, not ignored: programs that this one starts would inherit that
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	return ctx, stop
}

// program is what pyimg knows of the process it runs in.
type program struct {
	stdin          io.Reader // nil where there is none
	stdout, stderr io.Writer // run has them escape what a terminal would obey; all text goes there
	rawOut, rawErr io.Writer // the same without that: for archives, and for the program's own bars
	getenv         func(string) string
	terminal       bool   // stderr is one
	resultTerminal bool   // stdout is one
	command        string // how a person starts this program
	started        time.Time
}

// run runs one command line and returns the exit code.
func (p program) run(ctx context.Context, args []string) exit.Code {
	out, errs := termtext.NewWriter(p.stdout), termtext.NewWriter(p.stderr)
	p.started = time.Now()
	p.rawOut, p.rawErr, p.stdout, p.stderr = p.stdout, p.stderr, out, errs
	defer errs.Close() // nobody could be told
	if p.terminal && !p.drawsBars() {
		defer context.AfterFunc(ctx, func() { fmt.Fprintln(p.stderr) })() // ends the line of the ^C that the terminal showed
	}
	err := p.runApp(ctx, args)
	if closed := out.Close(); err == nil && closed != nil {
		err = fmt.Errorf("writing to stdout: %w", closed)
	}
	if err == nil {
		return exit.Done
	}
	if ran := (*ranError)(nil); errors.As(err, &ran) {
		if ran.err != nil {
			fmt.Fprintf(p.stderr, "pyimg: %v\n", ran.err)
		}
		return exit.Code(ran.code)
	}
	code := exit.Of(err)
	if ctx.Err() != nil {
		err, code = errors.New("interrupted"), exit.Interrupted
		if p.drawsBars() {
			fmt.Fprint(p.rawErr, "\r\x1b[K") // over the ^C that the terminal showed
		}
	}
	fmt.Fprintf(p.stderr, "pyimg: %s\n", redact.Text(err.Error()))
	return code
}
