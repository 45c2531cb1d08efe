package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/pyimg/pyimg/assemble/spec"
	"github.com/pyimg/pyimg/benchmark"
	"github.com/pyimg/pyimg/benchmark/report"
	measured "github.com/pyimg/pyimg/benchmark/results"
	"github.com/pyimg/pyimg/benchmark/workload"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/ci"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/cmdline"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/console"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/flags"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/host"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/pythons"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/session"
	"github.com/pyimg/pyimg/internal/exit"
	"github.com/pyimg/pyimg/internal/machine"
	"github.com/pyimg/pyimg/internal/regular"
	"github.com/pyimg/pyimg/internal/sandbox"
	"github.com/pyimg/pyimg/internal/scratch"
	"github.com/pyimg/pyimg/internal/termtext"
)

func benchCommand(con console.Console) *cli.Command {
	return cmdline.Command(&cli.Command{
		Name:      "bench",
		Usage:     "measure the Pythons of several images side by side",
		ArgsUsage: "[NAME=]A [[NAME=]B...]",
		Description: "A, B, ... are images (references, layouts, archives), specs (FILE.yaml), or runtimes\n" +
			"(tarballs, URLs), which are put on --on. RUNTIME+FILE preloads the allocator in FILE.\n" +
			"Each is compared with A. Every round runs each workload with each Python, in a sandbox\n" +
			"and a process of its own; A is measured twice, to know what is noise.\n\n" +
			"Example: pyimg bench old=image:1 new=image:2\n" +
			"         pyimg bench --on pyimg.yaml --gate 1.40 baseline.tar.gz optimized.tar.gz+jemalloc.tar.gz\n" +
			"         pyimg bench --compare old.json new.json",
		Flags: append(append(flags.Source(), flags.Login()...),
			&cli.StringFlag{Name: "on", Usage: "`SPEC|IMAGE` put runtimes on what this has; its own runtimes and allocator are left out (default: pyimg.yaml, else the embedded spec)"},
			&cli.StringFlag{Name: "allocator", Usage: "`FILE` preload the allocator in this tarball with all runtimes that name none"},
			&cli.StringFlag{Name: "python", Usage: "`PROGRAM` run this one of the images", Value: "python3"},
			&cli.StringSliceFlag{Name: "only", Usage: "`NAME[,...]` measure these workloads alone; * matches any text"},
			&cli.BoolFlag{Name: "list", Usage: "list the workloads, and do nothing else"},
			&cli.StringFlag{Name: "suite", Usage: "`DIR` run the scripts bm_*/run_benchmark.py in this folder instead, which are written for pyperf"},
			&cli.StringFlag{Name: "wheels", Usage: "`DIR` install the wheels in this folder, which scripts of --suite need, in all Pythons"},
			&cli.IntFlag{Name: "rounds", Usage: "`N` measure so often", DefaultText: "10"},
			&cli.BoolFlag{Name: "quick", Usage: "measure 3 rounds of short runs: for a look, not for a claim"},
			&cli.DurationFlag{Name: "timeout", Value: 10 * time.Minute, Usage: "`DURATION` end a process that takes longer, and leave its workload out"},
			&cli.StringFlag{Name: "isolation", Value: "auto", Usage: "`KIND` auto, namespaces, or chroot, which is for root and isolates less"},
			&cli.BoolFlag{Name: "compare", Usage: "compare results that --json wrote, or pyperf: A and B are such files"},
			&cli.Float64Flag{Name: "gate", Usage: "`RATIO` fail unless the last one is at least so many times as fast as A, such as 1.40"},
			&cmdline.OptionalFlag{
				StringSliceFlag: &cli.StringSliceFlag{Name: "json", Usage: "`FILE` write the results as pyperf does; with {name} in it, or into a folder (DIR/), a file for each Python; - or nothing is stdout"},
				Alone:           console.Dash, Argument: isNoResultFile},
			&cli.StringFlag{Name: "svg", Usage: "`FILE` draw the ratios"},
			&cli.StringFlag{Name: "html", Usage: "`FILE` write a page with table and drawing, which needs no other file"},
			&cli.StringFlag{Name: "markdown", Usage: "`FILE` write the table in Markdown"},
			flags.Progress()),
		Action: action(con, bench),
	})
}

