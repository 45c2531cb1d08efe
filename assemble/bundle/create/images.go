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
func addImages(ctx context.Context, p *plan, o Options, f *fetcher) error {
	if err := checkLayouts(o.Inputs.Platforms); err != nil || len(o.BaseImages) == 0 {
		return err
	}
	adding := addingImages{p, o.Inputs.Platforms, f}
	attached := make(map[v1.Hash]bool)
	top := v1.IndexManifest{SchemaVersion: 2, MediaType: types.OCIImageIndex, Manifests: []v1.Descriptor{}}
	for _, b := range o.BaseImages {
		desc, kept, err := adding.base(b)
		if err != nil {
			return fmt.Errorf("image %s: %w", b.Ref, err)
		}
		desc.Annotations = map[string]string{manifest.RefName: b.Ref}
		top.Manifests = append(top.Manifests, desc)
		referrers, err := adding.referrers(ctx, b, kept)
		if err != nil {
			return fmt.Errorf("image %s: %w", b.Ref, err)
		}
		for _, r := range referrers {
			if !attached[r.Digest] { // an image that several references name
				attached[r.Digest] = true
				top.Manifests = append(top.Manifests, r)
			}
		}
	}
	slices.SortFunc(top.Manifests, func(a, b v1.Descriptor) int {
		return cmp.Or(cmp.Compare(a.Annotations[manifest.RefName], b.Annotations[manifest.RefName]), cmp.Compare(a.Digest.Hex, b.Digest.Hex))
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
// them alone. It also returns the digests of the image that stay what they are.
func (a addingImages) base(b BaseImage) (desc v1.Descriptor, kept []v1.Hash, err error) {
	index := b.Index
	m, err := index.IndexManifest()
	if err != nil {
		return desc, nil, err
	}
	var wanted []v1.Descriptor
	for _, desc := range m.Manifests {
		if desc.Platform == nil || a.wants(*desc.Platform) {
			wanted = append(wanted, desc)
		}
	}
	if len(wanted) == 0 {
		return desc, nil, errors.New("it has nothing for the bundle's platforms")
	}
	for _, desc := range wanted {
		img, err := index.Image(desc.Digest)
		if err != nil {
			return desc, nil, err
		}
		if err := a.image(img); err != nil {
			return desc, nil, err
		}
		kept = append(kept, desc.Digest)
	}
	if b.Root.MediaType.IsImage() {
		return b.Root, kept, nil
	}
	raw, err := index.RawManifest()
	if len(wanted) < len(m.Manifests) {
		reduced := *m.DeepCopy()
		reduced.Manifests = wanted
		raw, err = json.Marshal(reduced)
	} else {
		kept = append(kept, b.Root.Digest)
	}
	if err != nil {
		return desc, nil, err
	}
	f, err := a.blob(raw)
	return v1.Descriptor{MediaType: m.MediaType, Size: f.Size, Digest: v1.Hash{Algorithm: "sha256", Hex: f.SHA256}}, kept, err
}

// referrers adds what is attached to an image, and returns the entries of the layout's index for it: they have a type and no name.
func (a addingImages) referrers(ctx context.Context, b BaseImage, kept []v1.Hash) ([]v1.Descriptor, error) {
	if b.Referrers == nil {
		return nil, nil
	}
	all, err := b.Referrers(ctx, kept)
	if err != nil {
		return nil, err
	}
	var entries []v1.Descriptor
	for _, r := range all {
		if _, err := a.blob(r.Manifest); err != nil {
			return nil, err
		}
		for _, blob := range r.Blobs {
			if err := a.content(blob); err != nil {
				return nil, err
			}
		}
		entries = append(entries, v1.Descriptor{MediaType: r.Desc.MediaType, Size: r.Desc.Size, Digest: r.Desc.Digest, ArtifactType: r.Desc.ArtifactType})
	}
	return entries, nil
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
		read := func() (io.ReadCloser, error) {
			layer, err := img.LayerByDigest(l.Digest)
			if err != nil {
				return nil, err
			}
			return layer.Compressed()
		}
		if err := a.content(Blob{Desc: l, Open: read}); err != nil {
			return err
		}
	}
	return nil
}

// content adds a blob that is read when the bundle is made.
func (a addingImages) content(b Blob) error {
	f := manifest.File{Path: manifest.BlobsDir + b.Desc.Digest.Hex, Kind: manifest.Image, Size: b.Desc.Size, SHA256: b.Desc.Digest.Hex}
	read := func(context.Context) (io.ReadCloser, error) { return b.Open() }
	return a.plan.add(f, job{special: &special{read: read}})
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
