package main

import (
	"github.com/urfave/cli/v2"

	"github.com/pyimg/pyimg/cmd/pyimg/internal/cmdline"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/console"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/session"
)

func app(con console.Console) *cli.App {
	return cmdline.App(&cli.App{
		Name:  "pyimg",
		Usage: "assemble Python container images from Alpine packages and prebuilt runtimes",
		Description: "No daemon, no root, no container run: an apk's data stream already is an image layer, and pyimg keeps it so.\n\n" +
			"Exit codes: 0 done, 1 failed, 2 wrong use or bad spec, 3 no solution for the packages,\n" +
			"4 authentication, 5 network or registry, 6 verification failed, 130 interrupted.",
		Writer:    con.Stdout,
		ErrWriter: con.Stderr,
		Commands: checked(
			assembleCommand(con),
			lockCommand(con),
			runImageCommand(con),
			resolveCommand(con),
			inspectCommand(con),
			diffCommand(con),
			verifyCommand(con),
			pushCommand(con),
			runtimeCommand(con),
			bundleCommand(con),
			cacheCommand(con),
			indexCommand(con),
			attachCommand(con),
			demoCommand(con),
			versionCommand(con),
			completionCommand(con),
		),
	})
}

// checked has each command refuse several outputs on stdout before it does anything.
func checked(commands ...*cli.Command) []*cli.Command {
	for _, c := range commands {
		c.Before = session.OneOnStdout
		checked(c.Subcommands...)
	}
	return commands
}
