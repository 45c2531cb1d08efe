package bundle

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/pyimg/pyimg/assemble/bundle/manifest"
)

// layout checks that the layout is one: blobs are named by their digests, and all that an image is made of is there.
func (v *verification) layout(ctx context.Context) {
	top, err := v.bundle.imageIndex(ctx, manifest.LayoutIndex)
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	if err != nil {
		v.unread[manifest.Image] = true
		v.fault(manifest.LayoutIndex, err)
		return
	}
	for _, f := range v.bundle.Of(manifest.Image) {
		if hex, blob := strings.CutPrefix(f.Path, manifest.BlobsDir); blob && hex != f.SHA256 {
			v.fault(f.Path, fmt.Errorf("its SHA-256 is %s", f.SHA256))
		}
	}
	v.laid[manifest.LayoutIndex], v.laid[manifest.LayoutFile] = true, true
	if f, ok := v.bundle.File(manifest.LayoutFile); ok && f.SHA256 != manifest.TextFile(manifest.LayoutFile, manifest.Image, []byte(manifest.LayoutText)).SHA256 {
		v.fault(manifest.LayoutFile, fmt.Errorf("expected %s", manifest.LayoutText))
	}
	for _, desc := range top.Manifests {
		if desc.MediaType.IsImage() {
			v.fault(manifest.BlobsDir+desc.Digest.Hex, v.imageBlobs(ctx, desc))
			continue
		}
		v.laid[manifest.BlobsDir+desc.Digest.Hex] = true
		m, err := v.bundle.imageIndex(ctx, manifest.BlobsDir+desc.Digest.Hex)
		if err != nil {
			v.unread[manifest.Image] = true
			v.fault(manifest.LayoutIndex, err)
			continue
		}
		for _, child := range m.Manifests {
			v.fault(manifest.BlobsDir+child.Digest.Hex, v.imageBlobs(ctx, child))
		}
	}
}

// imageBlobs checks that what a manifest names is there.
func (v *verification) imageBlobs(ctx context.Context, desc v1.Descriptor) error {
	v.laid[manifest.BlobsDir+desc.Digest.Hex] = true
	var m *v1.Manifest
	raw, err := v.bundle.Read(ctx, manifest.BlobsDir+desc.Digest.Hex)
	if err == nil {
		m, err = v1.ParseManifest(strings.NewReader(string(raw)))
	}
	if err != nil {
		v.unread[manifest.Image] = true
		return err
	}
	for _, b := range append(m.Layers, m.Config) {
		v.laid[manifest.BlobsDir+b.Digest.Hex] = true
		if f, ok := v.bundle.File(manifest.BlobsDir + b.Digest.Hex); !ok || f.Size != b.Size {
			return fmt.Errorf("it takes %s with %d bytes, and the bundle has it not", b.Digest, b.Size)
		}
	}
	return nil
}
