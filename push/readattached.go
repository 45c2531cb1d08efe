package push

import (
	"bytes"
	"context"
	"fmt"
	"io"

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
		files := make([]*v1.Descriptor, len(list))
		each := func(do func(ctx context.Context, i int) error) error {
			group, ctx := errgroup.WithContext(ctx)
			group.SetLimit(maxAsking)
			for i, desc := range list {
				group.Go(func() error { return s.Fail(fmt.Sprintf("reading the artifact %q", desc.Digest), do(ctx, i)) })
			}
			return group.Wait()
		}
		// All sizes are known before the first file is read.
		err = each(func(ctx context.Context, i int) (err error) {
			files[i], err = onlyFile(ctx, s, list[i], most)
			return err
		})
		if err != nil {
			return nil, err
		}
		var total int64
		for _, file := range files {
			if file != nil {
				total += file.Size // each at most "most", and there are few
			}
		}
		if total > maxReadAttached {
			return nil, fmt.Errorf("what is attached to %q has %d bytes in all, more than %d", ref, total, int64(maxReadAttached))
		}
		return all, each(func(ctx context.Context, i int) (err error) {
			if files[i] != nil {
				all[i], err = readFile(ctx, s, *files[i])
			}
			return err
		})
	})
}

// onlyFile is the file of an artifact; nil where it has not exactly one, or a file of more than most bytes.
func onlyFile(ctx context.Context, s *remote.Repository, artifact v1.Descriptor, most int64) (*v1.Descriptor, error) {
	_, raw, err := s.Manifest(ctx, artifact.Digest.String())
	if err != nil {
		return nil, err
	}
	m, err := v1.ParseManifest(bytes.NewReader(raw))
	if err != nil || len(m.Layers) != 1 || m.Layers[0].Size < 0 || m.Layers[0].Size > most {
		return nil, nil //nolint:nilerr,nilnil // see ReadAttached
	}
	return &m.Layers[0], nil
}

func readFile(ctx context.Context, s *remote.Repository, file v1.Descriptor) ([]byte, error) {
	rc, err := s.Source(ctx).Blob(file)
	if err != nil {
		return nil, err
	}
	defer rc.Close()
	data, err := io.ReadAll(io.LimitReader(rc, file.Size+1))
	if err == nil {
		err = oci.Check(data, file)
	}
	return data, err
}
