package build

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/pyimg/pyimg/apk"
	"github.com/pyimg/pyimg/internal/sandbox"
	"github.com/pyimg/pyimg/wheel/source"
	"github.com/pyimg/pyimg/wheels/config"
	"github.com/pyimg/pyimg/wheels/download"
	"github.com/pyimg/pyimg/wheels/pep517"
	"github.com/pyimg/pyimg/wheels/plan"
	"github.com/pyimg/pyimg/wheels/repository"
)

// Roots makes the roots that compile, and knows what Alpine provides; see builder.Builder.
type Roots interface {
	Root(ctx context.Context, target int, extra []apk.Dependency) (pep517.Root, pep517.Target, error)
	// Expand fills in what a variable or a setting names of a target, such as {machine}.
	Expand(target int, value string) string
	Provides(ctx context.Context, target int, sonames []string) (branch string, found []repository.Alpine, err error)
}

// Folders keeps folders by the key of what they hold, see layers.Store.
type Folders interface {
	Folder(ctx context.Context, key string, fill func(dir string) (size int64, err error)) (string, error)
}

// Options are what builds work with.
type Options struct {
	Config   config.Config
	Planner  *plan.Planner
	Roots    Roots
	Index    *repository.Repository
	Download *download.Downloader
	Folders  Folders
	Work     string         // a folder for what is not kept
	Jobs     int            // builds at once
	Limits   sandbox.Limits // of one build
	Retry    bool           // what failed before, too
	Notice   func(sandbox.Notice)
	Progress func(Event) // may be nil
}

// Event is what happens to an item.
type Event struct {
	Item *plan.Item
	Text string // "building", "built", "failed"
	Done int    // items that are finished
	All  int
}

// Result is what came of an item.
type Result struct {
	Item   *plan.Item
	Built  bool   // now; else Wheel was there, or nothing came of it
	Wheel  string // file name
	Reason string // of a failure; "" for success
	Log    string // of a failure, below the index
	Time   time.Duration
}

// Failed reports whether the index lacks the wheel.
func (r Result) Failed() bool { return r.Reason != "" && r.Wheel == "" }

// builds is one run.
type builds struct {
	Options
	targets []plan.Target
	mu      sync.Mutex
	flights map[string]*flight // by item
	done    int
	all     int
}

// flight is a build that is done once, whoever needs it.
type flight struct {
	once   sync.Once
	result Result
	err    error
}

// Built keeps what is built by now, for a planner that is made before the builds begin.
type Built struct {
	mu    sync.Mutex
	index *repository.Repository
	paths map[string]source.File
	sums  map[string]string // SHA-256, by key
}

// NewBuilt knows what an index has.
func NewBuilt(index *repository.Repository, records []repository.Record) *Built {
	b := &Built{index: index, paths: make(map[string]source.File), sums: make(map[string]string)}
	for _, r := range records {
		b.add(r)
	}
	return b
}

func (b *Built) add(r repository.Record) {
	f, err := b.index.Source(r)
	if err != nil {
		return // it was checked when it was read
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, k := range r.Keys {
		b.paths[k], b.sums[k] = f, r.SHA256
	}
}

// Wheel is the wheel of a key.
func (b *Built) Wheel(key string) (source.File, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	f, ok := b.paths[key]
	return f, ok
}

// digest is the SHA-256 of a key's wheel.
func (b *Built) digest(key string) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.sums[key]
}

// Run builds what a plan says, and returns what came of each wanted item, in the plan's order. The error is that of a run that
// cannot go on; failed builds are results.
func Run(ctx context.Context, p plan.Plan, built *Built, o Options) ([]Result, error) {
	b := &builds{Options: o, targets: p.Targets, flights: make(map[string]*flight)}
	groups := grouped(p.Items)
	for _, i := range p.Items {
		if b.toBuild(i) {
			b.all++
		}
	}
	results := make([]Result, len(p.Items))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(max(o.Jobs, 1))
	for _, group := range groups {
		g.Go(func() error {
			for _, n := range group {
				var err error
				if results[n], err = b.item(ctx, p.Items[n], built); err != nil {
					return err
				}
				b.serveOthers(ctx, results[n], p.Items, group, built)
			}
			return nil
		})
	}
	err := g.Wait()
	kept := results[:0]
	for n, r := range results {
		if r.Item != nil && (p.Items[n].Wanted || r.Built || r.Failed()) {
			kept = append(kept, r)
		}
	}
	return kept, err
}

// grouped are the items of each project and version, in the plan's order. They are built one after the other, since one wheel may
// serve several of them.
func grouped(items []*plan.Item) [][]int {
	var out [][]int
	at := make(map[string]int)
	for n, i := range items {
		g, ok := at[i.Name()]
		if !ok {
			g = len(out)
			at[i.Name()] = g
			out = append(out, nil)
		}
		out[g] = append(out[g], n)
	}
	return out
}

func (b *builds) toBuild(i *plan.Item) bool {
	return i.ToBuild() || i.State == plan.Failed && b.Retry
}

