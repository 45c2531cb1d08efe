package bundle

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"path"
	"regexp"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/pyimg/pyimg/assemble"
	"github.com/pyimg/pyimg/assemble/bundle/manifest"
	"github.com/pyimg/pyimg/assemble/spec"
)

// onDisk begins what the layout calls an image that lay in another layout on disk, and not in a registry.
const onDisk = "oci:"

// ImageRef is what a bundle's layout calls the image that a runtime comes out of: its reference with the digest of the
// platform's manifest, NAME@DIGEST; oci:NAME@DIGEST where it lay on disk, NAME being the end of its path, since the rest is
// that machine's affair. It is "" for a tarball.
func ImageRef(r assemble.InputRuntime) string {
	ref := r.Image()
	if dir, ok := strings.CutPrefix(ref, onDisk); ok {
		return onDisk + tagOf(path.Base(dir)) + "@" + r.Digest
	}
	if name, _, _ := strings.Cut(ref, "@"); name != "" {
		return name + "@" + r.Digest
	}
	return ""
}

// InRegistry reports whether a reference may name an image in a registry. ImageRef has names of its own for images on disk.
func InRegistry(ref string) bool { return !strings.HasPrefix(ref, onDisk) }

// tagOf makes a name one that a layout may have for a tag. See the OCI image-spec, annotations.md.
func tagOf(name string) string {
	name = regexp.MustCompile(`[^A-Za-z0-9]+`).ReplaceAllStringFunc(name, func(s string) string {
		if len(s) == 1 && strings.Contains("-._:+", s) {
			return s
		}
		return "-"
	})
	return cmp.Or(strings.Trim(name, "-._:+"), "layout")
}

// ImageDigest is the digest of the image that the bundle's locks take for what a spec names, HOST/REPOSITORY:TAG or
// oci:DIR[:TAG] ready to be opened, on a platform. It is "" where they take none, or several: a tag may have moved between
// two locks.
func (b *Bundle) ImageDigest(ctx context.Context, spec spec.Spec, ref, platform string) (string, error) {
	digest := ""
	for _, name := range b.Images() {
		lock, err := b.ReadLock(ctx, name)
		if err != nil {
			return "", err
		}
		for _, p := range lock.Platforms {
			for _, r := range p.Sources() {
				switch {
				case p.Platform.String() != platform, r.Image(spec) != ref:
				case digest == "":
					digest = r.Digest
				case digest != r.Digest:
					return "", nil
				}
			}
		}
	}
	return digest, nil
}

// BaseRefs are the references of the images that the bundle holds, see BaseImage. Not all need be InRegistry.
func (b *Bundle) BaseRefs(ctx context.Context) ([]string, error) {
	top, err := b.imageIndex(ctx, manifest.LayoutIndex)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var refs []string
	for _, desc := range top.Manifests {
		if ref := desc.Annotations[manifest.RefName]; ref != "" { // the rest is attached to these
			refs = append(refs, ref)
		}
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
