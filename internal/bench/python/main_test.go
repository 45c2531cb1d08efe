package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pyimg/pyimg/benchmark/results"
	"github.com/pyimg/pyimg/internal/bench/page"
)

// TestDocuments: what the documents say is what docs/bench.json has, and nothing where it is missing.
func TestDocuments(t *testing.T) {
	t.Parallel()
	root := filepath.Join("..", "..", "..")
	says, drawing := map[string]string{"docs/BENCH.md": "", "README.md": ""}, []byte(nil)
	if _, r, err := read(filepath.Join(root, "docs", "bench.json")); err == nil {
		says, drawing = map[string]string{"docs/BENCH.md": tables(r), "README.md": headline(r)}, r.SVG()
	} else if !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	for name, want := range says {
		text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
		if err != nil {
			t.Fatal(err)
		}
		if found, ok := page.Get(string(text), command); !ok || found != want {
			t.Errorf("%s says something else than docs/bench.json; \"go run ./internal/bench/python docs/bench.json\" puts it there", name)
		}
	}
	drawn, err := os.ReadFile(filepath.Join(root, "docs", "bench.svg"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) || !bytes.Equal(drawn, drawing) {
		t.Errorf("docs/bench.svg is not of docs/bench.json (%v); \"go run ./internal/bench/python docs/bench.json\" draws it", err)
	}
}

// measured are results of three Pythons; the control is off by the factor off.
func measured(t *testing.T, off float64) []byte {
	t.Helper()
	rows := func(factor float64) []results.Row {
		row := results.Row{Name: "calls", Loops: 2}
		for round := 1; round <= 5; round++ {
			row.Runs = append(row.Runs, results.Run{Round: round, CPU: []float64{0.2 / factor}, Wall: 0.3, Peak: 20 << 20})
		}
		return []results.Row{row}
	}
	r := results.Results{
		Machine:  results.Machine{CPU: "A CPU", CPUs: 2, Platform: "linux/amd64", Date: "2026-01-02T03:04:05Z", LoadBefore: []float64{0.25}},
		Subjects: []results.Subject{{Name: "baseline", Python: "3.13.5", Rows: rows(1)}, {Name: "optimized", Rows: rows(1.5)}, {Name: "with jemalloc", Rows: rows(1.6)}},
		Control:  rows(off),
	}
	text, err := r.JSON()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// TestRun writes the documents of a repository, and leaves them alone where the machine was too busy.
func TestRun(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	write := func(name string, text []byte) string {
		name = filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, text, 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	marks := fmt.Appendf(nil, "<!-- measured by %s -->\n\nold\n\n<!-- end of what was measured -->\n", command)
	bench, readme := write("docs/BENCH.md", marks), write("README.md", marks)
	if err := run(root, write("busy.json", measured(t, 1.04))); err == nil || !strings.Contains(err.Error(), "too busy") {
		t.Errorf("results of a busy machine: %v, want an error", err)
	}
	if got, _ := os.ReadFile(bench); !bytes.Equal(got, marks) {
		t.Errorf("the page became %q", got)
	}
	if err := run(root, write("quiet.json", measured(t, 1))); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string][]string{
		bench: {"A CPU, 2 processors, linux/amd64, 2026-01-02; load 0.25 before and unknown after. The rounds of a workload are off their median by 0.0 %",
			"| baseline | 1 |  | 20.0 MiB | pyimg bench, 1 workloads |", "| optimized | 1.500x | 1.500 to 1.500 |", "| 1.343x | | | pyperformance", "| `calls` | 200 ms | 133 ms | 1.50x faster |"},
		readme:                                {"Against the baseline CPython 3.13.5: optimized is **1.50x** as fast (1.500 to 1.500),\nwith jemalloc is **1.60x**"},
		filepath.Join(root, "docs/bench.svg"): {"<svg "}, filepath.Join(root, "docs/bench.json"): {`"baseline"`},
	} {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range want {
			if !strings.Contains(string(text), w) {
				t.Errorf("%s lacks %q:\n%s", filepath.Base(name), w, text)
			}
		}
	}
	if err := run(root, bench); err == nil {
		t.Error("a page is taken for results")
	}
}
