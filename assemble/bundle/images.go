package bundle

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/pyimg/pyimg/assemble"
	"github.com/pyimg/pyimg/assemble/spec"
)

// Where a bundle has its OCI layout, see the OCI image-spec, image-layout.md.
const (
	LayoutDir   = "images"
	layoutIndex = LayoutDir + "/index.json"
	layoutFile  = LayoutDir + "/oci-layout"
	layoutText  = `{"imageLayoutVersion":"1.0.0"}`
	blobsDir    = LayoutDir + "/blobs/sha256/"

	refName = "org.opencontainers.image.ref.name" // the annotation of index.json that names an image
)

// A BaseImage is one that a bundle brings along as it is.
type BaseImage struct {
	Ref   string        // HOST/REPOSITORY:TAG, or what ImageRef says of a runtime's
	Root  v1.Descriptor // what Ref names: an index, or a single image, which Index then holds alone
	Index v1.ImageIndex
}

// addImages adds the base images, for the bundle's platforms.
func (d *Draft) addImages(context.Context) error {
	if err := d.checkLayouts(); err != nil || len(d.o.BaseImages) == 0 {
		return err
	}
	top := v1.IndexManifest{SchemaVersion: 2, MediaType: types.OCIImageIndex, Manifests: []v1.Descriptor{}}
	for _, b := range d.o.BaseImages {
		desc, err := d.addBaseImage(b)
		if err != nil {
			return fmt.Errorf("image %s: %w", b.Ref, err)
		}
		desc.Annotations = map[string]string{refName: b.Ref}
		top.Manifests = append(top.Manifests, desc)
	}
	slices.SortFunc(top.Manifests, func(a, b v1.Descriptor) int { return cmp.Compare(a.Annotations[refName], b.Annotations[refName]) })
	raw, err := json.Marshal(top)
	if err != nil {
		return err
	}
	for _, it := range []*item{text(layoutIndex, Image, raw), text(layoutFile, Image, []byte(layoutText))} {
		if _, err := d.add(it); err != nil {
			return err
		}
	}
	return nil
}

// addBaseImage adds an image for the bundle's platforms: its index as it is where these are all that it has, else one of
// them alone.
func (d *Draft) addBaseImage(b BaseImage) (v1.Descriptor, error) {
	index := b.Index
	m, err := index.IndexManifest()
	if err != nil {
		return v1.Descriptor{}, err
	}
	var wanted []v1.Descriptor
	for _, desc := range m.Manifests {
		if desc.Platform == nil || d.wants(*desc.Platform) {
			wanted = append(wanted, desc)
		}
	}
	if len(wanted) == 0 {
		return v1.Descriptor{}, errors.New("it has nothing for the bundle's platforms")
	}
	for _, desc := range wanted {
		img, err := index.Image(desc.Digest)
		if err != nil {
			return v1.Descriptor{}, err
		}
		if err := d.addImage(img); err != nil {
			return v1.Descriptor{}, err
		}
	}
	if b.Root.MediaType.IsImage() {
		return b.Root, nil
	}
	raw, err := index.RawManifest()
	if len(wanted) < len(m.Manifests) {
		reduced := *m.DeepCopy()
		reduced.Manifests = wanted
		raw, err = json.Marshal(reduced)
	}
	if err != nil {
		return v1.Descriptor{}, err
	}
	it, err := d.addBlob(raw)
	if err != nil {
		return v1.Descriptor{}, err
	}
	return v1.Descriptor{MediaType: m.MediaType, Size: it.Size, Digest: v1.Hash{Algorithm: "sha256", Hex: it.SHA256}}, nil
}

// wants tells whether a platform is one of the bundle's. What has none that Alpine knows, such as an attestation, is not.
func (d *Draft) wants(p v1.Platform) bool {
	name := strings.TrimSuffix(strings.Join([]string{p.OS, p.Architecture, p.Variant}, "/"), "/")
	q, err := spec.ParsePlatform(name)
	return err == nil && slices.ContainsFunc(d.o.Inputs.Platforms, func(in assemble.PlatformInputs) bool { return in.Platform == q })
}

