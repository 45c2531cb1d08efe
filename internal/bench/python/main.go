// Command python puts what "pyimg bench --json" measured into the repository's documents: the table of docs/BENCH.md, the drawing, the
// results themselves, and the headline of README.md. See "make bench-python".
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/pyimg/pyimg/benchmark/report"
	"github.com/pyimg/pyimg/benchmark/results"
	"github.com/pyimg/pyimg/benchmark/stats"
	"github.com/pyimg/pyimg/internal/bench/page"
	"github.com/pyimg/pyimg/internal/regular"
)

// command is what the marks in the pages name.
const command = "make bench-python"

// What Home Assistant's article on its faster Python reports: its optimized CPython with jemalloc inside over Alpine's.
const (
	article       = "1.343x"
	articleSuite  = "pyperformance, 60 workloads"
	articleOrigin = "Home Assistant's article: CPython optimized, with jemalloc, over one of `-Os`"
)

func main() {
	root := flag.String("root", ".", "the repository")
	flag.Parse()
	if flag.NArg() != 1 {
		fmt.Fprintln(os.Stderr, "usage: python [-root DIR] RESULTS.json")
		os.Exit(2)
	}
	if err := run(*root, flag.Arg(0)); err != nil {
		fmt.Fprintf(os.Stderr, "python: %v\n", err)
		os.Exit(1)
	}
}

// run writes nothing unless the results may be claimed.
func run(root, file string) error {
	text, r, err := read(file)
	if err != nil {
		return err
	}
	if err := claimable(r); err != nil {
		return err
	}
	docs := filepath.Join(root, "docs")
	for name, content := range map[string][]byte{"bench.json": text, "bench.svg": r.SVG()} {
		if err := os.WriteFile(filepath.Join(docs, name), content, 0o644); err != nil { //nolint:gosec // documents for everybody
			return err
		}
	}
	return errors.Join(page.Put(filepath.Join(docs, "BENCH.md"), command, tables(r)), page.Put(filepath.Join(root, "README.md"), command, headline(r)))
}

func read(file string) ([]byte, report.Report, error) {
	text, err := regular.Read(file, results.MaxFile)
	if err != nil {
		return nil, report.Report{}, err
	}
	found, err := results.Parse(filepath.Base(file), text)
	if err != nil {
		return nil, report.Report{}, fmt.Errorf("reading results %q: %w", file, err)
	}
	r, err := report.New(found)
	return text, r, err
}

// claimable is an error where the machine was too busy for a claim.
func claimable(r report.Report) error {
	if len(r.Subjects) < 2 || r.Control == nil {
		return errors.New("expected results of several Pythons of one run, with a control")
	}
	for _, t := range r.Totals[1:] {
		if t.Verdict == report.Unknown {
			return fmt.Errorf("the first Python differs from itself by the factor %.3f: the machine was too busy, and the documents stay as they are", r.Control.Ratio)
		}
	}
	return nil
}

// tables are the summary with the article's figure, and the whole comparison.
func tables(r report.Report) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\n| Python | CPU time | interval of 95 %% | peak memory | measured with |\n| --- | ---: | ---: | ---: | --- |\n", conditions(r))
	suite := fmt.Sprintf("pyimg bench, %d workloads", len(r.Rows))
	for i, s := range r.Subjects {
		ratio, interval := "1", ""
		if i > 0 {
			ratio, interval = fmt.Sprintf("%.3fx", r.Totals[i].Ratio.Ratio), fmt.Sprintf("%.3f to %.3f", r.Totals[i].Ratio.Low, r.Totals[i].Ratio.High)
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %.1f MiB | %s |\n", s.Name, ratio, interval, r.Totals[i].Peak/(1<<20), suite)
	}
	fmt.Fprintf(&b, "| %s | %s | | | %s |\n\n[Drawn](bench.svg), and [the results](bench.json) for \"pyimg bench --compare\".\n\n%s", articleOrigin, article, articleSuite, r.Markdown())
	return b.String()
}

// conditions are the machine, how busy it was, and how far the rounds of a workload differ.
func conditions(r report.Report) string {
	var all []float64
	for _, row := range r.Rows {
		for _, c := range row.Cells {
			all = append(all, c.Spread)
		}
	}
	most := 0.0
	for _, s := range all {
		most = max(most, s)
	}
	m := r.Machine
	date, _, _ := strings.Cut(m.Date, "T")
	return fmt.Sprintf("%s, %d processors, %s, %s; load %s before and %s after. The rounds of a workload are off their median by %.1f %%, at most by %.1f %%.\n"+
		"The first Python measured against itself: %.3f (%.3f to %.3f).",
		m.CPU, m.CPUs, m.Platform, date, load(m.LoadBefore), load(m.LoadAfter), 100*stats.Median(all), 100*most, r.Control.Ratio, r.Control.Low, r.Control.High)
}

func load(averages []float64) string {
	if len(averages) == 0 {
		return "unknown"
	}
	return fmt.Sprintf("%.2f", averages[0])
}

// headline is what README says of them.
func headline(r report.Report) string {
	others := make([]string, 0, len(r.Subjects))
	for i, s := range r.Subjects[1:] {
		t := r.Totals[i+1].Ratio
		others = append(others, fmt.Sprintf("%s is **%.2fx** as fast (%.3f to %.3f)", s.Name, t.Ratio, t.Low, t.High))
	}
	m := r.Machine
	return fmt.Sprintf("Against the %s CPython %s: %s.\nCPU time, geometric mean of %d workloads of the standard library; %s, %d processors, load %s before.\n",
		r.Subjects[0].Name, r.Subjects[0].Python, strings.Join(others, ",\n"), len(r.Rows), m.CPU, m.CPUs, load(m.LoadBefore))
}
