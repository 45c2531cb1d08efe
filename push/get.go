package push

import (
	"context"
	"fmt"
	"sync/atomic"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// Get reads what a reference names: an index, or a single image as an index of one (see [Root]). Configs and layers are
// read when they are asked for, as long as ctx lasts.
func (r Registry) Get(ctx context.Context, ref string) (v1.ImageIndex, error) {
	return promptly(ctx, func() (v1.ImageIndex, error) { return r.get(ctx, ref) })
}

func (r Registry) get(ctx context.Context, s string) (v1.ImageIndex, error) {
	ref, err := r.parse(s)
	if err != nil {
		return nil, err
	}
	auth, who, err := r.credentials(ctx, ref.Context())
	if err != nil {
		return nil, err
	}
	desc, err := r.descriptor(ctx, ref, remote.WithAuth(auth))
	if err != nil {
		return nil, newError("reading the manifest", s, ref.Context().RegistryStr(), who, err)
	}
	idx, err := fromRemote(desc)
	return idx, newError("reading the image", s, ref.Context().RegistryStr(), who, err)
}

func (r Registry) descriptor(ctx context.Context, ref name.Reference, auth remote.Option) (*remote.Descriptor, error) {
	transport, err := r.transport(new(atomic.Int64))
	if err != nil {
		return nil, err
	}
	return remote.Get(ref, auth, remote.WithContext(ctx), remote.WithTransport(transport),
		// The library's own retries sleep through a cancelled context; ours are in the transport.
		remote.WithRetryBackoff(remote.Backoff{Steps: 1}), remote.WithRetryStatusCodes())
}

func fromRemote(desc *remote.Descriptor) (v1.ImageIndex, error) {
	switch {
	case desc.MediaType.IsIndex():
		return desc.ImageIndex()
	case desc.MediaType.IsImage():
		img, err := desc.Image()
		if err != nil {
			return nil, err
		}
		return Wrap(img)
	}
	return nil, fmt.Errorf("its media type %q is neither an image nor an index", desc.MediaType)
}
