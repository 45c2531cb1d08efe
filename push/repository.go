package push

import (
	"context"

	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/pyimg/pyimg/push/remote"
)

// Repository opens the repository of a reference for requests of the caller's own, and returns the tag or digest that the reference
// names. Unless writing, it is for reading alone. Only the first request asks for a token.
func (r Registry) Repository(ctx context.Context, ref string, writing bool) (repo *remote.Repository, identified string, err error) {
	parsed, err := r.parse(ref)
	if err != nil {
		return nil, "", err
	}
	actions := transport.PullScope
	if writing {
		actions = transport.PushScope // it includes reading
	}
	repo, err = r.openOne(ctx, parsed.Context(), actions)
	return repo, identifier(parsed), err
}
