package main

import (
	"context"
	"fmt"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/pyimg/pyimg/cmd/pyimg/internal/cmdline"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/console"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/flags"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/session"
	"github.com/pyimg/pyimg/layers"
)

func cacheStatCommand(con console.Console) *cli.Command {
	return cmdline.Command(&cli.Command{
		Name:  "stat",
		Usage: "show what the cache holds and when it was used",
		Description: "Blobs are layers' bytes, facts what is known of them, records what was made of what,\n" +
			"folders unpacked layers, temporary is being written.\n\n" +
			"Example: pyimg cache stat --json",
		Flags: []cli.Flag{flags.Cache(), &cli.BoolFlag{Name: "json", Usage: "as JSON; sizes in bytes"}},
		Action: action(con, func(ctx context.Context, run *session.Session, c *cli.Context) error {
			store, err := openedStore(run, c)
			if err != nil {
				return err
			}
			stat, err := store.Stat()
			if err != nil {
				return err
			}
			return printStat(run, c, stat)
		}),
	})
}

func printStat(run *session.Session, c *cli.Context, stat layers.Stat) error {
	if c.Bool("json") {
		return run.EncodeJSON(struct {
			layers.Contents
			Total  layers.Amount `json:"total"`
			Oldest *time.Time    `json:"oldestUse,omitempty"`
			Newest *time.Time    `json:"newestUse,omitempty"`
			Runs   int           `json:"runs"`
		}{stat.Contents, stat.Total(), jsonTime(stat.Oldest), jsonTime(stat.Newest), stat.Runs}, "")
	}
	printContents(run.Stdout, stat.Contents)
	if !stat.Oldest.IsZero() {
		fmt.Fprintf(run.Stdout, "oldest use  %s\nnewest use  %s\n", stat.Oldest.Format(time.RFC3339), stat.Newest.Format(time.RFC3339))
	}
	fmt.Fprintf(run.Stdout, "runs        %d at once with this one\n", stat.Runs)
	return nil
}

func jsonTime(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC().Truncate(time.Second)
	return &t
}
