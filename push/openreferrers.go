package push

import (
	"context"
	"fmt"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"golang.org/x/sync/errgroup"

	"github.com/pyimg/pyimg/internal/patience"
	"github.com/pyimg/pyimg/push/oci"
	"github.com/pyimg/pyimg/push/remote"
)

// maxReferrers bounds the artifacts that OpenReferrers reads. Anybody who may push can attach more.
const maxReferrers = 1024

// OpenReferrers reads the manifests of the artifacts that are attached to images of ref's repository, and of those that are attached to
// these in turn, as a signature of a bill of materials is. Their files are read only when a caller opens them; ctx must not end before.
// An entry of a list whose manifest the registry lacks is left out, and so is an index that is attached.
func (r Registry) OpenReferrers(ctx context.Context, ref string, subjects []v1.Hash) ([]oci.Referrer, error) {
	return patience.Promptly(ctx, func() ([]oci.Referrer, error) {
		parsed, err := r.parse(ref)
		if err != nil {
			return nil, err
		}
		s, err := r.openOne(ctx, parsed.Context(), transport.PullScope)
		if err != nil {
			return nil, err
		}
		var all []oci.Referrer
		seen := make(map[v1.Hash]bool)
		for len(subjects) > 0 {
			list, err := listAll(ctx, s, subjects)
			if err != nil {
				return nil, err
			}
			var unseen []v1.Descriptor
			for _, d := range list {
				if !seen[d.Digest] {
					seen[d.Digest] = true
					unseen = append(unseen, d)
				}
			}
			if len(seen) > maxReferrers {
				return nil, fmt.Errorf("reading what is attached to %q: more than %d artifacts", ref, maxReferrers)
			}
			found, err := openAll(ctx, s, unseen)
			if err != nil {
				return nil, err
			}
			all, subjects = append(all, found...), nil
			for _, f := range found {
				subjects = append(subjects, f.Manifest.Desc.Digest)
			}
		}
		return all, nil
	})
}

// listAll lists what is attached to each of several images, in their order.
func listAll(ctx context.Context, s *remote.Repository, subjects []v1.Hash) ([]v1.Descriptor, error) {
	lists := make([][]v1.Descriptor, len(subjects))
	group, gctx := errgroup.WithContext(ctx)
	group.SetLimit(maxAsking)
	for i, h := range subjects {
		group.Go(func() (err error) {
			lists[i], err = listReferrers(gctx, s, h)
			return err
		})
	}
	err := group.Wait()
	return slices.Concat(lists...), err
}

// openAll reads the manifests of artifacts.
func openAll(ctx context.Context, s *remote.Repository, list []v1.Descriptor) ([]oci.Referrer, error) {
	found := make([]*oci.Referrer, len(list))
	from := s.Source(ctx)
	group, gctx := errgroup.WithContext(ctx)
	group.SetLimit(maxAsking)
	for i, d := range list {
		if !d.MediaType.IsImage() {
			continue
		}
		group.Go(func() error {
			_, raw, err := s.Manifest(gctx, d.Digest.String())
			if remote.IsMissing(err) {
				return nil
			}
			if err != nil {
				return err
			}
			found[i] = oci.ReferrerIn(from, d, raw)
			return s.Fail(fmt.Sprintf("reading the artifact %q", d.Digest), oci.Check(raw, d))
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	var all []oci.Referrer
	for _, f := range found {
		if f != nil {
			all = append(all, *f)
		}
	}
	return all, nil
}
