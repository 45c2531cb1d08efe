package session

import (
	"io"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/pyimg/pyimg/cmd/pyimg/internal/console"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/flags"
	"github.com/pyimg/pyimg/internal/exit"
	"github.com/pyimg/pyimg/push/disk"
)

// outputFlags are those that name files to be written.
func outputFlags() []string {
	return []string{"output", "digest-file", "metadata-file", "image-refs"}
}

// stdoutOutputs are the flags of the command line that write a file to stdout.
func stdoutOutputs(set flags.Set, command string) []string {
	flags := outputFlags()
	if command == "lock" { // other commands read it
		flags = append(flags, "lock")
	}
	var found []string
	for _, flag := range flags {
		for _, v := range append(set.StringSlice(flag), set.String(flag)) {
			if kind, rest, ok := disk.SplitKind(v); ok && !kind.Folder && flag == "output" {
				v, _ = disk.SplitName(rest)
			}
			if v != "" && console.OnStdout(v) {
				found = append(found, "--"+flag)
			}
		}
	}
	return found
}

// ResultWriter is where the lines go that a command prints as its result: stdout, unless an output has that to itself.
func (run *Session) ResultWriter() io.Writer {
	if len(stdoutOutputs(run.flags, run.command)) > 0 {
		return run.Stderr
	}
	return run.Stdout
}

// OneOnStdout refuses a command line of which several outputs would be mixed on stdout.
func OneOnStdout(c *cli.Context) error {
	if on := stdoutOutputs(c, c.Command.Name); len(on) > 1 {
		return exit.Usagef("%s write to stdout, which can hold one of them; name a file for the others", strings.Join(on, " and "))
	}
	return nil
}
