// Package report compares what a bench measured, and shows it: as text, Markdown, SVG and HTML. The same results always give the
// same bytes.
package report

import (
	"fmt"

	"github.com/pyimg/pyimg/benchmark/results"
	"github.com/pyimg/pyimg/benchmark/stats"
)

// What a difference must exceed to be called one: it would not be found again if it were smaller, since where a program's code and
// data happen to be in memory makes as much.
const least = 0.01

// MaxNoise is how far the control of a workload may be from 1; beyond it, nothing is claimed for that workload.
const MaxNoise = 0.02

// Report is a comparison of all subjects with the first.
type Report struct {
	Machine  results.Machine
	Subjects []results.Subject
	Rows     []Row
	Totals   []Total // of each subject
	Control  *stats.Interval
	LeftOut  []results.LeftOut
	Rounds   int
	Apart    bool // not all were measured in one run
}

// Row is a workload: its cell of each subject.
type Row struct {
	Name    string
	Cells   []Cell
	Control *stats.Interval // of the first subject with itself; nil where that was not measured
	Noisy   bool            // the control is off, so nothing is claimed
}

// Cell is a workload of one subject.
type Cell struct {
	Seconds float64 // CPU of one loop: the median over the rounds
	Spread  float64 // a part of Seconds
	Wall    float64
	Peak    float64        // bytes, the median over the rounds
	Ratio   stats.Interval // of the first subject's CPU to this one's
	Verdict Verdict
}

// Total is all workloads of one subject together: geometric means.
type Total struct {
	Ratio   stats.Interval
	Wall    float64 // the ratio of times; 0 if they are not known
	Peak    float64 // bytes
	Verdict Verdict
}

// Verdict is what may be said of a ratio.
type Verdict int

// The verdicts.
const (
	Same    Verdict = iota // no difference that can be told from noise
	Faster                 // than the first subject
	Slower                 // than the first subject
	Unknown                // the control is off, so nothing is claimed
)

// New compares results. Workloads that not all subjects have are left out. It fails where nothing is left.
func New(r results.Results) (Report, error) {
	out := Report{Machine: r.Machine, Subjects: r.Subjects, LeftOut: r.LeftOut, Apart: r.Apart}
	if len(r.Subjects) == 0 {
		return out, fmt.Errorf("there are no results to compare")
	}
	samples := make([][]stats.Sample, len(r.Subjects))
	var controls []stats.Sample
	for _, base := range r.Subjects[0].Rows {
		rows := make([]results.Row, len(r.Subjects))
		missing := ""
		for i, s := range r.Subjects {
			var ok bool
			if rows[i], ok = s.Row(base.Name); !ok {
				missing = s.Name
			}
		}
		if missing != "" {
			out.LeftOut = append(out.LeftOut, results.LeftOut{Name: base.Name, Reason: missing + ": it was not measured"})
			continue
		}
		row := Row{Name: base.Name, Cells: make([]Cell, len(rows))}
		if control, ok := r.ControlRow(base.Name); ok {
			s := sample(base, control)
			controls = append(controls, s)
			ratio := stats.Ratio(s)
			row.Control, row.Noisy = &ratio, apart(ratio.Ratio) > MaxNoise
		}
		for i, other := range rows {
			s := sample(base, other)
			samples[i] = append(samples[i], s)
			row.Cells[i] = newCell(other, s)
			row.Cells[i].Verdict = row.verdict(i)
		}
		out.Rounds = max(out.Rounds, len(base.Runs))
		out.Rows = append(out.Rows, row)
	}
	if len(out.Rows) == 0 {
		return out, fmt.Errorf("the results have no workload in common")
	}
	if len(controls) == len(out.Rows) {
		ratio := stats.GeometricMean(controls)
		out.Control = &ratio
	}
	for i := range r.Subjects {
		out.Totals = append(out.Totals, out.total(i, samples[i]))
	}
	return out, nil
}

// sample pairs the rounds of two rows: the fastest of what each process measured, since what disturbs only adds to it.
func sample(base, other results.Row) stats.Sample {
	byRound := make(map[int]float64)
	s := stats.Sample{Paired: true}
	for _, run := range other.Runs {
		if run.Round == 0 {
			s.Paired = false
		}
		byRound[run.Round] = fastest(run)
	}
	for _, run := range base.Runs {
		if other, ok := byRound[run.Round]; ok && run.Round > 0 {
			s.Base, s.Other = append(s.Base, fastest(run)), append(s.Other, other)
		}
	}
	if s.Paired && len(s.Base) > 0 {
		return s
	}
	return stats.Sample{Base: times(base), Other: times(other)}
}

func fastest(run results.Run) float64 {
	found := run.CPU[0]
	for _, v := range run.CPU {
		found = min(found, v)
	}
	return found
}

// times are those of the processes, or all that there are where the processes are too few to say how far they differ.
func times(r results.Row) []float64 {
	const few = 3
	var all []float64
	for _, run := range r.Runs {
		if len(r.Runs) < few {
			all = append(all, run.CPU...)
		} else {
			all = append(all, fastest(run))
		}
	}
	return all
}

func newCell(r results.Row, s stats.Sample) Cell {
	walls, peaks := make([]float64, len(r.Runs)), make([]float64, len(r.Runs))
	for i, run := range r.Runs {
		walls[i], peaks[i] = run.Wall, float64(run.Peak)
	}
	all := times(r)
	return Cell{Seconds: stats.Median(all), Spread: stats.Spread(all), Wall: stats.Median(walls), Peak: stats.Median(peaks), Ratio: stats.Ratio(s)}
}

// verdict is what may be said of subject i: the interval must not hold 1, and the difference must exceed what the control shows.
func (r Row) verdict(i int) Verdict {
	if r.Noisy {
		return Unknown
	}
	return judge(r.Cells[i].Ratio, r.Control)
}

// judge says what may be said of a ratio. A difference counts only if it is larger than all that the control says of the same
// Python: of many rows, some intervals exclude 1 by chance, and more of them on a busy machine.
func judge(ratio stats.Interval, control *stats.Interval) Verdict {
	noise := least
	if control != nil {
		noise = max(noise, apart(control.Low), apart(control.High))
	}
	switch {
	case ratio.Holds(1), apart(ratio.Ratio) < noise:
		return Same
	case ratio.Ratio > 1:
		return Faster
	}
	return Slower
}

// apart is how far a ratio is from 1, whichever of both is the larger.
func apart(ratio float64) float64 { return max(ratio, 1/ratio) - 1 }

func (r Report) total(i int, samples []stats.Sample) Total {
	t := Total{Ratio: stats.GeometricMean(samples)}
	var walls, peaks []float64
	for _, row := range r.Rows {
		if base, own := row.Cells[0].Wall, row.Cells[i].Wall; base > 0 && own > 0 {
			walls = append(walls, base/own)
		}
		if row.Cells[i].Peak > 0 {
			peaks = append(peaks, row.Cells[i].Peak)
		}
	}
	if len(walls) == len(r.Rows) {
		t.Wall = stats.Mean(walls)
	}
	t.Peak = stats.Mean(peaks)
	t.Verdict = judge(t.Ratio, r.Control)
	if r.Control != nil && apart(r.Control.Ratio) > MaxNoise {
		t.Verdict = Unknown
	}
	return t
}
