package results

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/pyimg/pyimg/internal/termtext"
)

// formatVersion is pyperf's own, since its version 1.0.
const formatVersion = "1.0"

// Metadata that is pyimg's own. pyperf keeps what it does not know.
const (
	metaSubject = "pyimg_subject"
	metaName    = "pyimg_workload"
	metaRound   = "pyimg_round"
	metaWall    = "pyimg_wall"
)

type suite struct {
	Version    any         `json:"version"`
	Metadata   metadata    `json:"metadata,omitempty"`
	Benchmarks []benchmark `json:"benchmarks"`
	Own        *own        `json:"pyimg,omitempty"` // pyperf does not look at it
}

type metadata map[string]any

type benchmark struct {
	Metadata metadata   `json:"metadata,omitempty"`
	Runs     []runEntry `json:"runs"`
}

type runEntry struct {
	Metadata metadata  `json:"metadata,omitempty"`
	Values   []float64 `json:"values,omitempty"`
}

// own is what pyperf's format has no place for.
type own struct {
	Machine  Machine     `json:"machine"`
	Subjects []subject   `json:"subjects"`
	Control  []benchmark `json:"control,omitempty"`
	LeftOut  []LeftOut   `json:"left_out,omitempty"`
}

type subject struct {
	Name   string `json:"name"`
	Source string `json:"source,omitempty"`
	Python string `json:"python,omitempty"`
}

