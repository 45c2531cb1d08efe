package main

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/pyimg/pyimg/assemble/input"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/ci"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/cmdline"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/console"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/flags"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/session"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/wheelhouse"
	"github.com/pyimg/pyimg/internal/exit"
	"github.com/pyimg/pyimg/internal/registryurl"
	"github.com/pyimg/pyimg/internal/termtext"
	"github.com/pyimg/pyimg/wheels/build"
	"github.com/pyimg/pyimg/wheels/plan"
)

func wheelsBuildCommand(con console.Console) *cli.Command {
	return cmdline.Command(&cli.Command{
		Name:      "build",
		Usage:     "build the wheels that the index lacks, and add them to it",
		ArgsUsage: "[WHEELS.YAML]",
		Description: "Builds what \"wheels plan\" says, several packages at once, each in a sandbox without a network, and adds each wheel to\n" +
			"the index as soon as it is built. Prints a table at the end; the exit code is 1 where a wheel is missing. A build that\n" +
			"failed is not tried again until something changes that it depends on, or --retry is given.\n\n" +
			"Example: pyimg wheels build\n" +
			"         pyimg wheels build --shard 2/8 --json",
		Flags: append(wheelhouse.Flags(),
			&cli.StringFlag{Name: "shard", Usage: "`I/N` build only the part of job I of N; jobs may share the index"},
			&cli.IntFlag{Name: "jobs", Usage: "`N` build so many packages at once", DefaultText: "limits.jobs, else what processors and memory allow"},
			&cli.BoolFlag{Name: "retry", Usage: "build again what failed before"},
			&cli.BoolFlag{Name: "by-digest", Usage: "leave the index as it is: push what was built to its repository without a tag, and print REPOSITORY@DIGEST, which \"wheels index\" joins"},
			&cli.BoolFlag{Name: "json", Usage: "print the table as JSON"},
			flags.Progress()),
		Action: action(con, wheelsBuild),
	})
}

func wheelsBuild(ctx context.Context, run *session.Session, c *cli.Context) error {
	setting, err := wheelhouse.Read(ctx, run, c.Args().Slice())
	if err != nil {
		return err
	}
	config := setting.Config
	if c.Bool("by-digest") && !registryurl.IsReference(config.Index) {
		return exit.Usagef("--by-digest is for an index in a registry, and that of %s is the folder %s", config.Name, config.Index)
	}
	sign, err := wheelhouse.Signer(run, config)
	if err != nil {
		return err
	}
	var house *wheelhouse.House
	var p plan.Plan
	err = run.Progressing(func(progress input.Progress) error {
		if house, err = wheelhouse.Open(ctx, run, setting, progress); err == nil {
			p, err = house.Planner.Make(ctx)
		}
		return err
	})
	if err != nil {
		return err
	}
	if p, err = wheelhouse.Shard(c, p); err != nil {
		return err
	}
	if err := house.Index.Ready(); err != nil {
		return err
	}
	work, done, err := wheelhouse.Work()
	if err != nil {
		return err
	}
	defer done()
	results, err := build.Run(ctx, p, house.Built, buildOptions(run, c, house, work))
	part, published := publish(ctx, c, house.Index, sign) // also what was built before an error
	if err = wheelhouse.Together(err, published); err != nil {
		return err
	}
	return reportBuilds(run, c, p, results, part)
}

// publish puts what was built into the index, or stores it by digest alone: then it returns its reference.
func publish(ctx context.Context, c *cli.Context, x wheelhouse.Index, sign func([]byte) ([]byte, error)) (part string, err error) {
	if ctx.Err() != nil { // of a registry nothing is lost: what was built is in the copy, and the next run adds it
		if x.Copy != nil {
			return "", nil
		}
		ctx = context.WithoutCancel(ctx)
	}
	if !c.Bool("by-digest") {
		_, err = x.Publish(ctx, sign)
		return "", err
	}
	digest, err := x.Copy.PushPart(ctx)
	return x.Copy.Index.Reference().Repository + "@" + digest, err
}

// buildOptions fit the builds into the machine, and report them.
func buildOptions(run *session.Session, c *cli.Context, house *wheelhouse.House, work string) build.Options {
	o := house.BuildOptions(run, work, c.Int("jobs"))
	o.Retry = c.Bool("retry")
	if c.String("progress") == "quiet" {
		o.Progress = nil
	}
	return o
}

type builtItem struct {
	Package  string  `json:"package"`
	Version  string  `json:"version,omitempty"`
	Python   string  `json:"python"`
	Platform string  `json:"platform"`
	Result   string  `json:"result"`
	Wheel    string  `json:"wheel,omitempty"`
	Reason   string  `json:"reason,omitempty"`
	Log      string  `json:"log,omitempty"`
	Seconds  float64 `json:"seconds"`
}

// reportBuilds prints the table, writes it for CI, and fails where a wheel is missing.
func reportBuilds(run *session.Session, c *cli.Context, p plan.Plan, results []build.Result, part string) error {
	rows := make([]builtItem, len(results))
	failed := 0
	for n, r := range results {
		t := p.Targets[r.Item.Target]
		reason := r.Reason
		if r.Item.State == plan.Skipped {
			reason = r.Item.Reason
		}
		rows[n] = builtItem{r.Item.Project, r.Item.Version, t.Python, t.Platform, resultText(r), r.Wheel, reason, r.Log, r.Time.Round(10 * time.Millisecond).Seconds()}
		if r.Failed() {
			failed++
		}
	}
	if err := ci.Summary(run.Getenv, "pyimg wheels build", []string{"package", "for", "result", "wheel or reason"}, summaryRows(rows)); err != nil {
		return err
	}
	if err := printBuilds(run, c.Bool("json"), rows, part); err != nil {
		return err
	}
	if failed > 0 {
		return fmt.Errorf("%s of the %d that are wanted could not be built; the logs are in the index, and \"pyimg wheels build --retry\" tries again",
			termtext.Count(failed, "wheel"), len(results))
	}
	return nil
}

// printBuilds prints the table. Where there is a part, its reference is what the next job needs: the table is on stderr then.
func printBuilds(run *session.Session, asJSON bool, rows []builtItem, part string) error {
	switch {
	case asJSON && part != "":
		return run.JSON(map[string]any{"part": part, "wheels": rows})
	case asJSON:
		return run.JSON(rows)
	}
	table := make([][]string, len(rows))
	for i, r := range rows {
		table[i] = []string{r.Result, r.Package + " " + r.Version, r.Python + " " + r.Platform, cmp.Or(r.Wheel, withLog(r))}
	}
	if part == "" {
		return wheelhouse.Table(run.Stdout, table)
	}
	if err := wheelhouse.Table(run.Stderr, table); err != nil {
		return err
	}
	_, err := fmt.Fprintln(run.Stdout, part)
	return err
}

// withLog is the reason of a failure, and where its log is.
func withLog(r builtItem) string {
	if r.Log == "" {
		return r.Reason
	}
	return r.Reason + " (" + r.Log + ")"
}

func resultText(r build.Result) string {
	switch {
	case r.Built:
		return "built"
	case r.Failed():
		return "failed"
	case r.Item.State == plan.Missing, r.Item.State == plan.Outdated:
		return string(plan.Current) // by a wheel that was built for another target, or by another job
	}
	return string(r.Item.State)
}

func summaryRows(rows []builtItem) [][]string {
	out := make([][]string, len(rows))
	for i, r := range rows {
		out[i] = []string{r.Package + " " + r.Version, r.Python + " " + r.Platform, r.Result, cmp.Or(r.Wheel, r.Reason)}
	}
	return out
}