// item builds an item if that is needed, and waits for it if another item needs it, too.
func (b *builds) item(ctx context.Context, i *plan.Item, built *Built) (Result, error) {
	if err := ctx.Err(); err != nil {
		return Result{}, err
	}
	if _, done := built.Wheel(i.Key); done || !b.toBuild(i) {
		return b.kept(i, built), nil
	}
	b.mu.Lock()
	id := i.Key
	f := b.flights[id]
	if f == nil {
		f = new(flight)
		b.flights[id] = f
	}
	b.mu.Unlock()
	f.once.Do(func() { f.result, f.err = b.build(ctx, i, built) })
	r := f.result
	r.Item = i
	return r, f.err
}

// kept is the result of an item that is not built.
func (b *builds) kept(i *plan.Item, built *Built) Result {
	r := Result{Item: i, Wheel: i.Wheel}
	if f, ok := built.Wheel(i.Key); ok && i.Key != "" {
		r.Wheel = f.Filename.Text
	}
	switch i.State {
	case plan.Failed:
		r.Reason = i.Reason
		r.Log = b.Index.Log(b.failure(i))
	case plan.Impossible:
		r.Reason = i.Reason
	case plan.Missing, plan.Outdated, plan.Current, plan.Served, plan.Skipped:
	}
	return r
}

// failure is the note of an item that failed.
func (b *builds) failure(i *plan.Item) repository.Failure {
	t := b.targets[i.Target]
	return repository.Failure{Project: i.Project, Version: i.Version, Python: t.Python, Platform: t.Platform, Key: i.Key}
}

// build builds an item, as often as the configuration says. Its error is that of a run that cannot go on.
func (b *builds) build(ctx context.Context, i *plan.Item, built *Built) (Result, error) {
	began := time.Now()
	b.tell(i, "building", 0)
	failure := b.failure(i)
	var log string
	var rec repository.Record
	var err error
	for try := 1; try <= max(b.Config.Limits.Tries, 1); try++ {
		failure.Tries = try
		rec, log, err = b.try(ctx, i, built)
		if err == nil || ctx.Err() != nil || !isFailure(err) {
			break
		}
	}
	r := Result{Item: i, Time: time.Since(began)}
	switch {
	case ctx.Err() != nil:
		return r, ctx.Err()
	case err == nil:
		r.Built, r.Wheel = true, rec.File
		b.tell(i, "built", 1)
		return r, b.Index.ClearFailure(failure)
	case !isFailure(err):
		return r, err
	}
	failure.Reason = oneLine(err)
	if ended := (*pep517.Error)(nil); errors.As(err, &ended) && ended.Limit == "memory" && b.Config.Limits.Memory == 0 {
		failure.Key = "" // this machine had too little memory just then: it is tried again
	}
	r.Reason = failure.Reason
	if log != "" {
		if failure.Log, err = b.Index.KeepLog(failure, log); err != nil {
			return r, err
		}
		r.Log = failure.Log
		_ = os.RemoveAll(filepath.Dir(log)) // what is left is in the folder for what is not kept
	}
	b.tell(i, "failed", 1)
	return r, b.Index.SetFailure(failure)
}

// isFailure tells a package that cannot be built from a machine that cannot build.
func isFailure(err error) bool {
	return errors.As(err, new(*pep517.Error)) || errors.As(err, new(*failedError))
}

// failedError is why a build failed before or after the sandbox.
type failedError struct{ err error }

func (e *failedError) Error() string { return e.err.Error() }
func (e *failedError) Unwrap() error { return e.err }

func (b *builds) tell(i *plan.Item, text string, done int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.done += done
	if b.Progress != nil {
		b.Progress(Event{Item: i, Text: text, Done: b.done, All: b.all})
	}
}

// serveOthers notes that a wheel that was just built is also what other targets of its group need: a pure one, or one with the
// stable ABI.
func (b *builds) serveOthers(ctx context.Context, r Result, items []*plan.Item, group []int, built *Built) {
	if !r.Built {
		return
	}
	f, ok := built.Wheel(r.Item.Key)
	if !ok {
		return
	}
	from := b.targets[r.Item.Target]
	for _, n := range group {
		i := items[n]
		t := b.targets[i.Target]
		newer := t.Target.Python.Compare(from.Target.Python) >= 0
		if i == r.Item || !b.toBuild(i) || i.Sdist.SHA256 != r.Item.Sdist.SHA256 || !t.Target.Tags.Fits(f.Filename) || !newer {
			continue
		}
		rec, err := b.Index.Record(f.Filename.Text)
		if err != nil {
			continue // then it is built
		}
		again, err := b.Planner.Again(ctx, i, rec.Dynamic)
		if err != nil || slices.Contains(rec.Keys, again.Key) {
			continue
		}
		if rec, err = b.Index.AddKeys(rec, again.Key); err == nil {
			rec.Keys = append(rec.Keys, i.Key) // in memory alone: the plan knows it by that
			built.add(rec)
			b.tell(i, "built", 1)
			_ = b.Index.ClearFailure(b.failure(i)) // it is a note
		}
	}
}

// workDir is a folder that the sandbox's user may look into.
func (b *builds) workDir() (string, error) {
	dir, err := os.MkdirTemp(b.Work, "build-")
	if err != nil {
		return "", err
	}
	return dir, os.Chmod(dir, 0o755)
}