// JSON is the results in pyperf's format. Of several subjects, each workload is there once for each, with the subject in its
// name; pyperf compares such files with one another. For comparing subjects, pyperf wants a file of each: see Only.
func (r Results) JSON() ([]byte, error) {
	out := suite{Version: formatVersion, Metadata: r.common(), Own: &own{Machine: r.Machine, LeftOut: r.LeftOut}}
	for _, s := range r.Subjects {
		out.Own.Subjects = append(out.Own.Subjects, subject{s.Name, s.Source, s.Python})
		for _, row := range s.Rows {
			b := row.benchmark()
			b.Metadata.set(metaSubject, s.Name)
			b.Metadata.set("python_version", s.Python)
			if len(r.Subjects) > 1 {
				b.Metadata["name"] = row.Name + " (" + s.Name + ")"
			}
			out.Benchmarks = append(out.Benchmarks, b)
		}
	}
	for _, row := range r.Control {
		out.Own.Control = append(out.Own.Control, row.benchmark())
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	if err := e.Encode(out); err != nil {
		return nil, fmt.Errorf("writing results: %w", err)
	}
	return b.Bytes(), nil
}

// set adds a text that pyperf takes: in one line, and not empty.
func (m metadata) set(name, value string) {
	if value = strings.TrimSpace(termtext.Line(value)); value != "" {
		m[name] = value
	}
}

func (r Results) common() metadata {
	m := metadata{"unit": "second", "timer": "CPU time of the process"}
	m.set("cpu_model_name", r.Machine.CPU)
	m.set("platform", r.Machine.Platform)
	m.set("pyimg_version", r.Machine.Version)
	m.set("pyimg_suite", r.Machine.Suite)
	if r.Machine.CPUs > 0 {
		m["cpu_count"] = r.Machine.CPUs
	}
	if len(r.Machine.LoadBefore) > 0 {
		m["load_avg_1min"] = r.Machine.LoadBefore[0]
	}
	return m
}

func (r Row) benchmark() benchmark {
	b := benchmark{Metadata: metadata{"name": r.Name, metaName: r.Name, "loops": r.Loops}}
	for _, run := range r.Runs {
		e := runEntry{Values: run.CPU, Metadata: metadata{metaRound: run.Round}}
		if run.Wall > 0 {
			e.Metadata[metaWall] = run.Wall
		}
		if run.Peak > 0 {
			e.Metadata["mem_max_rss"] = run.Peak
		}
		b.Runs = append(b.Runs, e)
	}
	return b
}

// Only is the results of subject i alone. The first keeps the control.
func (r Results) Only(i int) Results {
	out := Results{Machine: r.Machine, Subjects: r.Subjects[i : i+1], LeftOut: r.LeftOut}
	if i == 0 {
		out.Control = r.Control
	}
	return out
}

// MaxFile bounds a file of results: pyperformance's, with all warm-ups, has a megabyte.
const MaxFile = 64 << 20

// The bounds of what is in a file.
const (
	maxBenchmarks = 10_000
	maxText       = 200
	maxSeconds    = 1e9
)

// Parse reads results in pyperf's format, by pyimg or by pyperf itself. name is what a subject is called that has no name there.
func Parse(name string, text []byte) (Results, error) {
	var in suite
	if len(text) > MaxFile {
		return Results{}, fmt.Errorf("it has more than %s", termtext.Size(MaxFile))
	}
	if err := json.Unmarshal(text, &in); err != nil {
		return Results{}, fmt.Errorf("expected results as pyperf writes them: %w", err)
	}
	if in.Version != formatVersion {
		return Results{}, fmt.Errorf("expected results in pyperf's format %q, found version %s", formatVersion, shortened(fmt.Sprint(in.Version)))
	}
	if len(in.Benchmarks) == 0 || len(in.Benchmarks) > maxBenchmarks {
		return Results{}, fmt.Errorf("it has %s, expected 1 to %d", termtext.Count(len(in.Benchmarks), "benchmark"), maxBenchmarks)
	}
	var out Results
	at := make(map[string]int) // the subject of a name
	if in.Own != nil {
		out.Machine, out.LeftOut = in.Own.Machine.clean(), cleanLeftOut(in.Own.LeftOut)
		for _, s := range in.Own.Subjects {
			s.Name = shortened(s.Name)
			if _, twice := at[s.Name]; !twice && s.Name != "" {
				at[s.Name] = len(out.Subjects)
				out.Subjects = append(out.Subjects, Subject{Name: s.Name, Source: shortened(s.Source), Python: shortened(s.Python)})
			}
		}
		for _, b := range in.Own.Control {
			row, _, err := b.row(in.Metadata)
			if err != nil {
				return Results{}, fmt.Errorf("the control: %w", err)
			}
			out.Control = append(out.Control, row)
		}
	}
	if err := out.addRows(in, name, at); err != nil {
		return Results{}, err
	}
	return out, nil
}

// addRows adds each benchmark to the subject that it names.
func (r *Results) addRows(in suite, name string, at map[string]int) error {
	seen := make(map[[2]string]bool)
	for _, b := range in.Benchmarks {
		row, meta, err := b.row(in.Metadata)
		if err != nil {
			return err
		}
		of := shortened(meta.text(metaSubject))
		if of == "" {
			of = shortened(name)
		}
		i, known := at[of]
		if !known {
			i = len(r.Subjects)
			at[of] = i
			r.Subjects = append(r.Subjects, Subject{Name: of, Python: shortened(meta.text("python_version"))})
		}
		if key := [2]string{of, row.Name}; seen[key] {
			return fmt.Errorf("the benchmark %q is there twice", row.Name)
		} else {
			seen[key] = true
		}
		r.Subjects[i].Rows = append(r.Subjects[i].Rows, row)
		if r.Machine.CPU == "" {
			r.Machine.CPU, r.Machine.Platform = shortened(meta.text("cpu_model_name")), shortened(meta.text("platform"))
			r.Machine.CPUs = meta.whole("cpu_count")
		}
	}
	for _, s := range r.Subjects {
		if len(s.Rows) == 0 {
			return fmt.Errorf("there is no benchmark of %q", s.Name)
		}
	}
	return nil
}

// row reads one benchmark; common is what the file says of all.
func (b benchmark) row(common metadata) (Row, metadata, error) {
	meta := common.with(b.Metadata)
	if len(b.Runs) > 0 { // pyperf keeps the name with the runs where there is one benchmark
		meta = meta.with(b.Runs[0].Metadata)
	}
	row := Row{Name: shortened(meta.text(metaName))}
	if row.Name == "" {
		row.Name = shortened(meta.text("name"))
	}
	if row.Name == "" {
		return row, meta, errors.New("a benchmark has no name")
	}
	if unit := meta.text("unit"); unit != "" && unit != "second" {
		return row, meta, fmt.Errorf("the benchmark %q is in %s, expected seconds", row.Name, shortened(unit))
	}
	row.Loops = meta.whole("loops")
	for _, e := range b.Runs {
		if len(e.Values) == 0 {
			continue // pyperf found out how many loops take long enough
		}
		own := meta.with(e.Metadata)
		run := Run{CPU: e.Values}
		run.Round = own.whole(metaRound)
		run.Wall = own.number(metaWall)
		run.Peak = int64(own.whole("mem_max_rss"))
		for _, v := range append([]float64{max(run.Wall, math.SmallestNonzeroFloat64)}, e.Values...) {
			if !(v > 0 && v < maxSeconds) {
				return row, meta, fmt.Errorf("a time of the benchmark %q is %g, expected seconds", row.Name, v)
			}
		}
		row.Runs = append(row.Runs, run)
	}
	if len(row.Runs) == 0 {
		return row, meta, fmt.Errorf("the benchmark %q has no values", row.Name)
	}
	return row, meta, nil
}

func (m metadata) with(over metadata) metadata {
	out := make(metadata, len(m)+len(over))
	for _, from := range []metadata{m, over} {
		for k, v := range from {
			out[k] = v
		}
	}
	return out
}

func (m metadata) text(name string) string {
	s, _ := m[name].(string)
	return s
}

// number is a number from 0 on; 0 where there is none.
func (m metadata) number(name string) float64 {
	x, _ := m[name].(float64)
	return max(x, 0)
}

// whole is a number from 0 on that has no fraction; 0 where there is none.
func (m metadata) whole(name string) int {
	x, ok := m[name].(float64)
	if !ok || x < 0 || x > 1<<52 || x != math.Trunc(x) {
		return 0
	}
	return int(x)
}

// shortened is a text of anybody in one line.
func shortened(s string) string {
	if len(s) > maxText {
		s = strings.ToValidUTF8(s[:maxText], "") + "..."
	}
	return strings.TrimSpace(termtext.Line(s))
}

func (m Machine) clean() Machine {
	m.CPU, m.Platform, m.Date, m.Suite, m.Version = shortened(m.CPU), shortened(m.Platform), shortened(m.Date), shortened(m.Suite), shortened(m.Version)
	const most = 3
	m.LoadBefore, m.LoadAfter = m.LoadBefore[:min(len(m.LoadBefore), most)], m.LoadAfter[:min(len(m.LoadAfter), most)]
	return m
}

func cleanLeftOut(all []LeftOut) []LeftOut {
	const most = 1000
	out := make([]LeftOut, min(len(all), most))
	for i := range out {
		out[i] = LeftOut{shortened(all[i].Name), shortened(all[i].Reason)}
	}
	return out
}

// Join puts the subjects of several results side by side. The machine and the control are those of the first. A subject whose name
// another one has gets the name of its file, of which there is one for each of all.
func Join(files []string, all []Results) Results {
	out := Results{Machine: all[0].Machine, Control: all[0].Control}
	count := make(map[string]int)
	for _, r := range all {
		for _, s := range r.Subjects {
			count[s.Name]++
		}
	}
	for i, r := range all {
		out.LeftOut = append(out.LeftOut, r.LeftOut...)
		together := i == 0 || r.Machine.Date != "" && r.Machine.Date == all[0].Machine.Date
		out.Apart = out.Apart || !together
		for _, s := range r.Subjects {
			if count[s.Name] > 1 {
				s.Name += " (" + shortened(files[i]) + ")"
			}
			if !together {
				s.Rows = withoutRounds(s.Rows)
			}
			out.Subjects = append(out.Subjects, s)
		}
	}
	return out
}

// withoutRounds forgets the rounds, which are not those of another run.
func withoutRounds(rows []Row) []Row {
	out := make([]Row, len(rows))
	for i, row := range rows {
		out[i] = Row{Name: row.Name, Loops: row.Loops, Runs: slices.Clone(row.Runs)}
		for k := range out[i].Runs {
			out[i].Runs[k].Round = 0
		}
	}
	return out
}
