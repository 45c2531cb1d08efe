package bundle

import (
	"cmp"
	"context"
	"fmt"
	"path"
	"regexp"
	"strings"

	"github.com/pyimg/pyimg/assemble"
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

// InRegistry tells what a registry may know from what ImageRef calls an image that lay on disk.
func InRegistry(ref string) bool { return !strings.HasPrefix(ref, onDisk) }

var betweenWords = regexp.MustCompile(`[^A-Za-z0-9]+`)

// tagOf makes a name one that a layout may have for a tag. See the OCI image-spec, annotations.md.
func tagOf(name string) string {
	name = betweenWords.ReplaceAllStringFunc(name, func(s string) string {
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
			for _, r := range p.Runtimes {
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

// checkLayouts refuses specs that call different images on disk the same: on the other side there is no folder to tell
// them apart by.
func (d *Draft) checkLayouts() error {
	for _, p := range d.o.Inputs.Platforms {
		digests := make(map[string]string)
		for _, r := range p.Runtimes {
			if !strings.HasPrefix(r.Image(), onDisk) {
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
