package main

import (
	"context"

	"github.com/urfave/cli/v2"

	"github.com/pyimg/pyimg/cmd/pyimg/internal/cmdline"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/console"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/flags"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/many"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/session"
	"github.com/pyimg/pyimg/internal/exit"
	"github.com/pyimg/pyimg/push"
)

func indexCommand(con console.Console) *cli.Command {
	flags := append(flags.Registry(), resultFlags()...)
	flags = append(flags,
		&cli.StringSliceFlag{Name: "tag", Usage: "`REF` another reference for the index"},
		&cli.StringSliceFlag{Name: "annotation", Usage: "`KEY=VALUE` put an annotation on the index"},
	)
	return cmdline.Group("index", "work on multi-platform indexes", cmdline.Command(&cli.Command{
		Name:      "create",
		Usage:     "join images that several machines pushed by digest into one index",
		ArgsUsage: "REF SRC...",
		Description: "Each SRC is an image or an index in a registry. What their indexes all state as an annotation the new one states,\n" +
			"too: parts that were assembled with --push REPO --by-digest get the digest of the image assembled whole. Nothing\n" +
			"is uploaded that REF's registry has. Prints REF@DIGEST.\n\n" +
			"Example: pyimg index create ghcr.io/you/python:3.14 ghcr.io/you/python@sha256:AAA ghcr.io/you/python@sha256:BBB",
		Flags:  flags,
		Action: action(con, indexCreate),
	}))
}

func indexCreate(ctx context.Context, run *session.Session, c *cli.Context) error {
	if err := run.ReadLogin(c.StringSlice("tag")...); err != nil {
		return err
	}
	if c.NArg() < 2 {
		return exit.Usagef("index create takes an image reference and at least one source; see \"pyimg index create --help\"")
	}
	annotations, err := flags.KeyValues(c, "annotation")
	if err != nil {
		return err
	}
	refs := append([]string{c.Args().First()}, c.StringSlice("tag")...)
	registry := run.Registry()
	if err := registry.CheckRefs(refs, push.Options{}); err != nil {
		return exit.WrongUse(err)
	}
	if err := registry.CheckRefs(c.Args().Tail(), push.Options{}); err != nil {
		return exit.WrongUse(err)
	}
	report, err := run.Progress()
	if err != nil {
		return err
	}
	r, err := registry.Join(ctx, refs, c.Args().Tail(), annotations, push.Options{Progress: report})
	report.Close()
	if err != nil {
		return err
	}
	return results(ctx, run, c, many.Image{}, r)
}
