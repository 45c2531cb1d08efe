//go:build unix

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
)

// A table is printed in Markdown, row by row.
type table struct {
	out     io.Writer
	results *results
}

func newTable(out io.Writer, o options) *table {
	r := newResults(o)
	fmt.Fprint(out, r.head())
	return &table{out, r}
}

// add adds a row to the results and prints it.
func (t *table) add(r row) {
	t.results.Rows = append(t.results.Rows, r)
	fmt.Fprint(t.out, r)
}

// head is what stands above the rows.
func (r *results) head() string {
	return fmt.Sprintf("%s, %d cores, %s; load averages %s at the start; %d packages of %d MiB; %g ms a request; medians of %d runs\n\n",
		r.Machine, r.Cores, r.Go, r.Load, r.Packages, r.Size, r.RTT, r.Runs) +
		"| scenario | wall, s | CPU, s | CPU, least to most | CPU to inflate+hash | peak RSS, MiB | in, MiB | out, MiB | requests to mirror | to registry |\n" +
		"| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n"
}

// String is the row in Markdown.
func (r row) String() string {
	if r.Absent != "" {
		return fmt.Sprintf("| %s | %s |\n", r.Name, r.Absent)
	}
	floor := ""
	if r.Floor > 0 {
		floor = fmt.Sprintf("%.2f", r.Floor)
	}
	against := ""
	if r.Against > 0 {
		against = fmt.Sprintf("; %.2f of the other's CPU", r.Against)
	}
	return fmt.Sprintf("| %s | %.3f | %.3f | %.3f to %.3f%s | %s | %.1f | %.2f | %.2f | %d | %d |\n",
		r.Name, r.Wall, r.CPU, r.CPULeast, r.CPUMost, against, floor, r.RSS, r.In, r.Out, r.Mirror, r.Registry)
}

// markdown is the whole table.
func (r *results) markdown() string {
	text := r.head()
	for _, row := range r.Rows {
		text += row.String()
	}
	return text + r.linkRatio()
}

// row measures one scenario. It measures the floor between the runs, because a machine's speed changes over time; for the
// same reason the runs of another pyimg alternate with those of this one.
func (w *world) row(ctx context.Context, s scenario, pyimg string) (row, error) {
	defer w.link(0)
	next, err := s.prepare(ctx, w, pyimg)
	if errors.Is(err, errAbsent) {
		return row{Name: s.name, Absent: err.Error()}, nil
	}
	if err != nil {
		return row{}, fmt.Errorf("preparing: %w", err)
	}
	var other func(int) ([]string, error)
	if w.o.against != "" {
		if other, err = s.prepare(ctx, w, w.o.against); err != nil {
			return row{}, fmt.Errorf("preparing for %q: %w", w.o.against, err)
		}
	}
	var costs []cost
	var floors, others []float64
	for i := range w.o.runs {
		c, err := w.once(ctx, next, i)
		if err != nil {
			return row{}, err
		}
		costs = append(costs, c)
		if s.floor != nil {
			floors = append(floors, c.CPU.Seconds()/inflateAndHash(s.floor(w)).Seconds())
		}
		if other != nil {
			o, err := w.once(ctx, other, i)
			if err != nil {
				return row{}, err
			}
			others = append(others, c.CPU.Seconds()/o.CPU.Seconds())
		}
		w.tidy()
	}
	return newRow(s.name, costs, floors, others), nil
}

// once does one run and returns its cost.
func (w *world) once(ctx context.Context, next func(int) ([]string, error), run int) (cost, error) {
	args, err := next(run)
	if err != nil {
		return cost{}, err
	}
	w.mirror.Forget()
	w.registry.Forget()
	if w.alpine != nil {
		w.alpine.Forget()
	}
	c, err := measure(ctx, w.dir, args)
	if err != nil {
		return cost{}, err
	}
	w.count(&c)
	return c, nil
}

// count adds the servers' counts to a cost.
func (w *world) count(c *cost) {
	mirrored := w.mirror.Requests()
	if w.alpine != nil {
		mirrored = append(mirrored, w.alpine.Requests()...)
	}
	for _, r := range mirrored {
		c.Mirror++
		c.In += r.Sent
	}
	for _, r := range w.registry.Requests() {
		c.Registry++
		c.Out += r.Received
	}
}

// tidy removes the folders of finished runs. It keeps the few caches that a later run needs.
func (w *world) tidy() {
	for i := range w.counter {
		_ = os.RemoveAll(fmt.Sprintf("%s/layout-%d", w.dir, i+1))
	}
}

// newRow is the row of some runs: medians, also of the ratios to the floor and to the CPU of another pyimg.
func newRow(name string, costs []cost, floors, others []float64) row {
	number := func(of func(cost) float64) float64 { return median(costs, of) }
	r := row{
		Name: name,
		Wall: number(func(c cost) float64 { return c.Wall.Seconds() }), CPU: number(func(c cost) float64 { return c.CPU.Seconds() }),
		RSS: number(func(c cost) float64 { return float64(c.RSS) / (1 << 20) }), In: number(func(c cost) float64 { return float64(c.In) / (1 << 20) }),
		Out:    number(func(c cost) float64 { return float64(c.Out) / (1 << 20) }),
		Mirror: median(costs, func(c cost) int { return c.Mirror }), Registry: median(costs, func(c cost) int { return c.Registry }),
	}
	r.CPULeast, r.CPUMost = costs[0].CPU.Seconds(), costs[0].CPU.Seconds()
	for _, c := range costs {
		r.CPULeast, r.CPUMost = min(r.CPULeast, c.CPU.Seconds()), max(r.CPUMost, c.CPU.Seconds())
	}
	if len(floors) > 0 {
		r.Floor = median(floors, func(r float64) float64 { return r })
	}
	if len(others) > 0 {
		r.Against = median(others, func(r float64) float64 { return r })
	}
	return r
}

func median[T any, N cmp.Ordered](of []T, value func(T) N) N {
	values := make([]N, len(of))
	for i, v := range of {
		values[i] = value(v)
	}
	slices.Sort(values)
	return values[len(values)/2]
}
