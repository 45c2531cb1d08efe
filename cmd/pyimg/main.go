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

	"github.com/pyimg/pyimg/cmd/pyimg/internal/console"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/rootless"
	"github.com/pyimg/pyimg/internal/exit"
	"github.com/pyimg/pyimg/internal/redact"
	"github.com/pyimg/pyimg/internal/sandbox"
	"github.com/pyimg/pyimg/internal/termtext"
)

func main() {
	sandbox.Main(rootless.Jobs()...)
	boundMemory(os.Getenv)
	log.SetOutput(termtext.NewWriter(os.Stderr)) // what net/http says of a peer
	ctx, stop := untilInterrupted()
	con := console.Console{
		Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Getenv: os.Getenv,
		Terminal: term.IsTerminal(int(os.Stderr.Fd())), ResultTerminal: term.IsTerminal(int(os.Stdout.Fd())), Command: "pyimg",
	}
	if strings.Contains(os.Args[0], "go-build") {
		con.Command = "go run ./cmd/pyimg"
	}
	code := execute(ctx, con, os.Args)
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

// execute runs one command line and returns the exit code.
func execute(ctx context.Context, con console.Console, args []string) exit.Code {
	con, flush := con.Escaping()
	con.Started = time.Now()
	if con.Terminal && !con.DrawsBars() {
		defer context.AfterFunc(ctx, func() { fmt.Fprintln(con.Stderr) })() // ends the line of the ^C that the terminal showed
	}
	err := runApp(ctx, con, args)
	if closed := flush(); err == nil && closed != nil {
		err = fmt.Errorf("writing to stdout: %w", closed)
	}
	if err == nil {
		return exit.Done
	}
	if ran := (*exit.RanError)(nil); errors.As(err, &ran) {
		if ran.Err != nil {
			fmt.Fprintf(con.Stderr, "pyimg: %v\n", ran.Err)
		}
		return ran.Program
	}
	code := exit.Of(err)
	if ctx.Err() != nil {
		err, code = errors.New("interrupted"), exit.Interrupted
		if con.DrawsBars() {
			fmt.Fprint(con.RawErr, "\r\x1b[K") // over the ^C that the terminal showed
		}
	}
	fmt.Fprintf(con.Stderr, "pyimg: %s\n", redact.Text(err.Error()))
	return code
}
