package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

func (p program) app() *cli.App {
	return &cli.App{
		Name:  "pyimg",
		Usage: "assemble Python container images from Alpine packages and prebuilt runtimes",
		Description: "No daemon, no root, no container run: an apk's data stream already is an image layer, and pyimg keeps it so.\n" +
			"Exit codes: 0 done, 1 failed, 2 wrong use or bad spec, 3 no solution for the packages,\n" +
			"4 authentication, 5 network or registry, 6 verification failed.",
		HideVersion:          true,
		HideHelpCommand:      true,
		EnableBashCompletion: true,
		// A comma may stand in a path or a dependency; a flag is given once for each value.
		DisableSliceFlagSeparator: true,
		Writer:                    p.stdout,
		ErrWriter:                 p.stderr,
		ExitErrHandler:            func(*cli.Context, error) {}, // run decides
		OnUsageError:              func(_ *cli.Context, err error, _ bool) error { return usageError{err} },
		Action:                    noCommand,
		Commands: []*cli.Command{
			p.assembleCommand(),
			p.lockCommand(),
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

// noCommand runs where the first argument is no command's name.
func noCommand(c *cli.Context) error {
	if c.NArg() > 0 {
		return usagef("no command %q; \"pyimg --help\" lists them", c.Args().First())
	}
	return cli.ShowAppHelp(c)
}

// command gives a command what all of them share.
func command(c *cli.Command) *cli.Command {
	c.HideHelpCommand = true
	c.Before = oneOnStdout
	for _, f := range c.Flags {
		if b, ok := f.(*cli.BoolFlag); ok {
			b.DisableDefaultText = true
		}
	}
	c.OnUsageError = func(_ *cli.Context, err error, _ bool) error {
		return usageError{fmt.Errorf("%w; see \"%s --help\"", err, c.HelpName)}
	}
	return c
}

// group is a command that only holds others, each made by [command]: pyimg NAME SUB [FLAG...] [ARG...].
func group(name, usage string, subs ...*cli.Command) *cli.Command {
	return command(&cli.Command{
		Name: name, Usage: usage, UsageText: "pyimg " + name + " COMMAND [FLAG...] [ARG...]", Subcommands: subs,
		Action: func(c *cli.Context) error {
			var names []string
			for _, sub := range subs {
				names = append(names, sub.Name)
			}
			known := fmt.Sprintf("its commands are %s; see \"pyimg %s --help\"", strings.Join(names, ", "), name)
			if c.NArg() > 0 {
				return usagef("%s has no command %q; %s", name, c.Args().First(), known)
			}
			return usagef("%s needs a command; %s", name, known)
		},
	})
}

// flagsFirst moves a command's flags before its arguments, since urfave/cli stops reading flags at the first argument.
// What follows "--" stays as it is.
func flagsFirst(app *cli.App, args []string) ([]string, error) {
	const completing = "--generate-bash-completion" // urfave/cli wants it last
	if len(args) < 2 || args[len(args)-1] == completing {
		return args, nil
	}
	switch args[1] { // what people type first
	case "--version", "-v":
		args[1] = "version"
	case "help":
		args[1] = "--help"
	}
	cmd := app.Command(args[1])
	if cmd == nil {
		return args, nil
	}
	cmd, names, in := subCommand(cmd, args[1:2], args[2:])
	if len(cmd.Subcommands) > 0 {
		return slices.Concat(args[:1], names, in), nil // it says what is missing
	}
	var flags, rest []string
	for ; len(in) > 0; in = in[1:] {
		a := in[0]
		if a == "--" {
			rest = append(rest, in[1:]...)
			break
		}
		if a == "-" || !strings.HasPrefix(a, "-") {
			rest = append(rest, a)
			continue
		}
		flags = append(flags, a)
		if !takesValue(cmd, a) {
			continue
		}
		if len(in) == 1 {
			return nil, usagef("flag %s needs a value; see \"pyimg %s --help\"", a, strings.Join(names, " "))
		}
		in = in[1:]
		flags = append(flags, in[0])
	}
	return slices.Concat(args[:1], names, flags, []string{"--"}, rest), nil
}

// subCommand finds the command that args are for: the name of a group's command may stand after flags, too. names lead
// from the group to it, and in is what is left of args.
func subCommand(cmd *cli.Command, names, args []string) (found *cli.Command, path, in []string) {
	for i, a := range args {
		sub := slices.IndexFunc(cmd.Subcommands, func(c *cli.Command) bool { return c.HasName(a) })
		if sub >= 0 {
			rest := slices.Concat(args[:i], args[i+1:])
			return subCommand(cmd.Subcommands[sub], slices.Concat(names, []string{a}), rest)
		}
		if a == "--" {
			break
		}
	}
	return cmd, names, args
}

// takesValue tells whether the argument after the flag is its value.
func takesValue(cmd *cli.Command, arg string) bool {
	name := strings.TrimLeft(arg, "-")
	if strings.Contains(name, "=") {
		return false
	}
	for _, f := range cmd.Flags {
		for _, n := range f.Names() {
			if n == name {
				_, boolean := f.(*cli.BoolFlag)
				return !boolean
			}
		}
	}
	return false
}
