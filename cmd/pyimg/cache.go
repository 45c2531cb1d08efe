package main

import (
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/pyimg/pyimg/cmd/pyimg/internal/cmdline"
	"github.com/pyimg/pyimg/internal/exit"
	"github.com/pyimg/pyimg/internal/sandbox"
	"github.com/pyimg/pyimg/internal/termtext"
	"github.com/pyimg/pyimg/layers"
)

func (p program) cacheCommand() *cli.Command {
	return cmdline.Group("cache", "show what the cache holds, and remove what is not used", p.cacheStatCommand(), p.cachePruneCommand())
}

func (p program) cacheStatCommand() *cli.Command {
	return cmdline.Command(&cli.Command{
		Name:  "stat",
		Usage: "show what the cache holds and when it was used",
		Description: "Blobs are layers' bytes, facts what is known of them, records what was made of what,\n" +
			"folders unpacked layers, temporary is being written.\n\n" +
			"Example: pyimg cache stat --json",
		Flags: []cli.Flag{cacheFlag(), &cli.BoolFlag{Name: "json", Usage: "as JSON; sizes in bytes"}},
		Action: func(c *cli.Context) error {
			store, done, err := p.openedStore(c)
			if err != nil {
				return err
			}
			defer done()
			stat, err := store.Stat()
			if err != nil {
				return err
			}
			return p.printStat(c, stat)
		},
	})
}

func (p program) printStat(c *cli.Context, stat layers.Stat) error {
	if c.Bool("json") {
		return p.EncodeJSON(struct {
			layers.Contents
			Total  layers.Amount `json:"total"`
			Oldest *time.Time    `json:"oldestUse,omitempty"`
			Newest *time.Time    `json:"newestUse,omitempty"`
			Runs   int           `json:"runs"`
		}{stat.Contents, stat.Total(), jsonTime(stat.Oldest), jsonTime(stat.Newest), stat.Runs}, "")
	}
	printContents(p.Stdout, stat.Contents)
	if !stat.Oldest.IsZero() {
		fmt.Fprintf(p.Stdout, "oldest use  %s\nnewest use  %s\n", stat.Oldest.Format(time.RFC3339), stat.Newest.Format(time.RFC3339))
	}
	fmt.Fprintf(p.Stdout, "runs        %d at once with this one\n", stat.Runs)
	return nil
}

func jsonTime(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC().Truncate(time.Second)
	return &t
}

func printContents(w io.Writer, c layers.Contents) {
	for _, line := range []struct {
		name string
		layers.Amount
	}{{"blobs", c.Blobs}, {"facts", c.Facts}, {"records", c.Records}, {"folders", c.Folders}, {"temporary", c.Temporary}, {"total", c.Total()}} {
		fmt.Fprintf(w, "%-10s  %12s  %12s\n", line.name, termtext.Count(line.Files, "file"), termtext.Size(line.Bytes))
	}
}

func (p program) cachePruneCommand() *cli.Command {
	return cmdline.Command(&cli.Command{
		Name:  "prune",
		Usage: "remove from the cache what was not used for longest",
		Description: "What other runs that are under way rely on stays. Without a bound only what nobody can use goes:\n" +
			"what killed runs have left, and records of layers that are gone.\n\n" +
			"Example: pyimg cache prune --max-size 2GiB --older-than 30d",
		Flags: []cli.Flag{
			cacheFlag(),
			&cli.StringFlag{Name: "max-size", Usage: "`SIZE` leave at most so much, such as 2GiB, 500MB or 0"},
			&cli.StringFlag{Name: "older-than", Usage: "`AGE` remove what was last used longer ago, such as 30d, 720h or 90m"},
			&cli.BoolFlag{Name: "dry-run", Usage: "say what would go, and remove nothing"},
			&cli.BoolFlag{Name: "json", Usage: "as JSON; sizes in bytes"},
		},
		Action: p.cachePrune,
	})
}

func (p program) cachePrune(c *cli.Context) error {
	options := layers.PruneOptions{DryRun: c.Bool("dry-run")}
	if c.IsSet("max-size") {
		size, err := parseSize(c.String("max-size"))
		if err != nil {
			return exit.Usagef("--max-size: %w", err)
		}
		options.MaxBytes = &size
	}
	if c.IsSet("older-than") {
		age, err := parseAge(c.String("older-than"))
		if err != nil {
			return exit.Usagef("--older-than: %w", err)
		}
		options.UsedBefore = time.Now().Add(-age)
	}
	store, done, err := p.openedStore(c)
	if err != nil {
		return err
	}
	defer done()
	if _, ok := sandbox.NeedsJobs(); ok {
		options.RemoveFolder = func(dir string) error { return removeAsRoot(c.Context, dir) }
	}
	pruned, err := store.Prune(options)
	if err != nil {
		return fmt.Errorf("pruning the cache: %w", err)
	}
	if c.Bool("json") {
		return p.EncodeJSON(map[string]layers.Contents{"removed": pruned.Removed, "left": pruned.Left, "spared": pruned.Spared}, "")
	}
	title := "removed"
	if options.DryRun {
		title = "would remove"
	}
	fmt.Fprintf(p.Stdout, "%s\n", title)
	printContents(p.Stdout, pruned.Removed)
	fmt.Fprintf(p.Stdout, "\nleft\n")
	printContents(p.Stdout, pruned.Left)
	if n := pruned.Spared.Total(); n.Files > 0 {
		p.Warn(fmt.Sprintf("%s of %s beyond the bounds are left: other runs may rely on them", termtext.Count(n.Files, "file"), termtext.Size(n.Bytes)))
	}
	return nil
}

// openedStore opens the cache for a command about it, which takes no arguments.
func (p program) openedStore(c *cli.Context) (*layers.Store, func(), error) {
	if c.NArg() > 0 {
		return nil, nil, exit.Usagef("cache %s takes no argument, found %q", c.Command.Name, c.Args().First())
	}
	if c.IsSet("cache-dir") && c.String("cache-dir") == "" {
		return nil, nil, exit.Usagef("--cache-dir is given without a value; leave it out, or is a variable not set?")
	}
	return p.store(c)
}

// parseSize reads a number of bytes with a unit: B, kB, MB, GB, TB by thousands, KiB, MiB, GiB, TiB by 1024.
func parseSize(text string) (int64, error) {
	at := strings.LastIndexAny(text, "0123456789.") + 1
	number, err := strconv.ParseFloat(text[:at], 64)
	unit, known := map[string]float64{
		"": 1, "b": 1, "kb": 1e3, "mb": 1e6, "gb": 1e9, "tb": 1e12,
		"kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30, "tib": 1 << 40,
	}[strings.ToLower(strings.TrimSpace(text[at:]))]
	if err != nil || !known || !(number >= 0) || number*unit >= math.MaxInt64 {
		return 0, fmt.Errorf("%q is no size; expected a number with a unit, such as 2GiB or 500MB", text)
	}
	return int64(number * unit), nil
}

// parseAge reads a duration as Go writes it, or a number of days.
func parseAge(text string) (time.Duration, error) {
	const day = 24 * time.Hour
	age, err := time.ParseDuration(text)
	if days, found := strings.CutSuffix(text, "d"); found {
		var n int64
		if n, err = strconv.ParseInt(days, 10, 32); err == nil && n > int64(math.MaxInt64/day) {
			err = errors.New("too long")
		}
		age = time.Duration(n) * day
	}
	if err != nil || age < 0 {
		return 0, fmt.Errorf("%q is no age; expected a number with a unit, such as 30d, 720h or 90m", text)
	}
	return age, nil
}
