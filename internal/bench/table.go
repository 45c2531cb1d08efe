//go:build unix

package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"time"
)

// A table is printed in Markdown, row by row.
type table struct {
	out  io.Writer
	wall map[string]float64 // by scenario, in seconds
}

func newTable(out io.Writer, o options) *table {
	fmt.Fprintf(out, "%s, %d cores, %s/%s; %d packages of %d MiB; %v a request; medians of %d runs\n\n", runtime.Version(), runtime.NumCPU(),
		runtime.GOOS, runtime.GOARCH, o.packages, o.size, o.rtt, o.runs)
	fmt.Fprintln(out, "| scenario | wall, s | CPU, s | CPU to inflate+hash | peak RSS, MiB | in, MiB | out, MiB | requests to mirror | to registry |")
	fmt.Fprintln(out, "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
	return &table{out, make(map[string]float64)}
}

// run measures one scenario and prints its row. It measures the floor between the runs, because a machine's speed
// changes over time.
func (w *world) run(ctx context.Context, s scenario, pyimg string, t *table) error {
	defer w.link(0)
	next, err := s.prepare(ctx, w, pyimg)
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
	t.wall[s.name] = median(costs, func(c cost) float64 { return c.Wall.Seconds() })
	return nil
}

// count adds the servers' counts to a cost.
func (w *world) count(c *cost) {
	for _, r := range w.mirror.Requests() {
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
	ratio := ""
	if len(ratios) > 0 {
		ratio = fmt.Sprintf("%.2f", median(ratios, func(r float64) float64 { return r }))
	}
	seconds := func(of func(cost) time.Duration) float64 {
		return median(costs, func(c cost) float64 { return of(c).Seconds() })
	}
	mebibytes := func(of func(cost) int64) float64 {
		return median(costs, func(c cost) float64 { return float64(of(c)) / (1 << 20) })
	}
	number := func(of func(cost) int) float64 { return median(costs, func(c cost) float64 { return float64(of(c)) }) }
	fmt.Fprintf(t.out, "| %s | %.3f | %.3f | %s | %.1f | %.2f | %.2f | %.0f | %.0f |\n", name,
		seconds(func(c cost) time.Duration { return c.Wall }), seconds(func(c cost) time.Duration { return c.CPU }), ratio,
		mebibytes(func(c cost) int64 { return c.RSS }), mebibytes(func(c cost) int64 { return c.In }), mebibytes(func(c cost) int64 { return c.Out }),
		number(func(c cost) int { return c.Mirror }), number(func(c cost) int { return c.Registry }))
}

func median[T any, N cmp.Ordered](of []T, value func(T) N) N {
	values := make([]N, len(of))
	for i, v := range of {
		values[i] = value(v)
	}
	slices.Sort(values)
	return values[len(values)/2]
}
