// Package benchmark measures the Pythons of several images, side by side, so that what disturbs the machine disturbs all of them:
// every round runs each program with each Python, in an order that rotates, each in a process of its own. The first Python is
// measured twice, as a control. How a Python is run is the caller's. See docs/BENCH.md.
package benchmark

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/pyimg/pyimg/benchmark/results"
	"github.com/pyimg/pyimg/benchmark/workload"
)

// Python runs a Python program and returns what it printed to stdout.
type Python interface {
	// Run starts the Python with arguments, and with variables over those that it has. The error is an *EndedError if the
	// program, not the machine, is to blame.
	Run(ctx context.Context, args, env []string) ([]byte, error)
}

// An EndedError says how a program ended that should have answered.
type EndedError struct{ Reason string }

func (e *EndedError) Error() string { return e.Reason }

// A WrongError says that a Python computes something else than it should.
type WrongError struct{ Subject, Reason string }

func (e *WrongError) Error() string {
	return fmt.Sprintf("the Python %q computes wrong results: %s", e.Subject, e.Reason)
}

// Subject is a Python to be measured.
type Subject struct {
	Name, Source string
	Python       Python
}

// Options say how much is measured.
type Options struct {
	Rounds    int
	Values    int     // how often each process measures
	Seconds   float64 // that a measurement takes, about
	Processor int     // where to run; below 0: anywhere
	Progress  func(Event)
}

// Event says how far a run is.
type Event struct {
	Round, Rounds int // Round 0 finds out how many loops take long enough
	Program       string
	Done, All     int // processes
}

// run is one call of Run.
type run struct {
	Options
	arms     []Subject // the subjects, and the first one again as the control
	programs []workload.Program
	loops    []map[string]int // of each program
	parts    [][]string       // the names of its parts, in order
	rows     [][][]results.Row
	pythons  []string
	leftOut  []results.LeftOut
	dropped  []bool
	event    Event
}

// Run measures programs with one subject or more. A program that one of them cannot run is left out. The machine in the results is
// empty.
func Run(ctx context.Context, subjects []Subject, programs []workload.Program, o Options) (results.Results, error) {
	if len(subjects) == 0 || len(programs) == 0 {
		return results.Results{}, errors.New("there is nothing to measure")
	}
	r := &run{Options: o, arms: append(append([]Subject{}, subjects...), subjects[0]), programs: programs, loops: make([]map[string]int, len(programs)),
		parts: make([][]string, len(programs)), dropped: make([]bool, len(programs)), rows: make([][][]results.Row, len(subjects)+1), pythons: make([]string, len(subjects)+1)}
	for arm := range r.rows {
		r.rows[arm] = make([][]results.Row, len(programs))
	}
	r.event = Event{Rounds: o.Rounds, All: len(programs) * (len(subjects) + len(r.arms)*o.Rounds)}
	for round := 0; round <= o.Rounds; round++ {
		for p := range programs {
			if err := r.round(ctx, round, p); err != nil {
				return results.Results{}, err
			}
		}
	}
	return r.results(subjects)
}

// round runs one program with each arm, beginning with another one each time.
func (r *run) round(ctx context.Context, round, program int) error {
	for k := range r.arms {
		arm := (k + max(round-1, 0)) % len(r.arms)
		if r.dropped[program] {
			return nil
		}
		if round == 0 && arm == len(r.arms)-1 {
			return nil // the control has the loops of the first subject, and its files are read already
		}
		r.event.Round, r.event.Program = round, r.programs[program].Name
		if r.Progress != nil {
			r.Progress(r.event)
		}
		r.event.Done++
		if err := r.process(ctx, round, program, arm); err != nil {
			return err
		}
	}
	return nil
}

// process runs one process, and keeps what it measured. Round 0 is not kept.
func (r *run) process(ctx context.Context, round, program, arm int) error {
	request := workload.Request{Program: r.programs[program], Loops: r.loops[program], Values: r.Values, Seconds: r.Seconds, Processor: r.Processor}
	reply, err := r.ask(ctx, request, r.arms[arm], round)
	ended := (*EndedError)(nil)
	switch {
	case errors.As(err, &ended):
		r.leave(program, arm, ended.Reason)
		return nil
	case err != nil:
		return err
	case reply.Wrong != "":
		return &WrongError{r.arms[arm].Name, reply.Wrong}
	case reply.Failed != "":
		r.leave(program, arm, reply.Failed)
		return nil
	}
	r.pythons[arm] = reply.Python
	if round == 0 {
		if r.loops[program] == nil {
			r.loops[program] = make(map[string]int)
			for _, p := range reply.Parts {
				r.loops[program][p.Name] = p.Loops
				r.parts[program] = append(r.parts[program], p.Name)
			}
		}
		return nil
	}
	r.keep(round, program, arm, reply)
	return nil
}

func (r *run) ask(ctx context.Context, request workload.Request, subject Subject, round int) (workload.Reply, error) {
	// All of a round have the same order of sets and dictionaries' keys, and each round has another one.
	out, err := subject.Python.Run(ctx, request.Args(), []string{fmt.Sprintf("PYTHONHASHSEED=%d", round)})
	if err != nil {
		if errors.As(err, new(*EndedError)) {
			return workload.Reply{}, err
		}
		return workload.Reply{}, fmt.Errorf("running %s with the Python %q: %w", request.Program.Name, subject.Name, err)
	}
	reply, err := workload.ParseReply(out, request)
	if err != nil {
		return workload.Reply{}, &EndedError{err.Error()}
	}
	return reply, nil
}

// keep adds what a process measured to the rows of its arm.
func (r *run) keep(round, program, arm int, reply workload.Reply) {
	rows := r.rows[arm][program]
	if rows == nil {
		rows = make([]results.Row, len(r.parts[program]))
	}
	for i, name := range r.parts[program] {
		for _, p := range reply.Parts {
			if p.Name == name {
				rows[i].Name, rows[i].Loops = name, p.Loops
				rows[i].Runs = append(rows[i].Runs, results.Run{Round: round, CPU: p.CPU, Wall: least(p.Wall), Peak: reply.Peak})
			}
		}
	}
	r.rows[arm][program] = rows
}

func least(values []float64) float64 {
	found := values[0]
	for _, v := range values {
		found = min(found, v)
	}
	return found
}

// leave leaves a program out, for all subjects.
func (r *run) leave(program, arm int, reason string) {
	r.dropped[program] = true
	r.leftOut = append(r.leftOut, results.LeftOut{Name: r.programs[program].Name, Reason: r.arms[arm].Name + ": " + reason})
}

func (r *run) results(subjects []Subject) (results.Results, error) {
	out := results.Results{LeftOut: r.leftOut}
	if len(r.leftOut) == len(r.programs) {
		reasons := make([]string, len(r.leftOut))
		for i, l := range r.leftOut {
			reasons[i] = l.Name + ": " + l.Reason
		}
		return out, fmt.Errorf("no workload could be measured:\n  %s", strings.Join(reasons, "\n  "))
	}
	for arm := range r.arms {
		var rows []results.Row
		for p := range r.programs {
			if !r.dropped[p] {
				rows = append(rows, r.rows[arm][p]...)
			}
		}
		if arm == len(subjects) {
			out.Control = rows
			continue
		}
		out.Subjects = append(out.Subjects, results.Subject{Name: subjects[arm].Name, Source: subjects[arm].Source, Python: r.pythons[arm], Rows: rows})
	}
	return out, nil
}
