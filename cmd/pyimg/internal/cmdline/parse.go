// Package cmdline takes a command line apart: commands, groups of them, flags that come before and after arguments, help and
// the completion of shells. It knows no command of pyimg.
package cmdline

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/pyimg/pyimg/internal/exit"
	"github.com/pyimg/pyimg/internal/near"
)

// Invocation is a command line taken apart.
type Invocation struct {
	Command *cli.Command // nil where the first argument is no command's name
	names   []string     // of the command, from its group down
	flags   []string     // with their values
	args    []string
	help    bool // is asked for; the command does not run
}

// Run does what a command line asks for: it runs the command, prints help, or completes a word. values are those of flags.
func Run(ctx context.Context, app *cli.App, args []string, values Values) error {
	if len(args) > 1 && args[1] == completeCommand {
		return complete(app, args[2:], values)
	}
	in, err := Parse(app, args[min(1, len(args)):])
	if err != nil {
		return err
	}
	if in.help {
		help(app, in)
		return nil
	}
	return app.RunContext(ctx, slices.Concat([]string{"pyimg"}, in.names, in.flags, []string{"--"}, in.args))
}

// Parse finds the command and its flags, which may come before and after its arguments; urfave/cli stops reading flags at
// the first argument. What follows "--" are arguments.
func Parse(app *cli.App, args []string) (Invocation, error) {
	if len(args) > 0 && args[0] == "help" {
		args = append(slices.Clone(args[1:]), "--help")
	}
	switch {
	case len(args) == 0 || isHelp(args[0]):
		return Invocation{help: true}, nil
	case args[0] == "--version" || args[0] == "-v":
		args = append([]string{"version"}, args[1:]...)
	case strings.HasPrefix(args[0], "-"):
		return Invocation{}, exit.Usagef("flag %s comes before a command; flags follow it, as in \"pyimg COMMAND %[1]s\"", args[0])
	}
	cmd := app.Command(args[0])
	if cmd == nil {
		return Invocation{}, noCommand(app, args[0])
	}
	in := Invocation{}
	in.Command, in.names, args = subCommand(cmd, args[:1], args[1:])
	return in, in.read(args)
}

func isHelp(arg string) bool { return slices.Contains([]string{"--help", "-help", "-h"}, arg) }

// read takes flags and arguments apart.
func (in *Invocation) read(args []string) error {
	for ; len(args) > 0; args = args[1:] {
		a := args[0]
		switch {
		case a == "--":
			in.args = append(in.args, args[1:]...)
			return nil
		case in.names[0] == "run" && !strings.HasPrefix(a, "-"): // what follows the image is another program's
			in.args = append(in.args, args...)
			return nil
		case a == "-" || !strings.HasPrefix(a, "-"):
			in.args = append(in.args, a)
			continue
		case isHelp(a):
			in.help = true
			continue
		}
		flag := findFlag(in.Command, a)
		if flag == nil {
			return in.noFlag(a)
		}
		if optional, ok := flag.(*OptionalFlag); ok && !strings.Contains(a, "=") && optional.isAlone(args[1:]) {
			in.flags = append(in.flags, a+"="+optional.Alone)
			continue
		}
		in.flags = append(in.flags, a)
		if !TakesValue(flag) || strings.Contains(a, "=") {
			continue
		}
		if len(args) == 1 {
			return exit.Usagef("flag %s needs a value; see %q", a, in.usage())
		}
		args = args[1:]
		in.flags = append(in.flags, args[0])
	}
	return nil
}

// usage is how help for the command is asked for.
func (in *Invocation) usage() string { return "pyimg " + strings.Join(in.names, " ") + " --help" }

// noFlag is the error for a flag that the command does not have.
func (in *Invocation) noFlag(arg string) error {
	name, _, _ := strings.Cut(arg, "=")
	var known []string
	for _, f := range in.Command.Flags {
		known = append(known, f.Names()...)
	}
	meant := near.Name(strings.TrimLeft(name, "-"), append(known, "help"))
	if meant != "" {
		meant = "; did you mean --" + meant + "?"
	}
	return exit.Usagef("%s has no flag %s%s; see %q", strings.Join(in.names, " "), name, meant, in.usage())
}

// noCommand is the error for a first argument that is no command's name.
func noCommand(app *cli.App, arg string) error {
	var commands, subs []string
	paths := map[string]string{} // the first command of that name
	for _, c := range app.Commands {
		for _, name := range c.Names() {
			commands = append(commands, name)
			paths[name] = c.Name
		}
		for _, sub := range c.Subcommands {
			if subs = append(subs, sub.Name); paths[sub.Name] == "" {
				paths[sub.Name] = c.Name + " " + sub.Name
			}
		}
	}
	meant := near.Name(arg, commands)
	if arg == "build" && slices.Contains(commands, "assemble") {
		meant = "assemble" // what other tools call it
	}
	if meant == "" {
		meant = near.Name(arg, subs)
	}
	if meant != "" {
		meant = fmt.Sprintf("; did you mean %q?", "pyimg "+paths[meant])
	}
	return exit.Usagef("no command %q%s; \"pyimg --help\" lists them", arg, meant)
}

// subCommand finds the command that args are for: the name of a group's command may come after flags, too. names lead
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

// findFlag is the flag that an argument names, with one dash or two; nil if there is none.
func findFlag(cmd *cli.Command, arg string) cli.Flag {
	name, _, _ := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(arg, "-"), "-"), "=")
	for _, f := range cmd.Flags {
		if slices.Contains(f.Names(), name) {
			return f
		}
	}
	return nil
}

// TakesValue reports whether a flag needs a value: all but switches do.
func TakesValue(f cli.Flag) bool {
	_, boolean := f.(*cli.BoolFlag)
	return !boolean
}
