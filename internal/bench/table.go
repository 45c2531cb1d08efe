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
	return fmt.Sprintf("| %s | %.3f | %.3f | %.3f to %.3f | %s | %.1f | %.2f | %.2f | %d | %d |\n",
		r.Name, r.Wall, r.CPU, r.CPULeast, r.CPUMost, floor, r.RSS, r.In, r.Out, r.Mirror, r.Registry)
}

// markdown is the whole table.
func (r *results) markdown() string {
	text := r.head()
	for _, row := range r.Rows {
		text += row.String()
	}
	return text + r.linkRatio()
}

// run measures one scenario and prints its row. It measures the floor between the runs, because a machine's speed
// changes over time.
func (w *world) run(ctx context.Context, s scenario, pyimg string, t *table) error {
	defer w.link(0)
	next, err := s.prepare(ctx, w, pyimg)
	if errors.Is(err, errAbsent) {
		t.add(row{Name: s.name, Absent: err.Error()})
		return nil
	}
	if err != nil {
		return fmt.Errorf("preparing: %w", err)
	}
	var costs []cost
	var ratios []float64
	for i := range w.o.runs {
		args, err := next(i)
		if err != nil {
			return err
		}
		w.mirror.Forget()
		w.registry.Forget()
		if w.alpine != nil {
			w.alpine.Forget()
		}
		c, err := measure(ctx, w.dir, args)
		if err != nil {
			return err
		}
		w.count(&c)
		costs = append(costs, c)
		if s.floor > 0 {
			ratios = append(ratios, c.CPU.Seconds()/(w.inflateAndHash().Seconds()*float64(s.floor)))
		}
		w.tidy()
	}
	t.row(s.name, costs, ratios)
	return nil
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

func (t *table) row(name string, costs []cost, ratios []float64) {
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
	if len(ratios) > 0 {
		r.Floor = median(ratios, func(r float64) float64 { return r })
	}
	t.add(r)
}

func median[T any, N cmp.Ordered](of []T, value func(T) N) N {
	values := make([]N, len(of))
	for i, v := range of {
		values[i] = value(v)
	}
	slices.Sort(values)
	return values[len(values)/2]
}
