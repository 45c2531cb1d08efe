package create

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/pyimg/pyimg/assemble"
	"github.com/pyimg/pyimg/assemble/bundle"
	"github.com/pyimg/pyimg/assemble/bundle/manifest"
	"github.com/pyimg/pyimg/assemble/spec"
)

// addImages adds the base images, for the bundle's platforms.
func addImages(p *plan, o Options, f *fetcher) error {
	if err := checkLayouts(o.Inputs.Platforms); err != nil || len(o.BaseImages) == 0 {
		return err
	}
	adding := addingImages{p, o.Inputs.Platforms, f}
	top := v1.IndexManifest{SchemaVersion: 2, MediaType: types.OCIImageIndex, Manifests: []v1.Descriptor{}}
	for _, b := range o.BaseImages {
		desc, err := adding.base(b)
		if err != nil {
			return fmt.Errorf("image %s: %w", b.Ref, err)
		}
		desc.Annotations = map[string]string{manifest.RefName: b.Ref}
		top.Manifests = append(top.Manifests, desc)
	}
	slices.SortFunc(top.Manifests, func(a, b v1.Descriptor) int {
		return cmp.Compare(a.Annotations[manifest.RefName], b.Annotations[manifest.RefName])
	})
	raw, err := json.Marshal(top)
	if err != nil {
		return err
	}
	return errors.Join(p.addText(manifest.LayoutIndex, manifest.Image, raw), p.addText(manifest.LayoutFile, manifest.Image, []byte(manifest.LayoutText)))
}

// addingImages adds images to a plan.
type addingImages struct {
	plan      *plan
	platforms []assemble.PlatformInputs
	fetch     *fetcher // counts what was read of the images
}

// base adds an image for the bundle's platforms: its index as it is where these are all that it has, else one of
// them alone.
func (a addingImages) base(b BaseImage) (v1.Descriptor, error) {
	index := b.Index
	m, err := index.IndexManifest()
	if err != nil {
		return v1.Descriptor{}, err
	}
	var wanted []v1.Descriptor
	for _, desc := range m.Manifests {
		if desc.Platform == nil || a.wants(*desc.Platform) {
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
		if err := a.image(img); err != nil {
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
	f, err := a.blob(raw)
	return v1.Descriptor{MediaType: m.MediaType, Size: f.Size, Digest: v1.Hash{Algorithm: "sha256", Hex: f.SHA256}}, err
}

// wants reports whether a platform is one of the bundle's. What has none that Alpine knows, such as an attestation, is not.
func (a addingImages) wants(p v1.Platform) bool {
	name := strings.TrimSuffix(strings.Join([]string{p.OS, p.Architecture, p.Variant}, "/"), "/")
	q, err := spec.ParsePlatform(name)
	return err == nil && slices.ContainsFunc(a.platforms, func(in assemble.PlatformInputs) bool { return in.Platform == q })
}

func (a addingImages) image(img v1.Image) error {
	text, err := img.RawManifest()
	if err != nil {
		return err
	}
	config, err := img.RawConfigFile()
	if err != nil {
		return err
	}
	for _, raw := range [][]byte{text, config} {
		if _, err := a.blob(raw); err != nil {
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
		f := manifest.File{Path: manifest.BlobsDir + l.Digest.Hex, Kind: manifest.Image, Size: l.Size, SHA256: l.Digest.Hex}
		if err := a.plan.add(f, job{special: &special{read: read}}); err != nil {
			return err
		}
	}
	return nil
}

// blob adds what was read to find out what an image is made of.
func (a addingImages) blob(raw []byte) (manifest.File, error) {
	f := manifest.TextFile("", manifest.Image, raw)
	f.Path = manifest.BlobsDir + f.SHA256
	if _, ok := a.plan.has(f.Path); !ok {
		a.fetch.count.Add(f.Size)
	}
	return f, a.plan.add(f, job{special: &special{text: raw}})
}

// checkLayouts refuses specs that call different images on disk the same: on the other side there is no folder to tell
// them apart by.
func checkLayouts(platforms []assemble.PlatformInputs) error {
	for _, p := range platforms {
		digests := make(map[string]string)
		for _, r := range p.Runtimes {
			if r.Image() == "" || bundle.InRegistry(r.Image()) {
				continue
			}
			if old := cmp.Or(digests[r.Public], r.Digest); old != r.Digest {
				return fmt.Errorf("two specs call different images %s, %s and %s for %s; give absolute paths, or make two bundles", r.Public, old, r.Digest, p.Platform)
			}
			digests[r.Public] = r.Digest
		}
	}
	return nil
}
