//go:build unix

// Command bench measures how pyimg makes whole images. It serves a mirror and a registry on loopback with a given
// round-trip time, runs pyimg as a separate process for each scenario, and prints a table of medians. Where apko, crane and podman are
// on PATH, it also measures them at the same tasks. See docs/PERFORMANCE.md.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"time"

	"github.com/pyimg/pyimg/internal/bench/page"
)

// options are the values of the command line's flags.
type options struct {
	rtt      time.Duration
	runs     int
	packages int
	size     int // of one package, in MiB
	link     int // the speed of slow links, in MB/s
	only     *regexp.Regexp
	json     string // where the results go, too
	chart    string // where the chart goes
	page     string // where the table goes, between its marks
	of       string // draw the chart of these results, and measure nothing
	shared   string // a folder of real packages and runtimes
	against  string // another pyimg, whose runs alternate with those of this one
}

func main() {
	if len(os.Args) > 3 && os.Args[1] == measureFlag {
		os.Exit(measureChild(os.Args[2], os.Args[3:]))
	}
	var o options
	var only string
	flag.DurationVar(&o.rtt, "rtt", 20*time.Millisecond, "delay of each request to the mirror and the registry")
	flag.IntVar(&o.runs, "runs", 5, "runs of each scenario; medians are printed")
	flag.IntVar(&o.packages, "packages", 20, "packages of the image")
	flag.IntVar(&o.size, "size", 16, "MiB of files in each package")
	flag.IntVar(&o.link, "link", 6, "MB/s of the mirror's and of the registry's link in the scenarios of slow links")
	flag.StringVar(&only, "only", "", "run the scenarios that match this regular expression")
	flag.StringVar(&o.json, "json", "", "write the results as JSON to this file, too")
	flag.StringVar(&o.chart, "chart", "", "draw the results as SVG into this file")
	flag.StringVar(&o.page, "page", "", "put the table into this Markdown file, between its marks")
	flag.StringVar(&o.of, "of", "", "print these results, a file of -json, and draw them with -chart; measure nothing")
	flag.StringVar(&o.shared, "shared", filepath.Join("..", "shared"), "the folder of real packages and runtimes, for the scenarios of a real Python")
	flag.StringVar(&o.against, "against", "", "run this other pyimg, too, in turn with the one that is built here, and print the ratio of their CPU")
	flag.Parse()
	o.only = regexp.MustCompile(only)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, o)
	stop()
	if err != nil {
		fmt.Fprintf(os.Stderr, "bench: %v\n", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) error {
	if o.of != "" {
		r, err := readResults(o.of)
		if err != nil {
			return err
		}
		fmt.Print(r.markdown())
		return r.report(options{chart: o.chart, page: o.page})
	}
	dir, err := os.MkdirTemp("", "pyimg-bench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	binary := filepath.Join(dir, "pyimg")
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-tags", "urfave_cli_no_docs", "-ldflags", "-s -w", "-o", binary, "./cmd/pyimg")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("building pyimg (from the repository's root): %w\n%s", err, out)
	}
	fmt.Fprintf(os.Stderr, "making %d packages of %d MiB for two platforms\n", o.packages, o.size)
	w, err := newWorld(ctx, dir, o)
	if err != nil {
		return err
	}
	t := newTable(os.Stdout, o)
	for _, s := range scenarios(o) {
		if !o.only.MatchString(s.name) {
			continue
		}
		r, err := w.row(ctx, s, binary)
		if err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		t.add(r)
		if err := t.results.report(o); err != nil { // what was measured stays if a later scenario fails
			return err
		}
	}
	fmt.Print(t.results.linkRatio())
	return nil
}

// report writes the results to the files that were asked for.
func (r *results) report(o options) error {
	if o.json != "" {
		if err := r.write(o.json); err != nil {
			return err
		}
	}
	if o.page != "" {
		if err := page.Put(o.page, command, r.markdown()); err != nil {
			return err
		}
	}
	if o.chart == "" {
		return nil
	}
	f, err := os.Create(o.chart)
	if err != nil {
		return err
	}
	return errors.Join(r.draw(f), f.Close())
}
