package wheels

import (
	"context"

	"github.com/pyimg/pyimg/assemble/input"
	"github.com/pyimg/pyimg/assemble/spec"
	"github.com/pyimg/pyimg/internal/fetch"
	"github.com/pyimg/pyimg/wheel/index"
)

// Indexes are the indexes of a spec, in its order. One chain serves all platforms of a run: each index is asked once for a
// project.
func Indexes(s spec.Spec, from input.Opener) (*index.Chain, error) {
	var all []index.Index
	for _, where := range s.Python.Indexes() {
		var x index.Index
		var err error
		if spec.IsURL(where) {
			x, err = index.NewRemote(where, pages{from})
		} else {
			x, err = index.OpenFolder(s.Path(where))
		}
		if err != nil {
			return nil, &SelectError{err}
		}
		all = append(all, x)
	}
	return index.NewChain(all...), nil
}

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
