package main

import (
	"github.com/urfave/cli/v2"

	"github.com/pyimg/pyimg/cmd/pyimg/internal/cmdline"
)

func (p program) app() *cli.App {
	return cmdline.App(&cli.App{
		Name:  "pyimg",
		Usage: "assemble Python container images from Alpine packages and prebuilt runtimes",
		Description: "No daemon, no root, no container run: an apk's data stream already is an image layer, and pyimg keeps it so.\n\n" +
			"Exit codes: 0 done, 1 failed, 2 wrong use or bad spec, 3 no solution for the packages,\n" +
			"4 authentication, 5 network or registry, 6 verification failed, 130 interrupted.",
		Writer:    p.Stdout,
		ErrWriter: p.Stderr,
		Commands: checked(
			p.assembleCommand(),
			p.lockCommand(),
			p.runImageCommand(),
			p.resolveCommand(),
			p.inspectCommand(),
			p.diffCommand(),
			p.verifyCommand(),
			p.pushCommand(),
			p.runtimeCommand(),
			p.bundleCommand(),
			p.cacheCommand(),
			p.indexCommand(),
			p.attachCommand(),
			p.demoCommand(),
			p.versionCommand(),
			p.completionCommand(),
		),
	})
}

// checked has each command refuse several outputs on stdout before it does anything.
func checked(commands ...*cli.Command) []*cli.Command {
	for _, c := range commands {
		c.Before = oneOnStdout
		checked(c.Subcommands...)
	}
	return commands
}
