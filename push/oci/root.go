package oci

import (
	"fmt"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// single shows an image that was named by its own manifest as an index of one. pyimg pushes, writes and prints the
// image itself, because users know its digest.
type single struct {
	index
	image v1.Image
}

type index = v1.ImageIndex // v1.ImageIndex has a method ImageIndex, so it cannot be embedded under its own name

// Wrap shows a single image as an index with one platform, the platform in the image's config. [Root] of that index is
// the image. Pushing or writing it stores the image's own manifest and no index.
func Wrap(img v1.Image) (v1.ImageIndex, error) {
	raw, err := img.RawConfigFile()
	if err != nil {
		return nil, fmt.Errorf("reading the image's config: %w", err)
	}
	add := mutate.IndexAddendum{Add: img}
	add.Platform = configPlatform(raw)
	idx := mutate.AppendManifests(mutate.IndexMediaType(empty.Index, types.OCIImageIndex), add)
	return &single{index: idx, image: img}, nil
}

// Image finds the image even before the caller has read the index's manifest; the index that single is built on cannot.
func (s *single) Image(h v1.Hash) (v1.Image, error) {
	digest, err := s.image.Digest()
	if err != nil {
		return nil, err
	}
	if digest == h {
		return s.image, nil
	}
	return s.index.Image(h)
}

// Root returns the descriptor of the index or, where [Wrap] or [Open] made the index of a single image, of that image's
// manifest. Its digest is the one to print.
func Root(idx v1.ImageIndex) (v1.Descriptor, error) {
	if s, ok := idx.(*single); ok {
		return describe(s.image)
	}
	return describe(idx)
}

// describe makes a manifest's descriptor from the manifest's own digest, size and media type.
func describe(m interface {
	Digest() (v1.Hash, error)
	Size() (int64, error)
	MediaType() (types.MediaType, error)
}) (v1.Descriptor, error) {
	digest, err := m.Digest()
	if err != nil {
		return v1.Descriptor{}, fmt.Errorf("reading the manifest's digest: %w", err)
	}
	size, err := m.Size()
	if err != nil {
		return v1.Descriptor{}, fmt.Errorf("reading the size of manifest %q: %w", digest, err)
	}
	mt, err := m.MediaType()
	if err != nil {
		return v1.Descriptor{}, fmt.Errorf("reading the media type of manifest %q: %w", digest, err)
	}
	return v1.Descriptor{MediaType: mt, Digest: digest, Size: size}, nil
}
