package main

import (
	"context"

	"github.com/urfave/cli/v2"

	"github.com/pyimg/pyimg/cmd/pyimg/internal/cmdline"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/console"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/demo"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/session"
)

func demoCommand(con console.Console) *cli.Command {
	return cmdline.Command(&cli.Command{
		Name:  "demo",
		Usage: "the whole pipeline with no network: assemble, push, pull back and verify an image for two platforms",
		Description: "Serves a small signed mirror and a registry on loopback, works on them as on real ones, and leaves an OCI layout\n" +
			"to look at. Alpine's packages and Python are stand-ins: their programs start, print what they stand for, and end.\n\n" +
			"Example: pyimg demo --output image",
		Flags: []cli.Flag{&cli.StringFlag{Name: "output", Value: "pyimg-demo", Usage: "`DIR` the folder of the OCI layout"}},
		Action: action(con, func(ctx context.Context, run *session.Session, c *cli.Context) error {
			return demo.Run(ctx, run.Stdout, c.String("output"), run.Command)
		}),
	})
}
