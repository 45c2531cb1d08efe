package main

import (
	"context"
	"fmt"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/pyimg/pyimg/cmd/pyimg/internal/cmdline"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/console"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/flags"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/rootless"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/session"
	"github.com/pyimg/pyimg/internal/exit"
	"github.com/pyimg/pyimg/internal/sandbox"
	"github.com/pyimg/pyimg/internal/termtext"
	"github.com/pyimg/pyimg/layers"
)

func cachePruneCommand(con console.Console) *cli.Command {
	return cmdline.Command(&cli.Command{
		Name:  "prune",
		Usage: "remove from the cache what was not used for longest",
		Description: "What other runs that are under way rely on stays. Without a bound only what nobody can use goes:\n" +
			"what killed runs have left, and records of layers that are gone.\n\n" +
			"Example: pyimg cache prune --max-size 2GiB --older-than 30d",
		Flags: []cli.Flag{
			flags.Cache(),
			&cli.StringFlag{Name: "max-size", Usage: "`SIZE` leave at most so much, such as 2GiB, 500MB or 0"},
			&cli.StringFlag{Name: "older-than", Usage: "`AGE` remove what was last used longer ago, such as 30d, 720h or 90m"},
			&cli.BoolFlag{Name: "dry-run", Usage: "say what would go, and remove nothing"},
			&cli.BoolFlag{Name: "json", Usage: "as JSON; sizes in bytes"},
		},
		Action: action(con, cachePrune),
	})
}

func cachePrune(ctx context.Context, run *session.Session, c *cli.Context) error {
	options := layers.PruneOptions{DryRun: c.Bool("dry-run")}
	if c.IsSet("max-size") {
		size, err := flags.Size(c.String("max-size"))
		if err != nil {
			return exit.Usagef("--max-size: %w", err)
		}
		options.MaxBytes = &size
	}
	if c.IsSet("older-than") {
		age, err := flags.Age(c.String("older-than"))
		if err != nil {
			return exit.Usagef("--older-than: %w", err)
		}
		options.UsedBefore = time.Now().Add(-age)
	}
	store, err := openedStore(run, c)
	if err != nil {
		return err
	}
	if _, ok := sandbox.NeedsJobs(); ok {
		options.RemoveFolder = func(dir string) error { return rootless.Remove(ctx, dir) }
	}
	pruned, err := store.Prune(options)
	if err != nil {
		return fmt.Errorf("pruning the cache: %w", err)
	}
	if c.Bool("json") {
		return run.EncodeJSON(map[string]layers.Contents{"removed": pruned.Removed, "left": pruned.Left, "spared": pruned.Spared}, "")
	}
	title := "removed"
	if options.DryRun {
		title = "would remove"
	}
	fmt.Fprintf(run.Stdout, "%s\n", title)
	printContents(run.Stdout, pruned.Removed)
	fmt.Fprintf(run.Stdout, "\nleft\n")
	printContents(run.Stdout, pruned.Left)
	if n := pruned.Spared.Total(); n.Files > 0 {
		run.Warn(fmt.Sprintf("%s of %s beyond the bounds are left: other runs may rely on them", termtext.Count(n.Files, "file"), termtext.Size(n.Bytes)))
	}
	return nil
}
