package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/pyimg/pyimg/assemble/bundle"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/cmdline"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/console"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/session"
	"github.com/pyimg/pyimg/internal/exit"
	"github.com/pyimg/pyimg/internal/serve"
	"github.com/pyimg/pyimg/internal/termtext"
)

func bundleServeCommand(con console.Console) *cli.Command {
	return cmdline.Command(&cli.Command{
		Name:      "serve",
		Usage:     "serve a bundle over http, to apk, pip and pyimg",
		ArgsUsage: "BUNDLE",
		Description: "Prints where it serves, then the repositories and the index of wheels, a line each, and serves until it is interrupted. Logs each request to\n" +
			"stderr. Indexes are Alpine's own and list more than a bundle holds: the rest is not found. Plain http will do, since clients hold packages against signatures.\n\n" +
			"Example: pyimg bundle serve bundle.tar --addr 0.0.0.0:8080\n" +
			"         apk --repository http://HOST:8080/alpine/v3.24/main add busybox\n" +
			"         pip install --index-url http://HOST:8080/simple/ --trusted-host HOST flask",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "addr", Value: "127.0.0.1:8080", Usage: "`HOST:PORT` listen there; port 0 is any that is free"},
			&cli.StringFlag{Name: "base", Usage: "`OLD` the bundle that a delta was made since"},
			&cli.BoolFlag{Name: "json", Usage: "print where it serves, and log requests, as JSON: an object a line"},
		},
		Action: action(con, bundleServe),
	})
}

func bundleServe(ctx context.Context, run *session.Session, c *cli.Context) error {
	if c.NArg() != 1 {
		return exit.Usagef("bundle serve takes one bundle, found %s", termtext.Count(c.NArg(), "argument"))
	}
	b, err := run.BundleArgument()
	if err != nil {
		return err
	}
	if err := b.Complete(); err != nil {
		return err
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", c.String("addr"))
	if err != nil {
		return fmt.Errorf("listening for clients: %w; choose another address with --addr", err)
	}
	base := "http://" + l.Addr().String()
	var urls []string
	wheels := ""
	for _, dir := range b.Repositories() {
		urls = append(urls, base+"/"+dir)
	}
	if b.HasWheels() {
		wheels = base + bundle.SimplePath
	}
	log := serve.Text(run.Stderr)
	if c.Bool("json") {
		log = serve.JSON(run.Stderr)
		err = json.NewEncoder(run.Stdout).Encode(serving{base, urls, wheels})
	} else {
		_, err = fmt.Fprintln(run.Stdout, strings.TrimSpace(strings.Join(append(append([]string{base}, urls...), wheels), "\n")))
	}
	if err != nil {
		return errors.Join(err, l.Close())
	}
	return serve.Run(ctx, l, serve.Logged(b.Handler(), log))
}

// serving says where a bundle is served.
type serving struct {
	URL          string   `json:"url"`
	Repositories []string `json:"repositories"`
	Wheels       string   `json:"wheels,omitempty"` // the index of wheels
}
