package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/pyimg/pyimg/internal/exit"
	"github.com/pyimg/pyimg/internal/termtext"
)

func (p program) mirrorServeCommand() *cli.Command {
	return command(&cli.Command{
		Name:      "serve",
		Usage:     "serve a bundle over http, to apk and to pyimg",
		ArgsUsage: "BUNDLE",
		Description: "Prints where it serves, then the repositories, a line each, and serves until it is interrupted. Indexes are Alpine's own and\n" +
			"list more than a bundle holds: the rest is not found. Plain http will do, since clients hold packages against signatures.\n\n" +
			"Example: pyimg mirror serve bundle.tar --addr 0.0.0.0:8080\n" +
			"         apk --repository http://HOST:8080/alpine/v3.24/main add busybox",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "addr", Value: "127.0.0.1:8080", Usage: "`HOST:PORT` listen there; port 0 is any that is free"},
			&cli.StringFlag{Name: "base", Usage: "`OLD` the bundle that a delta was made since"},
		},
		Action: p.mirrorServe,
	})
}

func (p program) mirrorServe(c *cli.Context) error {
	if c.NArg() != 1 {
		return exit.Usagef("mirror serve takes one bundle, found %s", termtext.Count(c.NArg(), "argument"))
	}
	b, err := openComplete(c)
	if err != nil {
		return err
	}
	defer b.Close()
	if err := b.Complete(); err != nil {
		return err
	}
	var lc net.ListenConfig
	l, err := lc.Listen(c.Context, "tcp", c.String("addr"))
	if err != nil {
		return fmt.Errorf("listening for clients: %w; choose another address with --addr", err)
	}
	base := "http://" + l.Addr().String()
	fmt.Fprintln(p.stdout, base)
	for _, dir := range b.Repositories() {
		fmt.Fprintln(p.stdout, base+"/"+dir)
	}
	return serveUntilDone(c.Context, l, b.Handler())
}

// serveUntilDone serves until ctx ends, and lets the transfers that run then come to their end, for a while.
func serveUntilDone(ctx context.Context, l net.Listener, h http.Handler) error {
	const patience = 10 * time.Second
	srv := &http.Server{Handler: h, ReadHeaderTimeout: 30 * time.Second, IdleTimeout: 2 * time.Minute}
	ended := make(chan error, 1)
	stop := context.AfterFunc(ctx, func() {
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
		defer cancel()
		err := srv.Shutdown(grace)
		if errors.Is(err, context.DeadlineExceeded) {
			err = srv.Close()
		}
		ended <- err
	})
	if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		stop()
		return fmt.Errorf("serving: %w", err)
	}
	return <-ended
}
