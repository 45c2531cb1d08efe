package main

import (
	"context"
	"fmt"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/pyimg/pyimg/assemble"
	"github.com/pyimg/pyimg/assemble/bundle"
	"github.com/pyimg/pyimg/assemble/bundle/create"
	"github.com/pyimg/pyimg/assemble/spec"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/session"
	"github.com/pyimg/pyimg/internal/mismatch"
	"github.com/pyimg/pyimg/push/oci"
)

// runtimeImages brings the images along that runtimes come out of, each platform's by its digest.
func runtimeImages(ctx context.Context, run *session.Session, o *create.Options) error {
	for _, in := range o.Inputs.Platforms {
		for _, r := range in.Runtimes {
			ref := bundle.ImageRef(r)
			if ref == "" || slices.ContainsFunc(o.BaseImages, func(b create.BaseImage) bool { return b.Ref == ref }) {
				continue
			}
			base, err := runtimeImage(ctx, run, r, ref, in.Platform)
			if err != nil {
				return err
			}
			o.BaseImages = append(o.BaseImages, base)
		}
	}
	return nil
}

// runtimeImage opens the image that a runtime comes out of. A layout on disk has it at the spec's path, and may have
// changed since the lock was written.
func runtimeImage(ctx context.Context, run *session.Session, r assemble.InputRuntime, ref string, platform spec.Platform) (create.BaseImage, error) {
	base := create.BaseImage{Ref: ref}
	ask := ref
	if bundle.InRegistry(ref) {
		base.Referrers = referrersOf(run, ref)
	} else {
		ask = r.Image()
	}
	img, err := run.Images().Image(ctx, ask, platform.String())
	if err != nil {
		return base, err
	}
	if base.Index, err = oci.Wrap(img); err != nil {
		return base, err
	}
	if base.Root, err = oci.Root(base.Index); err != nil {
		return base, err
	}
	if got := base.Root.Digest.String(); got != r.Digest {
		return base, fmt.Errorf(`%w; "pyimg lock" locks it as it is now`, &mismatch.Error{Name: r.Public, Want: r.Digest, Got: got})
	}
	return base, nil
}

// referrersOf reads what is attached to images of a reference's repository. The bundle brings it along: signatures and bills of
// materials of an image are checked on the other side as they are here.
func referrersOf(run *session.Session, ref string) func(context.Context, []v1.Hash) ([]create.Referrer, error) {
	return func(ctx context.Context, subjects []v1.Hash) ([]create.Referrer, error) {
		found, err := run.Registry().OpenReferrers(ctx, ref, subjects)
		var all []create.Referrer
		for _, f := range found {
			r := create.Referrer{Desc: f.Manifest.Desc, Manifest: f.Manifest.Raw}
			for _, b := range f.Blobs {
				r.Blobs = append(r.Blobs, create.Blob(b))
			}
			all = append(all, r)
		}
		return all, err
	}
}
