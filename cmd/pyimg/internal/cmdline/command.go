package cmdline

import (
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/pyimg/pyimg/internal/exit"
	"github.com/pyimg/pyimg/internal/near"
)

// App gives an application what this package needs; its Writer takes help.
func App(a *cli.App) *cli.App {
	a.HideVersion = true
	a.HideHelp = true                  // see help.go; urfave's own flag is a variable that all commands share
	a.DisableSliceFlagSeparator = true // a comma may stand in a path or a dependency; a flag is given once for each value
	a.ExitErrHandler = func(*cli.Context, error) {}
	a.OnUsageError = func(_ *cli.Context, err error, _ bool) error { return exit.WrongUse(err) }
	return a
}

// Command gives a command what all of them share.
func Command(c *cli.Command) *cli.Command {
	c.HideHelp = true
	c.OnUsageError = func(_ *cli.Context, err error, _ bool) error {
		return exit.WrongUse(fmt.Errorf("%w; see \"%s --help\"", err, c.HelpName))
	}
	return c
}

// Group is a command that only holds others, each made by [Command]: pyimg NAME SUB [FLAG...] [ARG...].
func Group(name, usage string, subs ...*cli.Command) *cli.Command {
	return Command(&cli.Command{
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
