package session

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/pyimg/pyimg/assemble/bundle"
	"github.com/pyimg/pyimg/assemble/bundle/manifest"
	"github.com/pyimg/pyimg/assemble/input"
	"github.com/pyimg/pyimg/assemble/spec"
	"github.com/pyimg/pyimg/push/disk"
	"github.com/pyimg/pyimg/push/oci"
)

// bundled is images of which a bundle has some, by their digests.
type bundled struct {
	bundle *bundle.Bundle
	spec   spec.Spec
	next   input.Images
}

// BundleImages are those of the bundle of --bundle for a spec, if there is one and it holds any, and of next.
func BundleImages(b *bundle.Bundle, s spec.Spec, next input.Images) input.Images {
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
		index, err := disk.ReadLayoutFrom(BundleFiles(ctx, b.bundle), ref)
		if err != nil {
			return nil, err
		}
		return oci.ImageFor(index, ref, platform)
	}
	digest, err := b.bundle.ImageDigest(ctx, b.spec, ref, platform)
	if err != nil {
		return nil, err
	}
	return BundleImage(ctx, b.bundle, digest)
}

// BundleImage is the image that a bundle holds under the digest of its manifest.
func BundleImage(ctx context.Context, b *bundle.Bundle, digest string) (v1.Image, error) {
	hash, err := v1.NewHash(digest) // of "" it is an error, too
	if err != nil {
		return nil, err
	}
	index, err := disk.ReadLayoutFrom(BundleFiles(ctx, b), digest)
	if err != nil {
		return nil, err
	}
	return index.Image(hash)
}

// BundleFiles opens files of a bundle's layout, each checked as all of the bundle's files are.
func BundleFiles(ctx context.Context, b *bundle.Bundle) disk.OpenFile {
	return func(name string) (io.ReadCloser, int64, error) {
		f, ok := b.File(manifest.LayoutDir + "/" + name)
		if !ok {
			return nil, 0, fmt.Errorf("%s: %w", name, fs.ErrNotExist)
		}
		r, err := b.Open(ctx, f)
		return r, f.Size, err
	}
}
