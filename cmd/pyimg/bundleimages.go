package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/urfave/cli/v2"

	"github.com/pyimg/pyimg/assemble"
	"github.com/pyimg/pyimg/assemble/bundle"
	"github.com/pyimg/pyimg/assemble/bundle/create"
	"github.com/pyimg/pyimg/assemble/bundle/manifest"
	"github.com/pyimg/pyimg/assemble/input"
	"github.com/pyimg/pyimg/assemble/spec"
	"github.com/pyimg/pyimg/layers"
	"github.com/pyimg/pyimg/push/disk"
	"github.com/pyimg/pyimg/push/oci"
)

// runtimeImages brings the images along that runtimes come out of, each platform's by its digest.
func (p program) runtimeImages(c *cli.Context, o *create.Options) error {
	for _, in := range o.Inputs.Platforms {
		for _, r := range in.Runtimes {
			ref := bundle.ImageRef(r)
			if ref == "" || slices.ContainsFunc(o.BaseImages, func(b create.BaseImage) bool { return b.Ref == ref }) {
				continue
			}
			base, err := p.runtimeImage(c, r, ref, in.Platform)
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
func (p program) runtimeImage(c *cli.Context, r assemble.InputRuntime, ref string, platform spec.Platform) (create.BaseImage, error) {
	base := create.BaseImage{Ref: ref}
	ask := ref
	if !bundle.InRegistry(ref) {
		ask = r.Image()
	}
	img, err := p.images(c).Image(c.Context, ask, platform.String())
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
		return base, fmt.Errorf(`%w; "pyimg lock" locks it as it is now`, &layers.DigestError{Name: r.Public, Want: r.Digest, Got: got})
	}
	return base, nil
}

// bundled is images of which a bundle has some, by their digests.
type bundled struct {
	bundle *bundle.Bundle
	spec   spec.Spec
	next   input.Images
}

// bundledImages are those of the bundle of --bundle for a spec, if there is one and it holds any, and of next.
func bundledImages(b *bundle.Bundle, s spec.Spec, next input.Images) input.Images {
	if b == nil {
		return next
	}
	if _, some := b.File(manifest.LayoutDir + "/index.json"); !some {
		return next
	}
	return bundled{b, s, next}
}

func (b bundled) Image(ctx context.Context, ref, platform string) (v1.Image, error) {
	img, err := b.find(ctx, ref, platform)
	if err == nil || errors.As(err, new(*bundle.FaultError)) || errors.As(err, new(*bundle.ReadError)) {
		return img, err
	}
	if img, err = b.next.Image(ctx, ref, platform); err != nil {
		return nil, fmt.Errorf("the bundle %s has it not: %w", b.bundle.Path, err)
	}
	return img, nil
}

// find finds an image in the bundle by the digest of its reference, else by the one that the bundle's locks have for it:
// that is the platform's own manifest, whatever its config says of the platform.
func (b bundled) find(ctx context.Context, ref, platform string) (v1.Image, error) {
	if bundle.InRegistry(ref) && strings.Contains(ref, "@") {
		index, err := disk.ReadLayoutFrom(b.open(ctx), ref)
		if err != nil {
			return nil, err
		}
		return oci.ImageFor(index, ref, platform)
	}
	digest, err := b.bundle.ImageDigest(ctx, b.spec, ref, platform)
	if err != nil {
		return nil, err
	}
	hash, err := v1.NewHash(digest) // of "" it is an error, too
	if err != nil {
		return nil, err
	}
	index, err := disk.ReadLayoutFrom(b.open(ctx), digest)
	if err != nil {
		return nil, err
	}
	return index.Image(hash)
}

// open opens files of the bundle's layout, each checked as all of the bundle's files are.
func (b bundled) open(ctx context.Context) disk.OpenFile {
	return func(name string) (io.ReadCloser, int64, error) {
		f, ok := b.bundle.File(manifest.LayoutDir + "/" + name)
		if !ok {
			return nil, 0, fmt.Errorf("%s: %w", name, fs.ErrNotExist)
		}
		r, err := b.bundle.Open(ctx, f)
		return r, f.Size, err
	}
}
