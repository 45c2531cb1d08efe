package push

import (
	"bytes"
	"fmt"
	"io"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// fileIndex is an index whose manifest was read and whose children are read when they are asked for.
type fileIndex struct {
	files     *files
	raw       []byte
	mediaType types.MediaType
}

func (i *fileIndex) MediaType() (types.MediaType, error) { return i.mediaType, nil }
func (i *fileIndex) Digest() (v1.Hash, error)            { return sha256Of(i.raw), nil }
func (i *fileIndex) Size() (int64, error)                { return int64(len(i.raw)), nil }
func (i *fileIndex) RawManifest() ([]byte, error)        { return i.raw, nil }

func (i *fileIndex) IndexManifest() (*v1.IndexManifest, error) {
	return v1.ParseIndexManifest(bytes.NewReader(i.raw))
}

func (i *fileIndex) Image(h v1.Hash) (v1.Image, error) {
	desc, err := i.child(h)
	if err != nil {
		return nil, err
	}
	return i.files.image(desc)
}

func (i *fileIndex) ImageIndex(h v1.Hash) (v1.ImageIndex, error) {
	desc, err := i.child(h)
	if err != nil {
		return nil, err
	}
	return i.files.index(desc)
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
	return v1.Descriptor{}, fmt.Errorf("the index holds no manifest %q", h)
}

// fileImage is what [partial.CompressedToImage] makes an image of.
type fileImage struct {
	files     *files
	raw       []byte
	manifest  *v1.Manifest
	mediaType types.MediaType
}

func (i *fileImage) MediaType() (types.MediaType, error) { return i.mediaType, nil }
func (i *fileImage) RawManifest() ([]byte, error)        { return i.raw, nil }
func (i *fileImage) RawConfigFile() ([]byte, error) {
	return i.files.blob(i.manifest.Config, maxConfig)
}

func (i *fileImage) LayerByDigest(h v1.Hash) (partial.CompressedLayer, error) {
	for _, d := range append([]v1.Descriptor{i.manifest.Config}, i.manifest.Layers...) {
		if d.Digest == h {
			return &fileLayer{files: i.files, desc: d}, nil
		}
	}
	return nil, fmt.Errorf("the image holds no layer %q", h)
}

// fileLayer checks what it reads against its descriptor.
type fileLayer struct {
	files *files
	desc  v1.Descriptor
}

func (l *fileLayer) Digest() (v1.Hash, error)            { return l.desc.Digest, nil }
func (l *fileLayer) Size() (int64, error)                { return l.desc.Size, nil }
func (l *fileLayer) MediaType() (types.MediaType, error) { return l.desc.MediaType, nil }
func (l *fileLayer) Descriptor() (*v1.Descriptor, error) { d := l.desc; return &d, nil }

func (l *fileLayer) Compressed() (io.ReadCloser, error) {
	name, err := blobName(l.desc.Digest)
	if err != nil {
		return nil, err
	}
	rc, _, err := l.files.reader(name)
	if err != nil {
		return nil, err
	}
	return newChecked(rc, l.desc), nil
}
