package main

import (
	"context"
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/pyimg/pyimg/cmd/pyimg/internal/cmdline"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/console"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/session"
)

func versionCommand(con console.Console) *cli.Command {
	return cmdline.Command(&cli.Command{
		Name:  "version",
		Usage: "say which pyimg this is",
		Flags: []cli.Flag{&cli.BoolFlag{Name: "json", Usage: "as JSON"}},
		Action: action(con, func(ctx context.Context, run *session.Session, c *cli.Context) error {
			v := readVersion()
			if c.Bool("json") {
				return run.EncodeJSON(v, "")
			}
			fmt.Fprintf(run.Stdout, "pyimg %s (%s, %s)\n", v.Version, v.Go, v.Platform)
			return nil
		}),
	})
}