// isNoResultFile reports whether what follows --json is one of the Pythons.
func isNoResultFile(arg string) bool {
	return !strings.HasSuffix(arg, ".json") && !strings.HasSuffix(arg, "/") && !strings.Contains(arg, "{name}") && arg != console.Dash
}

func bench(ctx context.Context, run *session.Session, c *cli.Context) error {
	programs, err := benchPrograms(c)
	if err != nil {
		return exit.WrongUse(err)
	}
	if c.Bool("list") {
		for _, p := range programs {
			fmt.Fprintf(run.Stdout, "%-24s %s\n", p.Name, p.About)
		}
		return nil
	}
	if c.NArg() == 0 && c.Bool("compare") {
		return exit.Usagef("--compare takes the files of results to compare, such as old.json new.json")
	}
	if c.NArg() == 0 {
		return exit.Usagef("bench takes one or more images, specs or runtimes; see \"pyimg bench --help\"")
	}
	if c.IsSet("gate") && (c.Float64("gate") <= 0 || c.NArg() < 2 && !c.Bool("compare")) {
		return exit.Usagef("--gate is a ratio above 0, of the last one of several to the first")
	}
	var found measured.Results
	if c.Bool("compare") {
		found, err = readBenchResults(c.Args().Slice())
	} else {
		found, err = measure(ctx, run, c, programs)
	}
	if err != nil {
		return err
	}
	r, err := report.New(found)
	if err != nil {
		return err
	}
	if err := writeBench(ctx, run, c, found, r); err != nil {
		return err
	}
	return gate(c, r)
}

// benchPrograms are the workloads that the flags name.
func benchPrograms(c *cli.Context) ([]workload.Program, error) {
	all := workload.Suite()
	if dir := c.String("suite"); dir != "" {
		var err error
		if all, err = workload.Folder(dir); err != nil {
			return nil, err
		}
	}
	var names []string
	for _, list := range c.StringSlice("only") {
		names = append(names, strings.Split(list, ",")...)
	}
	return workload.Select(all, names)
}

// readBenchResults reads files of results.
func readBenchResults(files []string) (measured.Results, error) {
	all := make([]measured.Results, len(files))
	for i, name := range files {
		text, err := regular.Read(name, measured.MaxFile)
		if err == nil {
			all[i], err = measured.Parse(strings.TrimSuffix(filepath.Base(name), ".json"), text)
		}
		if err != nil {
			return measured.Results{}, exit.WrongUse(fmt.Errorf("reading results %q: %w", name, err))
		}
	}
	return measured.Join(files, all), nil
}

// measure opens the Pythons and measures them.
func measure(ctx context.Context, run *session.Session, c *cli.Context, programs []workload.Program) (measured.Results, error) {
	var out measured.Results
	o, err := benchOptions(run, c)
	if err != nil {
		return out, err
	}
	named := make([]pythons.Named, c.NArg())
	for i, arg := range c.Args().Slice() {
		if named[i], err = pythons.ParseNamed(arg); err != nil {
			return out, exit.WrongUse(err)
		}
	}
	if err := run.ReadLogin(); err != nil {
		return out, err
	}
	// For everybody to read: a sandbox is another user.
	folder, done, err := scratch.Dir("bench", 0o755)
	if err != nil {
		return out, err
	}
	defer done()
	if err := copyWorkloads(folder); err != nil {
		return out, err
	}
	o.Mounts = append(o.Mounts, sandbox.Mount{Source: folder, Target: workload.Root})
	quiet := run.Console
	quiet.Warned = func(string) {} // of images that are not kept, such as of missing bytecode
	subjects := make([]benchmark.Subject, len(named))
	for i, name := range pythons.Names(named) {
		own := session.New(quiet, c, c.Command.Name, []string{named[i].Source})
		defer own.Close()
		python, err := pythons.Open(ctx, own, named[i], o)
		if err != nil {
			return out, fmt.Errorf("preparing %q: %w", name, err)
		}
		subjects[i] = benchmark.Subject{Name: name, Source: named[i].Public(), Python: python}
	}
	before, began := machine.Load(), time.Now()
	out, err = benchmark.Run(ctx, subjects, programs, measurement(run, c))
	out.Machine = measured.Machine{CPU: machine.Processor(), CPUs: machine.Processors(), Platform: machine.Platform(), Date: began.UTC().Format(time.RFC3339),
		LoadBefore: before, LoadAfter: machine.Load(), Suite: c.String("suite"), Version: readVersion().Version}
	return out, err
}

