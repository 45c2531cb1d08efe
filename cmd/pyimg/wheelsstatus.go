package main

import (
	"cmp"
	"context"
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/pyimg/pyimg/cmd/pyimg/internal/cmdline"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/console"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/flags"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/session"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/wheelhouse"
	"github.com/pyimg/pyimg/wheels/repository"
)

func wheelsStatusCommand(con console.Console) *cli.Command {
	return cmdline.Command(&cli.Command{
		Name:      "status",
		Usage:     "print what an index of wheels has, by platform, and what failed",
		ArgsUsage: "[WHEELS.YAML|DIR|oci:REF]",
		Description: "A table of packages by platform, then the builds that failed with their reasons. It reads the index alone: what is wanted and\n" +
			"missing is said by \"wheels plan\". The same is in the index as index.html, with a search.\n\n" +
			"Example: pyimg wheels status ./index",
		Flags:  append(wheelhouse.Reach(), flags.Progress(), &cli.BoolFlag{Name: "json", Usage: "as JSON"}),
		Action: action(con, wheelsStatus),
	})
}

type statusPackage struct {
	Package string            `json:"package"`
	Version string            `json:"version"`
	Wheels  map[string]string `json:"wheels"` // tags by platform
	Yanked  bool              `json:"yanked"`
}

type statusJSON struct {
	Packages []statusPackage      `json:"packages"`
	Failures []repository.Failure `json:"failures"`
}

func wheelsStatus(ctx context.Context, run *session.Session, c *cli.Context) error {
	index, _, err := wheelhouse.OpenIndex(ctx, run, c.Args().Slice())
	if err != nil {
		return err
	}
	s, err := index.Status()
	if err != nil {
		return err
	}
	if c.Bool("json") {
		out := statusJSON{Packages: []statusPackage{}, Failures: append([]repository.Failure{}, s.Failures...)}
		for _, row := range s.Rows {
			p := statusPackage{Package: row.Project, Version: row.Version, Wheels: make(map[string]string), Yanked: row.Yanked}
			for i, cell := range row.Cells {
				if cell != "" {
					p.Wheels[s.Platforms[i]] = cell
				}
			}
			out.Packages = append(out.Packages, p)
		}
		return run.JSON(out)
	}
	rows := [][]string{append([]string{"package", "version"}, s.Platforms...)}
	for _, row := range s.Rows {
		cells := []string{row.Project, row.Version}
		for _, cell := range row.Cells {
			cells = append(cells, cmp.Or(cell, "-"))
		}
		rows = append(rows, cells)
	}
	if err := wheelhouse.Table(run.Stdout, rows); err != nil {
		return err
	}
	for _, f := range s.Failures {
		fmt.Fprintf(run.Stdout, "failed: %s %s for %s %s: %s\n", f.Project, f.Version, f.Python, f.Platform, f.Reason)
	}
	return nil
}
