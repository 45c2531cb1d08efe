package main

import (
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/pyimg/pyimg/internal/exit"
	"github.com/pyimg/pyimg/internal/near"
)

func (p program) app() *cli.App {
	return &cli.App{
		Name:  "pyimg",
		Usage: "assemble Python container images from Alpine packages and prebuilt runtimes",
		Description: "No daemon, no root, no container run: an apk's data stream already is an image layer, and pyimg keeps it so.\n\n" +
			"Exit codes: 0 done, 1 failed, 2 wrong use or bad spec, 3 no solution for the packages,\n" +
			"4 authentication, 5 network or registry, 6 verification failed, 130 interrupted.",
		HideVersion: true,
		HideHelp:    true, // see help.go; urfave's own flag is a variable that all commands share
		// A comma may stand in a path or a dependency; a flag is given once for each value.
		DisableSliceFlagSeparator: true,
		Writer:                    p.stdout,
		ErrWriter:                 p.stderr,
		ExitErrHandler:            func(*cli.Context, error) {}, // run decides
		OnUsageError:              func(_ *cli.Context, err error, _ bool) error { return exit.WrongUse(err) },
		Commands: []*cli.Command{
			p.assembleCommand(),
			p.lockCommand(),
			p.runImageCommand(),
			p.resolveCommand(),
			p.inspectCommand(),
			p.diffCommand(),
			p.verifyCommand(),
			p.pushCommand(),
			p.runtimeCommand(),
			p.mirrorCommand(),
			p.cacheCommand(),
			p.indexCommand(),
			p.attachCommand(),
			p.demoCommand(),
			p.versionCommand(),
			p.completionCommand(),
		},
	}
}

// command gives a command what all of them share.
func command(c *cli.Command) *cli.Command {
	c.HideHelp = true
	c.Before = oneOnStdout
	c.OnUsageError = func(_ *cli.Context, err error, _ bool) error {
		return exit.WrongUse(fmt.Errorf("%w; see \"%s --help\"", err, c.HelpName))
	}
	return c
}

// group is a command that only holds others, each made by [command]: pyimg NAME SUB [FLAG...] [ARG...].
func group(name, usage string, subs ...*cli.Command) *cli.Command {
	return command(&cli.Command{
		Name: name, Usage: usage, Subcommands: subs,
		Action: func(c *cli.Context) error {
			var names []string
			for _, sub := range subs {
				names = append(names, sub.Name)
			}
			known := fmt.Sprintf("its commands are %s; see \"pyimg %s --help\"", strings.Join(names, ", "), name)
			if c.NArg() == 0 {
				return exit.Usagef("%s needs a command; %s", name, known)
			}
			meant := near.Name(c.Args().First(), names)
			if meant != "" {
				meant = fmt.Sprintf("; did you mean \"pyimg %s %s\"?", name, meant)
			}
			return exit.Usagef("%s has no command %q%s; %s", name, c.Args().First(), meant, known)
		},
	})
}
