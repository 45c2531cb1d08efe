package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/pyimg/pyimg/assemble/input"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/cmdline"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/console"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/flags"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/session"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/wheelhouse"
	"github.com/pyimg/pyimg/internal/exit"
	"github.com/pyimg/pyimg/wheels/plan"
)

func wheelsPlanCommand(con console.Console) *cli.Command {
	return cmdline.Command(&cli.Command{
		Name:      "plan",
		Usage:     "print which wheels the index lacks, in the order of their build requirements",
		ArgsUsage: "[WHEELS.YAML]",
		Description: "Prints a line for each wheel: what is to be done, the package, and the Python and platform. \"missing\" and\n" +
			"\"outdated\" are to be built, \"served\" is in another index already. Nothing is built.\n\n" +
			"Example: pyimg wheels plan\n" +
			"         pyimg wheels plan --matrix --shards 8 >> $GITHUB_OUTPUT",
		Flags: append(wheelhouse.Flags(),
			&cli.StringFlag{Name: "shard", Usage: "`I/N` only the part that job I of N builds"},
			&cli.IntFlag{Name: "shards", Value: 4, Usage: "`N` with --matrix: deal the work out to at most so many jobs"},
			&cli.BoolFlag{Name: "matrix", Usage: "print matrix={\"shard\": [...]}, the shards that have work, for a matrix of GitHub Actions"},
			&cli.BoolFlag{Name: "json", Usage: "as JSON"},
			flags.Progress()),
		Action: action(con, wheelsPlan),
	})
}

func wheelsPlan(ctx context.Context, run *session.Session, c *cli.Context) error {
	if c.Bool("json") && c.Bool("matrix") || c.Int("shards") < 1 {
		return exit.Usagef("--json and --matrix exclude each other, and --shards is a number from 1 on")
	}
	setting, err := wheelhouse.Read(ctx, run, c.Args().Slice())
	if err != nil {
		return err
	}
	var p plan.Plan
	err = run.Progressing(func(progress input.Progress) error {
		house, err := wheelhouse.Open(ctx, run, setting, progress)
		if err != nil {
			return err
		}
		p, err = house.Planner.Make(ctx)
		return err
	})
	if err != nil {
		return err
	}
	if p, err = wheelhouse.Shard(c, p); err != nil {
		return err
	}
	switch {
	case c.Bool("matrix"):
		return printMatrix(run, p, c.Int("shards"))
	case c.Bool("json"):
		return run.JSON(plannedJSON(p))
	}
	var rows [][]string
	for _, i := range p.Items {
		if i.Wanted || i.ToBuild() {
			rows = append(rows, []string{string(i.State), i.Name(), wheelhouse.PlatformName(p.Targets[i.Target]), cmp.Or(i.Reason, i.Wheel)})
		}
	}
	return wheelhouse.Table(run.Stdout, rows)
}

// printMatrix prints the shards as one line that GitHub Actions takes as an output.
func printMatrix(run *session.Session, p plan.Plan, shards int) error {
	names := []string{}
	for _, s := range p.Work(shards) {
		names = append(names, s.String())
	}
	text, err := json.Marshal(map[string][]string{"shard": names})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(run.Stdout, "matrix=%s\n", text)
	return err
}

type plannedItem struct {
	Package  string   `json:"package"`
	Version  string   `json:"version,omitempty"`
	Python   string   `json:"python"`
	Platform string   `json:"platform"`
	State    string   `json:"state"`
	Reason   string   `json:"reason,omitempty"`
	Wheel    string   `json:"wheel,omitempty"`
	Key      string   `json:"key,omitempty"`
	Wanted   bool     `json:"wanted"`
	Sdist    string   `json:"sdist,omitempty"`
	SHA256   string   `json:"sha256,omitempty"`
	Requires []string `json:"requires,omitempty"` // NAME==VERSION
}

func plannedJSON(p plan.Plan) []plannedItem {
	out := make([]plannedItem, len(p.Items))
	for n, i := range p.Items {
		t := p.Targets[i.Target]
		out[n] = plannedItem{Package: i.Project, Version: i.Version, Python: t.Python, Platform: t.Platform, State: string(i.State), Reason: i.Reason,
			Wheel: i.Wheel, Key: i.Key, Wanted: i.Wanted, Sdist: i.Sdist.File, SHA256: i.Sdist.SHA256}
		for _, q := range i.Requires {
			out[n].Requires = append(out[n].Requires, q.Project+"=="+q.Version.String())
		}
	}
	return out
}
