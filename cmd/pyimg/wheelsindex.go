package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/pyimg/pyimg/cmd/pyimg/internal/cmdline"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/console"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/flags"
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
		ArgsUsage: "[WHEELS.YAML|DIR|oci:REF] [REPOSITORY@DIGEST|DIR...]",
		Description: "Writes what follows from the index's records: the pages, manifest.json with the hash of everything, its signature where\n" +
			"wheels.yaml names a key, and index.html for people. \"wheels build\" does it, too; after jobs that shared the folder once more\n" +
			"does no harm. To an index in a registry it adds what jobs pushed with \"wheels build --by-digest\", or all that another\n" +
			"index in a folder has, and prints oci:REF@DIGEST.\n" +
			"With --check it changes nothing, reads every file, and fails where one is not what the manifest says.\n\n" +
			"Example: pyimg wheels index\n" +
			"         pyimg wheels index wheels.yaml ghcr.io/you/wheels@sha256:AAA ghcr.io/you/wheels@sha256:BBB\n" +
			"         pyimg wheels index --check --verify-key index.pub ./index",
		Flags: append(wheelhouse.Reach(),
			flags.Progress(),
			&cli.BoolFlag{Name: "check", Usage: "change nothing, and check every file"},
			&cli.StringFlag{Name: "verify-key", Usage: "`FILE` or env://NAME, with --check: demand that this public key signed the manifest"},
			&cli.StringSliceFlag{Name: "yank", Usage: "`NAME==VERSION` mark a version as one that is only to be installed by name"},
			&cli.StringSliceFlag{Name: "unyank", Usage: "`NAME==VERSION` take such a mark away"},
			&cli.StringFlag{Name: "reason", Usage: "`TEXT` why it is yanked"}),
		Action: action(con, wheelsIndex),
	})
}

func wheelsIndex(ctx context.Context, run *session.Session, c *cli.Context) error {
	yank, unyank := c.StringSlice("yank"), c.StringSlice("unyank")
	named, parts := splitParts(c.Args().Slice())
	if c.Bool("check") && len(yank)+len(unyank)+len(parts) > 0 || c.IsSet("verify-key") && !c.Bool("check") {
		return exit.Usagef("--check changes nothing, so it excludes --yank, --unyank and parts to join; --verify-key is for --check")
	}
	index, config, err := wheelhouse.OpenIndex(ctx, run, named)
	if err != nil {
		return err
	}
	if len(parts) > 0 && index.Copy == nil {
		return exit.Usagef("parts are joined in a registry, and the index is the folder %s; copy the files of several folders into one", index.Name)
	}
	if c.Bool("check") {
		verify, err := wheelhouse.Verifier(run, "verify-key", c.String("verify-key"))
		if err != nil {
			return err
		}
		m, err := index.Check(ctx, verify)
		if err != nil {
			return err
		}
		return printIndex(run, index, m)
	}
	if err := errors.Join(yankAll(index.Repository, yank, c.String("reason"), false), yankAll(index.Repository, unyank, "", true)); err != nil {
		return err
	}
	sign, err := wheelhouse.Signer(run, config)
	if err != nil {
		return err
	}
	m, err := index.Publish(ctx, sign, parts...)
	if err != nil {
		return err
	}
	return printIndex(run, index, m)
}

// splitParts separates what names the index from the parts to join.
func splitParts(args []string) (index, parts []string) {
	if len(args) == 0 || wheelhouse.IsPart(args[0]) {
		return nil, args
	}
	return args[:1], args[1:]
}

func printIndex(run *session.Session, x wheelhouse.Index, m repository.Manifest) error {
	if x.Copy != nil {
		fmt.Fprintf(run.Stderr, "pyimg: %s: %s\n", x.Name, termtext.Count(len(m.Wheels), "wheel"))
		_, err := fmt.Fprintf(run.Stdout, "%s@%s\n", x.Name, x.Copy.State.Digest)
		return err
	}
	_, err := fmt.Fprintf(run.Stdout, "%s: %s, %s\n", x.Name, termtext.Count(len(m.Wheels), "wheel"), termtext.Count(len(m.Pages), "page"))
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
