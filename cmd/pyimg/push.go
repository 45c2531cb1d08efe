package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/urfave/cli/v2"

	"github.com/pyimg/pyimg/cmd/pyimg/internal/cmdline"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/console"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/flags"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/many"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/session"
	"github.com/pyimg/pyimg/internal/exit"
	"github.com/pyimg/pyimg/push/disk"
	"github.com/pyimg/pyimg/push/oci"
)

func pushCommand(con console.Console) *cli.Command {
	return cmdline.Command(&cli.Command{
		Name:      "push",
		Usage:     "push what was assembled earlier, elsewhere",
		ArgsUsage: "LAYOUT REF...",
		Description: "LAYOUT is DIR[:TAG] of an OCI layout, or an archive. What the layout has attached to the image (signatures, bills of\n" +
			"materials) is pushed with it. Prints REF@DIGEST, a line each.\n\n" +
			"Example: pyimg push image/:latest ghcr.io/you/python:3.14",
		Flags:  append(append(flags.Registry(), flags.Push()...), resultFlags()...),
		Action: action(con, pushLayout),
	})
}

func pushLayout(ctx context.Context, run *session.Session, c *cli.Context) error {
	if c.NArg() < 2 {
		return exit.Usagef("push takes a layout and at least one image reference; see \"pyimg push --help\"")
	}
	refs := c.Args().Slice()[1:]
	if err := run.ReadLogin(); err != nil {
		return err
	}
	if err := run.Registry().CheckRefs(refs, flags.PushOptions(c)); err != nil {
		return exit.WrongUse(err)
	}
	path, _ := session.OnDisk(c.Args().First())
	if path == "" {
		path = c.Args().First()
	}
	index, err := disk.ReadLayout(path)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w; \"pyimg assemble --output oci:DIR\" writes a layout, and \"pyimg assemble --push REF\" needs none", err)
	}
	if err != nil {
		return session.NoImage(path, err)
	}
	ctx, pushing, err := run.BeginPush(ctx, refs, flags.PushOptions(c))
	if err != nil {
		return err
	}
	defer pushing.Close()
	r, err := pushWithReferrers(ctx, run, pushing, index, func() ([]oci.Referrer, error) { return disk.ReadReferrers(path) })
	if err != nil {
		return err
	}
	return results(ctx, run, c, many.Image{}, r)
}
