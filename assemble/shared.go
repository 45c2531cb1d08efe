package assemble

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/pyimg/pyimg/apk"
	"github.com/pyimg/pyimg/apk/solutions"
	"github.com/pyimg/pyimg/apk/solve"
	"github.com/pyimg/pyimg/assemble/ingest"
	"github.com/pyimg/pyimg/assemble/input"
	"github.com/pyimg/pyimg/assemble/runtime"
	"github.com/pyimg/pyimg/assemble/spec"
	"github.com/pyimg/pyimg/internal/memo"
)

// This file has the questions that several builds of one run ask once, see input.Access.Memo.

// The keys of questions without an index.
type (
	releasesKey   struct{} // which releases all builds use
	repositoryKey struct{ mirrors, tag string }
)

func keyOf(r *apk.Repository) repositoryKey {
	return repositoryKey{strings.Join(r.Mirrors, "\n"), r.Tag}
}

// shared returns the repositories and releases that the builds of a run have in common: a package of a shared index belongs to a
// repository of each of them.
func shared(ctx context.Context, own spec.Repositories, src input.Access) (spec.Repositories, *runtime.Releases, error) {
	rs := slices.Clone(own)
	for i, r := range own {
		common, err := memo.Once(ctx, src.Memo, keyOf(r.Repository), func(context.Context) (*apk.Repository, error) { return r.Repository, nil })
		if err != nil {
			return nil, nil, err
		}
		rs[i].Repository = common
	}
	releases, err := memo.Once(ctx, src.Memo, releasesKey{}, func(context.Context) (*runtime.Releases, error) { return new(runtime.Releases), nil })
	return rs, releases, err
}

// indexKey is the question for an index. Only builds that trust the same keys get the same answer.
type indexKey struct {
	of   repositoryKey
	arch string
	keys *apk.Keyring
}

// loadIndex reads one index, unless another build of this run has read it.
func loadIndex(ctx context.Context, o apk.IndexOptions, src ingest.Mirrors) (*apk.Index, error) {
	return memo.Once(ctx, src.Memo, indexKey{keyOf(o.Repository), o.Arch, o.Keyring}, func(ctx context.Context) (*apk.Index, error) {
		return apk.LoadIndex(ctx, src.Fetch, o)
	})
}

// solutionKey is the question which packages satisfy a world. Indexes are told apart by their addresses: loadIndex keeps them.
type solutionKey struct {
	world, indexes string
	dialect        apk.Dialect
}

// solveOnce solves for a world, unless another build of this run, or an earlier run, has solved for it. It does not wait for a network, so it needs no
// context.
//
//nolint:contextcheck // and so its callers have none to pass
func (h hold) solveOnce(world []apk.Dependency, indexes []*apk.Index, o solve.Options) (solve.Solution, error) {
	key := solutionKey{world: fmt.Sprint(world), dialect: o.Dialect}
	for _, x := range indexes {
		key.indexes += fmt.Sprintf(" %p", x)
	}
	return memo.Once(context.Background(), h.memo, key, func(context.Context) (solve.Solution, error) {
		return solutions.Solve(h.records, world, indexes, o)
	})
}

// librariesKey is the question which libraries layers need.
type librariesKey struct {
	layers   string
	platform spec.Platform
}

// librariesNeeded finds out which libraries the parts need, unless another build of this run has. It does not wait for a network, so it
// needs no context.
//
//nolint:contextcheck // and so its callers have none to pass
func librariesNeeded(parts []runtime.Part, p spec.Platform, src input.Access) (runtime.Needs, error) {
	key := librariesKey{platform: p}
	for _, part := range parts {
		key.layers += part.Layer + " "
	}
	needs, err := memo.Known(context.Background(), src.Memo, key, func(context.Context) (runtime.Needs, error) {
		return runtime.LibrariesNeeded(parts, p, src.Store)
	})
	return runtime.Needs{All: slices.Clone(needs.All), Optional: maps.Clone(needs.Optional)}, err
}
