package oci

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// A Source has the manifests and blobs of images: a layout, an archive or a registry.
type Source interface {
	// Manifest reads a manifest, which it checks and bounds in size.
	Manifest(desc v1.Descriptor) ([]byte, error)
	// Blob opens a config or a layer without checking it.
	Blob(desc v1.Descriptor) (io.ReadCloser, error)
}

// MediaType returns the media type of a manifest. That is the stated type said, unless said is neither an image's nor
// an index's type, as from a server of plain files. Then it is the type that the manifest itself states.
func MediaType(said types.MediaType, raw []byte) types.MediaType {
	var m struct {
		MediaType types.MediaType `json:"mediaType"`
	}
	if said.IsIndex() || said.IsImage() || json.Unmarshal(raw, &m) != nil || m.MediaType == "" {
		return said
	}
	return m.MediaType
}

// Open makes an index of the manifest raw, which desc names. A single image is returned as an index of one (see
// [Root]). Configs and layers are read only when the caller asks for them, and checked against their descriptors.
func Open(from Source, desc v1.Descriptor, raw []byte) (v1.ImageIndex, error) {
	switch {
	case desc.MediaType.IsIndex():
		return &fileIndex{from: from, raw: raw, mediaType: desc.MediaType}, nil
	case desc.MediaType.IsImage():
		img, err := newFileImage(from, raw, desc.MediaType)
		if err != nil {
			return nil, err
		}
		return Wrap(img)
	}
	return nil, fmt.Errorf("%q is of media type %q, which is neither an image nor an index", desc.Digest, desc.MediaType)
}

func newFileImage(from Source, raw []byte, mediaType types.MediaType) (v1.Image, error) {
	man, err := v1.ParseManifest(bytes.NewReader(raw))
	if err != nil {
		return nil, Damagef("reading image manifest %q: %w", SHA256(raw), err)
	}
	return partial.CompressedToImage(&fileImage{from: from, raw: raw, manifest: man, mediaType: mediaType})
}

// fileIndex is an index whose manifest has been read. Its children are read when a caller asks for them.
type fileIndex struct {
	from      Source
	raw       []byte
	mediaType types.MediaType
}

func (i *fileIndex) MediaType() (types.MediaType, error) { return i.mediaType, nil }
func (i *fileIndex) Digest() (v1.Hash, error)            { return SHA256(i.raw), nil }
func (i *fileIndex) Size() (int64, error)                { return int64(len(i.raw)), nil }
func (i *fileIndex) RawManifest() ([]byte, error)        { return i.raw, nil }

func (i *fileIndex) IndexManifest() (*v1.IndexManifest, error) {
	im, err := v1.ParseIndexManifest(bytes.NewReader(i.raw))
	if err != nil {
		return nil, Damagef("reading index %q: %w", SHA256(i.raw), err)
	}
	return im, nil
}

func (i *fileIndex) Image(h v1.Hash) (v1.Image, error) {
	desc, err := i.child(h)
	if err != nil {
		return nil, err
	}
	raw, err := i.from.Manifest(desc)
	if err != nil {
		return nil, err
	}
	return newFileImage(i.from, raw, desc.MediaType)
}

func (i *fileIndex) ImageIndex(h v1.Hash) (v1.ImageIndex, error) {
	desc, err := i.child(h)
	if err != nil {
		return nil, err
	}
	raw, err := i.from.Manifest(desc)
	if err != nil {
		return nil, err
	}
	return &fileIndex{from: i.from, raw: raw, mediaType: desc.MediaType}, nil
}

func (i *fileIndex) child(h v1.Hash) (v1.Descriptor, error) {
	im, err := i.IndexManifest()
	if err != nil {
		return v1.Descriptor{}, err
	}
	for _, d := range im.Manifests {
		if d.Digest == h {
			return d, nil
		}
	}
	return v1.Descriptor{}, fmt.Errorf("the index has no manifest %q", h)
}

// fileImage implements [partial.CompressedImageCore].
type fileImage struct {
	from      Source
	raw       []byte
	manifest  *v1.Manifest
	mediaType types.MediaType
}

func (i *fileImage) MediaType() (types.MediaType, error) { return i.mediaType, nil }
func (i *fileImage) RawManifest() ([]byte, error)        { return i.raw, nil }
func (i *fileImage) RawConfigFile() ([]byte, error) {
	desc := i.manifest.Config
	if desc.Size > MaxConfig {
		return nil, fmt.Errorf("config %q has %d bytes, more than the %d that runtimes accept", desc.Digest, desc.Size, MaxConfig)
	}
	rc, err := i.from.Blob(desc)
	if err != nil {
		return nil, fmt.Errorf("reading config %q: %w", desc.Digest, err)
	}
	defer rc.Close()
	raw, err := ReadAll(rc, MaxConfig)
	if err == nil {
		err = Check(raw, desc)
	}
	if err == nil && desc.MediaType.IsConfig() {
		err = checkConfig(raw)
	}
	if err != nil {
		return nil, fmt.Errorf("reading config %q: %w", desc.Digest, err)
	}
	return raw, nil
}

// checkConfig checks that runtimes can read a config whose bytes match its digest.
func checkConfig(raw []byte) error {
	if _, err := v1.ParseConfigFile(bytes.NewReader(raw)); err != nil {
		return &DamageError{err}
	}
	return nil
}

func (i *fileImage) LayerByDigest(h v1.Hash) (partial.CompressedLayer, error) {
	for _, d := range append([]v1.Descriptor{i.manifest.Config}, i.manifest.Layers...) {
		if d.Digest == h {
			return &fileLayer{from: i.from, desc: d}, nil
		}
	}
	return nil, fmt.Errorf("the image has no layer %q", h)
}

// fileLayer is a layer whose bytes are checked against its descriptor while they are read.
type fileLayer struct {
	from Source
	desc v1.Descriptor
}

func (l *fileLayer) Digest() (v1.Hash, error)            { return l.desc.Digest, nil }
func (l *fileLayer) Size() (int64, error)                { return l.desc.Size, nil }
func (l *fileLayer) MediaType() (types.MediaType, error) { return l.desc.MediaType, nil }
func (l *fileLayer) Descriptor() (*v1.Descriptor, error) { d := l.desc; return &d, nil }

func (l *fileLayer) Compressed() (io.ReadCloser, error) {
	rc, err := l.from.Blob(l.desc)
	if err != nil {
		return nil, err
	}
	return NewReader(rc, l.desc), nil
}
