package main

import (
	"context"
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/pyimg/pyimg/cmd/pyimg/internal/cmdline"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/console"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/session"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/wheelhouse"
	"github.com/pyimg/pyimg/internal/exit"
	"github.com/pyimg/pyimg/internal/termtext"
	"github.com/pyimg/pyimg/wheel/dependency"
	"github.com/pyimg/pyimg/wheels/repository"
)

func wheelsIndexCommand(con console.Console) *cli.Command {
	return cmdline.Command(&cli.Command{
		Name:      "index",
		Usage:     "write the pages and the manifest of an index, or check them",
		ArgsUsage: "[WHEELS.YAML|DIR]",
		Description: "Writes what follows from the index's records: the pages, manifest.json with the hash of everything, its signature where\n" +
			"wheels.yaml names a key, and index.html for people. \"wheels build\" does it, too; after jobs that shared the folder once more\n" +
			"does no harm. With --check it changes nothing, reads every file, and fails where one is not what the manifest says.\n\n" +
			"Example: pyimg wheels index\n" +
			"         pyimg wheels index --check --verify-key index.pub ./index",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "check", Usage: "change nothing, and check every file"},
			&cli.StringFlag{Name: "verify-key", Usage: "`FILE` with --check: demand that this public key signed the manifest"},
			&cli.StringSliceFlag{Name: "yank", Usage: "`NAME==VERSION` mark a version as one that is only to be installed by name"},
			&cli.StringSliceFlag{Name: "unyank", Usage: "`NAME==VERSION` take such a mark away"},
			&cli.StringFlag{Name: "reason", Usage: "`TEXT` why it is yanked"},
		},
		Action: action(con, wheelsIndex),
	})
}

func wheelsIndex(_ context.Context, run *session.Session, c *cli.Context) error {
	yank, unyank := c.StringSlice("yank"), c.StringSlice("unyank")
	if c.Bool("check") && len(yank)+len(unyank) > 0 || c.IsSet("verify-key") && !c.Bool("check") {
		return exit.Usagef("--check changes nothing, so it excludes --yank and --unyank; --verify-key is for --check")
	}
	index, config, err := wheelhouse.OpenIndex(c.Args().Slice())
	if err != nil {
		return err
	}
	var m repository.Manifest
	if c.Bool("check") {
		verify, err := wheelhouse.Verifier(c.String("verify-key"))
		if err != nil {
			return err
		}
		if m, err = index.Check(verify); err != nil {
			return err
		}
	} else {
		if err := yankAll(index, yank, c.String("reason"), false); err != nil {
			return err
		}
		if err := yankAll(index, unyank, "", true); err != nil {
			return err
		}
		sign, err := wheelhouse.Signer(run, config)
		if err != nil {
			return err
		}
		if m, err = index.Publish(sign); err != nil {
			return err
		}
		if err := index.WriteStatus(); err != nil {
			return err
		}
	}
	_, err = fmt.Fprintf(run.Stdout, "%s: %s, %s\n", index.Dir(), termtext.Count(len(m.Wheels), "wheel"), termtext.Count(len(m.Pages), "page"))
	return err
}

func yankAll(index *repository.Repository, named []string, reason string, undo bool) error {
	for _, text := range named {
		r, err := dependency.ParseRequirement(text)
		if err != nil {
			return exit.WrongUse(err)
		}
		v, ok := r.Specifiers.Pin()
		if !ok {
			return exit.Usagef("--yank %q: expected NAME==VERSION", text)
		}
		if _, err := index.Yank(dependency.Normalize(r.Name), v, reason, undo); err != nil {
			return err
		}
	}
	return nil
}