// benchOptions are how the flags say to run Pythons.
func benchOptions(run *session.Session, c *cli.Context) (pythons.Options, error) {
	o := pythons.Options{On: c.String("on"), Allocator: c.String("allocator"), Program: c.String("python"), Timeout: c.Duration("timeout"), Memory: host.FreeMemory() / 2}
	isolations := map[string]sandbox.Isolation{"auto": sandbox.IsolationAuto, "namespaces": sandbox.IsolationNamespaces, "chroot": sandbox.IsolationChroot}
	var known bool
	if o.Isolation, known = isolations[c.String("isolation")]; !known {
		return o, exit.Usagef("--isolation %q: expected auto, namespaces or chroot", c.String("isolation"))
	}
	if n := c.Int("rounds"); c.IsSet("rounds") && (n < minRounds || n > maxRounds) || o.Timeout <= 0 {
		return o, exit.Usagef("--rounds is a number from %d to %d, and --timeout is more than 0", minRounds, maxRounds)
	}
	only, err := flags.Platforms(c)
	if err != nil {
		return o, err
	}
	if len(only) == 0 {
		only, err = spec.ParsePlatforms(host.Platform())
	}
	if err != nil || len(only) > 1 {
		return o, exit.Usagef("bench takes one platform, found %s", termtext.Count(len(only), "platform"))
	}
	o.Platform = only[0]
	if dir := c.String("suite"); dir != "" {
		if dir, err = filepath.Abs(dir); err != nil {
			return o, err
		}
		o.Mounts = append(o.Mounts, sandbox.Mount{Source: dir, Target: workload.SuiteRoot})
	}
	if o.Wheels, err = benchWheels(c.String("wheels")); err != nil {
		return o, exit.WrongUse(err)
	}
	warned := make(map[string]bool)
	o.Notice = func(n sandbox.Notice) {
		if n.Warning && !warned[n.Text] {
			warned[n.Text] = true
			run.Warn(n.Text)
		}
	}
	return o, nil
}

// benchWheels are the wheels in a folder; none without one.
func benchWheels(dir string) ([]string, error) {
	if dir == "" {
		return nil, nil
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("reading --wheels: %w", err)
	}
	var found []string
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".whl") {
			found = append(found, filepath.Join(dir, e.Name()))
		}
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("reading --wheels: there is no wheel in %q", dir)
	}
	return found, nil
}

// Fewer rounds than minRounds tell no difference from noise, and nobody waits for more than maxRounds.
const (
	minRounds = 3
	maxRounds = 1000
)

// measurement is how much is measured.
func measurement(run *session.Session, c *cli.Context) benchmark.Options {
	o := benchmark.Options{Rounds: 10, Values: 3, Seconds: 0.1, Processor: machine.LastProcessor()}
	if c.Bool("quick") {
		o.Rounds, o.Values, o.Seconds = 3, 2, 0.03
	}
	if n := c.Int("rounds"); n > 0 {
		o.Rounds = n
	}
	if c.String("progress") == "quiet" {
		return o
	}
	last := -1
	o.Progress = func(e benchmark.Event) {
		if e.Round == last {
			return
		}
		last = e.Round
		what := "finding out how many loops take long enough"
		if e.Round > 0 {
			what = fmt.Sprintf("round %d of %d", e.Round, e.Rounds)
		}
		fmt.Fprintf(run.Stderr, "pyimg: [%d/%d] %s\n", e.Done, e.All, what)
	}
	return o
}