func (d *Draft) addImage(img v1.Image) error {
	manifest, err := img.RawManifest()
	if err != nil {
		return err
	}
	config, err := img.RawConfigFile()
	if err != nil {
		return err
	}
	for _, raw := range [][]byte{manifest, config} {
		if _, err := d.addBlob(raw); err != nil {
			return err
		}
	}
	m, err := img.Manifest()
	if err != nil {
		return err
	}
	for _, l := range m.Layers {
		read := func(context.Context) (io.ReadCloser, error) {
			layer, err := img.LayerByDigest(l.Digest)
			if err != nil {
				return nil, err
			}
			return layer.Compressed()
		}
		if _, err := d.add(&item{File: File{Path: blobsDir + l.Digest.Hex, Kind: Image, Size: l.Size, SHA256: l.Digest.Hex}, read: read}); err != nil {
			return err
		}
	}
	return nil
}

// addBlob adds what was read to find out what an image is made of.
func (d *Draft) addBlob(raw []byte) (*item, error) {
	it := text("", Image, raw)
	it.Path = blobsDir + it.SHA256
	if d.byPath[it.Path] == nil {
		d.Indexes += it.Size
		d.fetched.Add(it.Size)
	}
	return d.add(it)
}

// BaseRefs are the references of the images that the bundle holds, see BaseImage. Not all need be InRegistry.
func (b *Bundle) BaseRefs(ctx context.Context) ([]string, error) {
	top, err := b.imageIndex(ctx, layoutIndex)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var refs []string
	for _, desc := range top.Manifests {
		refs = append(refs, desc.Annotations[refName])
	}
	return refs, nil
}

func (b *Bundle) imageIndex(ctx context.Context, path string) (*v1.IndexManifest, error) {
	raw, err := b.Read(ctx, path)
	if err != nil {
		return nil, err
	}
	m, err := v1.ParseIndexManifest(strings.NewReader(string(raw)))
	if err != nil {
		return nil, &FaultError{b.Path, path, err}
	}
	return m, nil
}

// layout checks that the layout is one: blobs are named by their digests, and all that an image is made of is there.
func (v *verification) layout(ctx context.Context) {
	top, err := v.bundle.imageIndex(ctx, layoutIndex)
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	if err != nil {
		v.unread[Image] = true
		v.fault(layoutIndex, err)
		return
	}
	for _, f := range v.bundle.Of(Image) {
		if hex, blob := strings.CutPrefix(f.Path, blobsDir); blob && hex != f.SHA256 {
			v.fault(f.Path, fmt.Errorf("its SHA-256 is %s", f.SHA256))
		}
	}
	v.laid[layoutIndex], v.laid[layoutFile] = true, true
	if f, ok := v.bundle.File(layoutFile); ok && f.SHA256 != text(layoutFile, Image, []byte(layoutText)).SHA256 {
		v.fault(layoutFile, fmt.Errorf("expected %s", layoutText))
	}
	for _, desc := range top.Manifests {
		if desc.MediaType.IsImage() {
			v.fault(blobsDir+desc.Digest.Hex, v.imageBlobs(ctx, desc))
			continue
		}
		v.laid[blobsDir+desc.Digest.Hex] = true
		m, err := v.bundle.imageIndex(ctx, blobsDir+desc.Digest.Hex)
		if err != nil {
			v.unread[Image] = true
			v.fault(layoutIndex, err)
			continue
		}
		for _, child := range m.Manifests {
			v.fault(blobsDir+child.Digest.Hex, v.imageBlobs(ctx, child))
		}
	}
}

// imageBlobs checks that what a manifest names is there.
func (v *verification) imageBlobs(ctx context.Context, desc v1.Descriptor) error {
	v.laid[blobsDir+desc.Digest.Hex] = true
	var m *v1.Manifest
	raw, err := v.bundle.Read(ctx, blobsDir+desc.Digest.Hex)
	if err == nil {
		m, err = v1.ParseManifest(strings.NewReader(string(raw)))
	}
	if err != nil {
		v.unread[Image] = true
		return err
	}
	for _, b := range append(m.Layers, m.Config) {
		v.laid[blobsDir+b.Digest.Hex] = true
		if f, ok := v.bundle.File(blobsDir + b.Digest.Hex); !ok || f.Size != b.Size {
			return fmt.Errorf("it takes %s with %d bytes, and the bundle has it not", b.Digest, b.Size)
		}
	}
	return nil
}
