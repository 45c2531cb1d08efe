// Command pyimg assembles Python container images from Alpine packages and prebuilt runtimes, with no daemon, no root
// and no container run. See README.md.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"golang.org/x/term"

	"github.com/pyimg/pyimg/cmd/pyimg/internal/cmdline"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/console"
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
	p := program{Console: console.Console{
		Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Getenv: os.Getenv,
		Terminal: term.IsTerminal(int(os.Stderr.Fd())), ResultTerminal: term.IsTerminal(int(os.Stdout.Fd())), Command: "pyimg",
	}}
	if strings.Contains(os.Args[0], "go-build") {
		p.Command = "go run ./cmd/pyimg"
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

// program runs command lines.
type program struct {
	console.Console
	given *givenBundle
}

// run runs one command line and returns the exit code.
func (p program) run(ctx context.Context, args []string) exit.Code {
	var flush func() error
	p.Console, flush = p.Escaping()
	p.given = new(givenBundle)
	defer p.given.close()
	p.Started = time.Now()
	if p.Terminal && !p.DrawsBars() {
		defer context.AfterFunc(ctx, func() { fmt.Fprintln(p.Stderr) })() // ends the line of the ^C that the terminal showed
	}
	err := cmdline.Run(ctx, p.app(), args, values)
	if closed := flush(); err == nil && closed != nil {
		err = fmt.Errorf("writing to stdout: %w", closed)
	}
	if err == nil {
		return exit.Done
	}
	if ran := (*ranError)(nil); errors.As(err, &ran) {
		if ran.err != nil {
			fmt.Fprintf(p.Stderr, "pyimg: %v\n", ran.err)
		}
		return exit.Code(ran.code)
	}
	code := exit.Of(err)
	if ctx.Err() != nil {
		err, code = errors.New("interrupted"), exit.Interrupted
		if p.DrawsBars() {
			fmt.Fprint(p.RawErr, "\r\x1b[K") // over the ^C that the terminal showed
		}
	}
	fmt.Fprintf(p.Stderr, "pyimg: %s\n", redact.Text(err.Error()))
	return code
}
