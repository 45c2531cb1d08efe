package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"

	"github.com/urfave/cli/v2"

	"github.com/pyimg/pyimg/cmd/pyimg/internal/cmdline"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/console"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/flags"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/session"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/wheelhouse"
	"github.com/pyimg/pyimg/internal/serve"
)

func wheelsServeCommand(con console.Console) *cli.Command {
	return cmdline.Command(&cli.Command{
		Name:      "serve",
		Usage:     "serve an index of wheels over http, to pip, uv and pyimg",
		ArgsUsage: "[WHEELS.YAML|DIR|oci:REF]",
		Description: "Prints where it serves, and serves until it is interrupted: pages as HTML, or as JSON to clients that ask for it (PEP 691),\n" +
			"wheels with ranges, and a page for people at /. Wheels that a build adds meanwhile are there at once. Logs each request to stderr.\n" +
			"There is no TLS and no password: put it behind a server that has them, or on a network that you trust.\n\n" +
			"Example: pyimg wheels serve ./index --addr 0.0.0.0:8080\n" +
			"         pip install --index-url http://HOST:8080/simple/ markupsafe",
		Flags: append(wheelhouse.Reach(),
			flags.Progress(),
			&cli.StringFlag{Name: "addr", Value: "127.0.0.1:8080", Usage: "`HOST:PORT` listen there; port 0 is any that is free"},
			&cli.BoolFlag{Name: "json", Usage: "print where it serves, and log requests, as JSON: an object a line"}),
		Action: action(con, wheelsServe),
	})
}

func wheelsServe(ctx context.Context, run *session.Session, c *cli.Context) error {
	index, _, err := wheelhouse.OpenIndex(ctx, run, c.Args().Slice())
	if err != nil {
		return err
	}
	if err := index.WriteStatus(); err != nil {
		run.Warn(fmt.Sprintf("the page for people is not up to date: %v", err))
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", c.String("addr"))
	if err != nil {
		return fmt.Errorf("listening for clients: %w; choose another address with --addr", err)
	}
	address := "http://" + l.Addr().String() + "/simple/"
	log := serve.Text(run.Stderr)
	if c.Bool("json") {
		log = serve.JSON(run.Stderr)
		err = json.NewEncoder(run.Stdout).Encode(map[string]string{"url": address})
	} else {
		_, err = fmt.Fprintln(run.Stdout, address)
	}
	if err != nil {
		return errors.Join(err, l.Close())
	}
	return serve.Run(ctx, l, serve.Logged(index.Handler(), log))
}
