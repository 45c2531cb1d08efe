package push

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"sync/atomic"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"golang.org/x/sync/errgroup"

	"github.com/pyimg/pyimg/internal/patience"
	"github.com/pyimg/pyimg/push/oci"
	"github.com/pyimg/pyimg/push/remote"
)

// maxReadAttached bounds the artifacts that ReadAttached holds in memory, in bytes. Bills of materials and signatures of an image have
// some MiB.
const maxReadAttached = 512 << 20

// ReadAttached returns the content of each artifact in list, as [Registry.Referrers] has listed them for ref, in that order. It is
// nil for an artifact that has not exactly one file, or a file of more than most bytes: anybody who may push can attach anything.
// All together may have at most maxReadAttached bytes.
func (r Registry) ReadAttached(ctx context.Context, ref string, list []v1.Descriptor, most int64) ([][]byte, error) {
	return patience.Promptly(ctx, func() ([][]byte, error) {
		parsed, err := r.parse(ref)
		if err != nil {
			return nil, err
		}
		s, err := r.openOne(ctx, parsed.Context(), transport.PullScope)
		if err != nil {
			return nil, err
		}
		all := make([][]byte, len(list))
		var total atomic.Int64
		group, ctx := errgroup.WithContext(ctx)
		group.SetLimit(maxAsking)
		for i, desc := range list {
			group.Go(func() (err error) {
				all[i], err = readAttached(ctx, s, desc, most, &total)
				return s.Fail(fmt.Sprintf("reading the artifact %q", desc.Digest), err)
			})
		}
		return all, group.Wait()
	})
}

func readAttached(ctx context.Context, s *remote.Repository, desc v1.Descriptor, most int64, total *atomic.Int64) ([]byte, error) {
	_, raw, err := s.Manifest(ctx, desc.Digest.String())
	if err != nil {
		return nil, err
	}
	m, err := v1.ParseManifest(bytes.NewReader(raw))
	if err != nil || len(m.Layers) != 1 || m.Layers[0].Size < 0 || m.Layers[0].Size > most {
		return nil, nil //nolint:nilerr // see ReadAttached
	}
	if total.Add(m.Layers[0].Size) > maxReadAttached {
		return nil, fmt.Errorf("what is attached has more than %d bytes in all", maxReadAttached)
	}
	rc, err := s.Source(ctx).Blob(m.Layers[0])
	if err != nil {
		return nil, err
	}
	defer rc.Close()
	data, err := io.ReadAll(io.LimitReader(rc, m.Layers[0].Size+1))
	if err == nil {
		err = oci.Check(data, m.Layers[0])
	}
	return data, err
}
