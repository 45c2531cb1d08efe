package push

import (
	"context"
	"fmt"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/pyimg/pyimg/internal/patience"
	"github.com/pyimg/pyimg/push/oci"
)

// Get reads the image or index that a reference names. A single image is returned as an index of one (see [oci.Root]).
// Configs and layers are read only when the caller asks for them; ctx must not end before.
func (r Registry) Get(ctx context.Context, ref string) (v1.ImageIndex, error) {
	return patience.Promptly(ctx, func() (v1.ImageIndex, error) { return r.get(ctx, ref) })
}

func (r Registry) get(ctx context.Context, s string) (v1.ImageIndex, error) {
	ref, err := r.parse(s)
	if err != nil {
		return nil, err
	}
	repo, err := r.openOne(ctx, ref.Context(), transport.PullScope)
	if err != nil {
		return nil, err
	}
	desc, raw, err := repo.Manifest(ctx, identifier(ref))
	if err != nil {
		return nil, err
	}
	desc.MediaType = oci.MediaType(desc.MediaType, raw)
	idx, err := oci.Open(repo.Source(ctx), desc, raw)
	return idx, repo.Fail(fmt.Sprintf("reading image %q", identifier(ref)), err)
}
