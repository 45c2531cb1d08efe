package wheels

import (
	"context"
	"errors"
	"io/fs"

	"github.com/pyimg/pyimg/assemble/input"
	"github.com/pyimg/pyimg/assemble/lock"
	"github.com/pyimg/pyimg/assemble/spec"
	"github.com/pyimg/pyimg/internal/fetch"
	"github.com/pyimg/pyimg/internal/memo"
	"github.com/pyimg/pyimg/internal/registryurl"
	"github.com/pyimg/pyimg/wheel/index"
)

// Indexes are the indexes of a spec, in its order. One chain serves all platforms of a run: each index is asked once for a
// project. Wheels that are at hand come first: a folder of the spec need not be there then.
type Indexes struct {
	*index.Chain
	registries []*registryIndex
}

// OpenIndexes opens the indexes of a spec. Those in registries are read as pins say, if these name them.
func OpenIndexes(ctx context.Context, s spec.Spec, src input.Access, pins []lock.WheelIndex) (*Indexes, error) {
	out := new(Indexes)
	var all []index.Index
	if src.Wheels != nil {
		all = append(all, atHand{src.Wheels})
	}
	for _, where := range s.Python.Indexes() {
		var x index.Index
		var err error
		switch m := src.Mirror(where); {
		case m != nil && s.Python.Mirrored(where):
			x = m
		case spec.IsURL(where):
			x, err = index.NewRemote(where, Pages(src.Fetch))
			x = once{x, src.Memo, where}
		case registryurl.IsReference(where):
			var r *registryIndex
			if r, err = openRegistry(ctx, where, src, pins); err == nil {
				x, out.registries = r, append(out.registries, r)
			}
		default:
			x, err = index.OpenFolder(s.Path(where))
			if src.Wheels != nil && errors.Is(err, fs.ErrNotExist) {
				continue
			}
		}
		if err != nil {
			return nil, &SelectError{err}
		}
		all = append(all, x)
	}
	out.Chain = index.NewChain(all...)
	return out, nil
}

// once is an index that the builds of a run ask once for each project.
type once struct {
	index.Index
	memo  *memo.Memo
	where string
}

// The question for a project, and its answer.
type (
	projectKey    struct{ where, name string }
	projectAnswer struct {
		files []index.File
		found bool
	}
)

// Project implements index.Index.
func (o once) Project(ctx context.Context, name string) (files []index.File, found bool, err error) {
	a, err := memo.Once(ctx, o.memo, projectKey{o.where, name}, func(ctx context.Context) (a projectAnswer, err error) {
		a.files, a.found, err = o.Index.Project(ctx, name)
		return a, err
	})
	return a.files, a.found, err
}

// atHand is the index of wheels that are at hand.
type atHand struct{ wheels input.Wheels }

// Project implements index.Index.
func (a atHand) Project(_ context.Context, name string) (files []index.File, found bool, err error) {
	for _, f := range a.wheels.Of(name) {
		files = append(files, index.File{File: f})
	}
	return files, len(files) > 0, nil
}

// Pages opens the pages of indexes with an opener, which negotiates their form where it can.
func Pages(from input.Opener) index.Opener { return pages{from} }

// pages opens the pages of indexes.
type pages struct{ from input.Opener }

// Open implements index.Opener.
func (p pages) Open(ctx context.Context, address, accept string) (*index.Response, error) {
	negotiating, ok := p.from.(interface {
		OpenPage(ctx context.Context, location, accept string) (fetch.Page, error)
	})
	if !ok {
		body, err := p.from.Open(ctx, address)
		return &index.Response{Body: body}, err
	}
	page, err := negotiating.OpenPage(ctx, address, accept)
	if err != nil {
		return nil, err
	}
	return &index.Response{Body: page, ContentType: page.ContentType, URL: page.URL}, nil
}
