package assemble

import (
	"context"
	"errors"
	"runtime"
	"sync"

	"golang.org/x/sync/semaphore"

	"github.com/pyimg/pyimg/apk"
	"github.com/pyimg/pyimg/assemble/ingest"
	"github.com/pyimg/pyimg/internal/memo"
)

// indexes are those of a spec's repositories for one platform. They are open only while somebody uses them, unless several
// builds share them.
type indexes struct {
	fetched []*apk.FetchedIndex // by repository
	shared  []*apk.Index        // instead of fetched
	large   *semaphore.Weighted
}

// largeKey is the question for the bound on how many indexes a run parses, or uses, at the same time. Each takes some ten
// megabytes meanwhile, and the solver as much; more of them than processors are no faster.
type largeKey struct{}

func largeOf(ctx context.Context, m *memo.Memo) (*semaphore.Weighted, error) {
	return memo.Once(ctx, m, largeKey{}, func(context.Context) (*semaphore.Weighted, error) {
		return semaphore.NewWeighted(int64(runtime.GOMAXPROCS(0))), nil
	})
}

// fetchIndexes asks for the index of each repository. A repository that lacks the arch altogether is an error: apk would go
// on without it, and the image would miss what only that repository has.
func fetchIndexes(ctx context.Context, repositories []*apk.Repository, arch string, src ingest.Mirrors, large *semaphore.Weighted) (indexes, error) {
	x := indexes{large: large}
	if src.Memo != nil {
		x.shared = make([]*apk.Index, len(repositories))
	} else {
		x.fetched = make([]*apk.FetchedIndex, len(repositories))
	}
	errs := make([]error, len(repositories))
	var wg sync.WaitGroup
	for i, r := range repositories {
		wg.Go(func() {
			o := src.IndexOptions(arch)
			o.Repository, o.Parsing = r, large
			if x.shared != nil {
				x.shared[i], errs[i] = loadIndex(ctx, o, src)
			} else {
				x.fetched[i], errs[i] = apk.FetchIndex(ctx, src.Fetch, o)
			}
		})
	}
	wg.Wait()
	return x, errors.Join(errs...)
}

// use calls do with the indexes, in its turn.
func (x indexes) use(ctx context.Context, do func([]*apk.Index) error) error {
	if err := x.large.Acquire(ctx, 1); err != nil {
		return err
	}
	defer x.large.Release(1)
	if x.shared != nil {
		return do(x.shared)
	}
	all, errs := make([]*apk.Index, len(x.fetched)), make([]error, len(x.fetched))
	for i, f := range x.fetched {
		if all[i], errs[i] = f.Open(ctx); errs[i] == nil {
			defer all[i].Close() // packages and errors hold copies
		}
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	return do(all)
}
