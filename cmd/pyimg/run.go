package main

import (
	"context"

	"github.com/urfave/cli/v2"

	"github.com/pyimg/pyimg/cmd/pyimg/internal/console"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/session"
)

// action runs a command with a session, which is what it works with, and closes that afterwards.
func action(con console.Console, do func(context.Context, *session.Session, *cli.Context) error) cli.ActionFunc {
	return func(c *cli.Context) error {
		run := session.New(con, c, c.Command.Name, c.Args().Slice())
		defer run.Close()
		return do(c.Context, run, c)
	}
}
