// Package workload has the programs that Pythons are measured with: a suite of its own in the standard library alone, and folders of
// scripts that were written for pyperf. It says how a Python is told to run one, and reads what that Python answers, which it does
// not trust. It runs nothing.
package workload

import (
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/pyimg/pyimg/internal/near"
)

//go:embed files
var embedded embed.FS

// Files are what a Python needs to run programs, as a folder: the worker, the suite's own workloads, and what stands in for pyperf.
func Files() fs.FS {
	files, err := fs.Sub(embedded, "files")
	if err != nil {
		panic("workload: " + err.Error()) // the folder is embedded
	}
	return files
}

// Where the root of a Python has things.
const (
	Root      = "/pyimg-bench"   // what Files has
	SuiteRoot = "/pyimg-scripts" // the folder of scripts
)

// A Program runs in a process of its own, and measures one or more parts.
type Program struct {
	Name   string
	About  string   // what it does, in a line
	Script string   // its path below SuiteRoot; "" for one of the suite's own
	Args   []string // of the script
}

// Suite is the suite of its own, in the order of the names.
func Suite() []Program {
	entries, err := fs.ReadDir(Files(), "workloads")
	if err != nil {
		panic("workload: " + err.Error()) // the folder is embedded
	}
	var all []Program
	for _, e := range entries {
		text, err := fs.ReadFile(Files(), path.Join("workloads", e.Name()))
		name, isPython := strings.CutSuffix(e.Name(), ".py")
		if err != nil || !isPython {
			continue
		}
		about, _, _ := strings.Cut(strings.TrimPrefix(string(text), `"""`), `"""`)
		all = append(all, Program{Name: name, About: about})
	}
	return all
}

// Select returns the programs of these names, or those that a pattern matches, see [path.Match]. A name that nothing has is an error.
func Select(all []Program, names []string) ([]Program, error) {
	if len(names) == 0 {
		return all, nil
	}
	taken := make([]bool, len(all))
	for _, name := range names {
		found := false
		for i, p := range all {
			matched, err := path.Match(name, p.Name)
			if err != nil {
				return nil, fmt.Errorf("%q: %w", name, err)
			}
			if matched {
				taken[i], found = true, true
			}
		}
		if !found {
			return nil, fmt.Errorf("there is no workload %q%s; there are %s", name, meant(name, all), strings.Join(Names(all), ", "))
		}
	}
	var some []Program
	for i, p := range all {
		if taken[i] {
			some = append(some, p)
		}
	}
	return some, nil
}

// meant says which program somebody may have meant.
func meant(name string, all []Program) string {
	if found := near.Name(name, Names(all)); found != "" {
		return ", did you mean " + found + "?"
	}
	return ""
}

// Names are the names of programs.
func Names(all []Program) []string {
	names := make([]string, len(all))
	for i, p := range all {
		names[i] = p.Name
	}
	slices.Sort(names)
	return names
}

// A Request asks a Python to run a program.
type Request struct {
	Program Program
	Loops   map[string]int // of each part; none: the worker finds out how many take about Seconds, for each part
	Values  int            // how often each part is measured
	Seconds float64        // that a measurement should take
	// Processor is the one to run on, counted as the kernel counts them; below 0: any.
	Processor int
}

// Args are the arguments of the Python.
func (r Request) Args() []string {
	type request struct {
		Program   string         `json:"program"`
		Script    string         `json:"script"`
		Args      []string       `json:"args"`
		Loops     map[string]int `json:"loops"`
		Values    int            `json:"values"`
		Seconds   float64        `json:"seconds"`
		Processor int            `json:"processor"`
	}
	out := request{Program: r.Program.Name, Args: append([]string{}, r.Program.Args...), Loops: r.Loops, Values: r.Values, Seconds: r.Seconds, Processor: r.Processor}
	if r.Program.Script != "" {
		out.Script = path.Join(SuiteRoot, r.Program.Script)
	}
	if out.Loops == nil {
		out.Loops = map[string]int{}
	}
	text, err := json.Marshal(out)
	if err != nil {
		panic("workload: encoding a request: " + err.Error()) // strings and numbers
	}
	return []string{"-B", Root + "/worker.py", string(text)}
}
