package assemble

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/pyimg/pyimg/apk"
	"github.com/pyimg/pyimg/apk/solve"
	"github.com/pyimg/pyimg/assemble/ingest"
	"github.com/pyimg/pyimg/assemble/input"
	"github.com/pyimg/pyimg/assemble/lock"
	"github.com/pyimg/pyimg/assemble/spec"
	"github.com/pyimg/pyimg/internal/memo"
)

// A hold keeps what a lock has where the rest is resolved anew. The zero value holds nothing.
type hold struct {
	platform spec.Platform
	packages map[string]lock.Package // by name
	free     []string                // names of packages that may move
	base     string                  // digest; "" where none is held
	runtimes []lock.Runtime
	wheels   map[string]lock.Wheel // by name
	memo     *memo.Memo            // see input.Access
	records  apk.Cache             // solutions of earlier runs; nil keeps none
}

// Update resolves the spec with all packages held at what the lock has, but for those named and, where they cannot move
// alone, those of the same origin. Runtimes are held. keys are as Resolve has them. The error is an *solve.Error where they cannot move so.
func Update(ctx context.Context, s spec.Spec, locked lock.Lock, names []string, src input.Access, keys *apk.Keyring) (Plan, error) {
	for _, name := range names {
		if !locked.Has(name) {
			return Plan{}, &lock.Error{File: locked.Name, Err: fmt.Errorf("it has no package %q to update; it has %s", name, strings.Join(locked.Names(), ", "))}
		}
	}
	return resolve(ctx, s, src, keys, func(p spec.Platform) hold {
		h := hold{platform: p, packages: make(map[string]lock.Package), wheels: make(map[string]lock.Wheel), free: names}
		for _, l := range locked.Platforms {
			if l.Platform != p {
				continue
			}
			h.runtimes = l.Runtimes
			if l.Base != nil {
				h.base = l.Base.Digest
			}
			for _, w := range l.Wheels {
				h.wheels[w.Name] = w
			}
			for _, q := range l.Packages {
				h.packages[q.Name] = q
			}
		}
		return h
	})
}

// solve finds the packages that satisfy the world, with what is held at its place.
func (h hold) solve(world []apk.Dependency, indexes []*apk.Index, dialect apk.Dialect) (solve.Solution, error) {
	o := solve.Options{Dialect: dialect}
	if h.packages == nil {
		return h.solveOnce(world, indexes, o)
	}
	if err := h.missing(indexes); err != nil {
		return solve.Solution{}, err
	}
	newest, err := h.solveOnce(world, indexes, o)
	if err != nil {
		return newest, err
	}
	var solution solve.Solution
	var held error
	for _, free := range [][]string{h.free, h.siblings(indexes)} {
		// Packages of one origin often want each other's exact version, so these come next.
		solution, err = solve.Solve(world, h.held(indexes, free), o)
		if err == nil && len(h.behind(solution, newest)) == 0 {
			return solution, nil
		}
		held = errors.Join(held, err)
	}
	if err != nil {
		return solution, fmt.Errorf("with all others held as the lock has them: %w", held)
	}
	for _, p := range h.behind(solution, newest) {
		solution.Notes = append(solution.Notes, fmt.Sprintf("%s cannot move while all others are held as the lock has them; \"pyimg lock\" moves all", p))
	}
	return solution, nil
}

// behind are the packages that may move and are not at what they would be if all moved.
func (h hold) behind(solution, newest solve.Solution) []string {
	var behind []string
	for _, p := range newest.Packages {
		at := slices.IndexFunc(solution.Packages, func(q *apk.Package) bool { return q.Name == p.Name })
		if slices.Contains(h.free, p.Name) && at >= 0 && solution.Packages[at].Checksum != p.Checksum {
			behind = append(behind, solution.Packages[at].String())
		}
	}
	return behind
}

// held are the indexes without other versions of the packages that may not move.
func (h hold) held(indexes []*apk.Index, free []string) []*apk.Index {
	out := make([]*apk.Index, len(indexes))
	moves := make(map[string]bool, len(free)) // an origin may have very many packages
	for _, name := range free {
		moves[name] = true
	}
	for i, x := range indexes {
		out[i] = x.Where(func(p *apk.Package) bool {
			q, locked := h.packages[p.Name]
			return !locked || moves[p.Name] || p.Checksum.String() == q.Checksum
		})
	}
	return out
}

// siblings are the packages that may move and all those that were built with them.
func (h hold) siblings(indexes []*apk.Index) []string {
	origins := make(map[string]bool)
	free := slices.Clone(h.free)
	each := func(do func(*apk.Package)) {
		for _, x := range indexes {
			for p := range x.Packages() {
				do(p)
			}
		}
	}
	each(func(p *apk.Package) {
		if slices.Contains(h.free, p.Name) {
			origins[p.Origin] = true
		}
	})
	each(func(p *apk.Package) {
		if origins[p.Origin] && p.Origin != "" {
			free = append(free, p.Name)
		}
	})
	return free
}

// missing names the packages that are to stay as they are and that no index lists so any more.
func (h hold) missing(indexes []*apk.Index) error {
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(h.packages)) {
		if slices.Contains(h.free, name) {
			continue
		}
		q := h.packages[name]
		listed, now := false, []string(nil)
		for _, x := range indexes {
			for p := range x.Named(name) {
				listed = listed || p.Checksum.String() == q.Checksum
				now = append(now, p.Version)
			}
		}
		if !listed {
			errs = append(errs, &ingest.GoneError{Package: q.Name + "-" + q.Version, Name: q.Name, Now: now,
				Err: errors.New("its index lists it no more, so it cannot be held")})
		}
	}
	return errors.Join(errs...)
}
