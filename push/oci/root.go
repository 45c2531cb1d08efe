package oci

import (
	"fmt"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// single is an index of one image that was named by its own manifest. As an index it is a view: what is pushed, written
// and printed is the image, whose digest its users know.
type single struct {
	index
	image v1.Image
}

type index = v1.ImageIndex // which has a method of that name: it can be embedded under another only

// Wrap shows a single image as an index of one platform, the one that its config states. [Root] of it is the image, and
// pushing or writing it moves the image's own manifest, not an index around it.
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

// Image finds the image also before the index's manifest has been asked for, which the index it is built on does not.
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

// Root is the descriptor of what idx stands for: the index itself, or the image manifest that [Wrap] or [Open]
// made an index of one of. Its digest is the one to print.
func Root(idx v1.ImageIndex) (v1.Descriptor, error) {
	if s, ok := idx.(*single); ok {
		return describe(s.image)
	}
	return describe(idx)
}

// describe makes the descriptor of a manifest from what it says of itself.
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
