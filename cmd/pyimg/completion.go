package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/pyimg/pyimg/assemble/spec"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/cmdline"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/console"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/session"
	"github.com/pyimg/pyimg/internal/exit"
	"github.com/pyimg/pyimg/internal/progress"
)

func completionCommand(con console.Console) *cli.Command {
	return cmdline.Command(&cli.Command{
		Name:      "completion",
		Usage:     "print a shell's completion script",
		ArgsUsage: "bash|zsh|fish",
		Description: "Completes commands, flags and values.\n\n" +
			"Example: source <(pyimg completion bash)\n" +
			"         pyimg completion fish | source",
		Action: action(con, func(ctx context.Context, run *session.Session, c *cli.Context) error {
			script, ok := cmdline.CompletionScripts()[c.Args().First()]
			if !ok || c.NArg() != 1 {
				return exit.Usagef("completion takes the name of a shell: bash, zsh or fish")
			}
			fmt.Fprint(run.Stdout, script)
			return nil
		}),
	})
}

// values are those of a flag that has few; of a list with commas, of its last entry.
func values(f cli.Flag, typed string) []string {
	switch f.Names()[0] {
	case "platform":
		list := typed[:strings.LastIndexByte(typed, ',')+1]
		platforms := spec.Platforms()
		for i := range platforms {
			platforms[i] = list + platforms[i]
		}
		return platforms
	case "progress":
		return progress.Modes()
	case "layers":
		return []string{"auto", "package", "single"}
	case "compression":
		return []string{"gzip", "zstd", "gzip:", "zstd:"}
	case "bytecode":
		return []string{"unchecked", "checked", "none"}
	case "allocator":
		return []string{"jemalloc", "mimalloc", "none"}
	case "output":
		if _, images := f.(*cli.StringSliceFlag); images {
			return outputKinds()
		}
	}
	return nil
}