// copyWorkloads puts what Pythons need to run workloads into a folder, for everybody to read.
func copyWorkloads(dir string) error {
	if err := os.CopyFS(dir, workload.Files()); err != nil {
		return err
	}
	return filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			return os.Chmod(name, 0o755) //nolint:gosec // nothing in it is secret
		}
		return os.Chmod(name, 0o644) //nolint:gosec // nothing in it is secret
	})
}

// writeBench prints the table, and writes the files that the flags name.
func writeBench(ctx context.Context, run *session.Session, c *cli.Context, found measured.Results, r report.Report) error {
	table := run.Stdout
	for _, name := range c.StringSlice("json") {
		if console.OnStdout(name) {
			table = run.Stderr
		}
		if err := writeBenchJSON(ctx, run, name, found); err != nil {
			return err
		}
	}
	for _, file := range []struct {
		name  string
		write func() []byte
	}{{c.String("svg"), r.SVG}, {c.String("html"), r.HTML}, {c.String("markdown"), r.Markdown}} {
		if file.name == "" {
			continue
		}
		if console.OnStdout(file.name) {
			table = run.Stderr
		}
		if err := run.WriteFile(ctx, file.name, file.write()); err != nil {
			return err
		}
	}
	if err := ci.Markdown(run.Getenv, "pyimg bench", r.Markdown()); err != nil {
		return err
	}
	return r.Text(table)
}

// writeBenchJSON writes one file with all Pythons, or a file for each.
func writeBenchJSON(ctx context.Context, run *session.Session, name string, found measured.Results) error {
	info, err := os.Stat(name)
	if strings.HasSuffix(name, "/") || err == nil && info.IsDir() {
		name = filepath.Join(name, placeholder+".json")
	}
	if !strings.Contains(name, placeholder) {
		text, err := found.JSON()
		if err != nil {
			return err
		}
		return run.WriteFile(ctx, name, text)
	}
	for i, s := range found.Subjects {
		text, err := found.Only(i).JSON()
		if err != nil {
			return err
		}
		if err := run.WriteFile(ctx, strings.ReplaceAll(name, placeholder, fileName(s.Name)), text); err != nil {
			return err
		}
	}
	return nil
}

// placeholder is what a Python's name replaces in the name of a file.
const placeholder = "{name}"

// fileName is a name without what has a meaning in paths.
func fileName(name string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune(`/\:*?"<>|() `, r) {
			return '-'
		}
		return r
	}, name)
}

// gate fails where the last Python is not as much faster as --gate demands. Where the control is off, it must be faster by that, too.
func gate(c *cli.Context, r report.Report) error {
	if !c.IsSet("gate") {
		return nil
	}
	last, want := r.Totals[len(r.Totals)-1], c.Float64("gate")
	reason := fmt.Sprintf("%s is %.3fx as fast as %s (%.3f to %.3f), and --gate demands %.2fx", r.Subjects[len(r.Subjects)-1].Name, last.Ratio.Ratio,
		r.Subjects[0].Name, last.Ratio.Low, last.Ratio.High, want)
	if last.Verdict == report.Unknown {
		noise := max(r.Control.Ratio, 1/r.Control.Ratio)
		want *= noise
		reason += fmt.Sprintf(" and %.1f %% more, which is how far %s differs from itself: the machine is busy", 100*(noise-1), r.Subjects[0].Name)
	}
	if last.Ratio.Ratio < want {
		return errors.New(reason)
	}
	return nil
}
