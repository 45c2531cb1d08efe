package push

import (
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/pyimg/pyimg/internal/imageindex"
)

// Images finds single images: "oci:DIR[:TAG]" and "oci:FILE[:TAG]" on disk (see [ReadImage]), all else in registries.
type Images struct{ Registry Registry }

// Image is the image for a platform, OS/ARCH[/VARIANT]. The error is fs.ErrNotExist where the reference names an image and
// none for that platform. Layers are read when they are asked for, as long as ctx lasts, and checked against their digests.
func (i Images) Image(ctx context.Context, ref, platform string) (v1.Image, error) {
	idx, err := i.open(ctx, ref)
	if err != nil {
		return nil, err
	}
	return ImageFor(idx, ref, platform)
}

// ImageFor is the image for a platform that an index leads to, ref being what the index is called. See [Images.Image].
func ImageFor(idx v1.ImageIndex, ref, platform string) (v1.Image, error) {
	entries, err := imageindex.Entries(idx)
	if err != nil {
		return nil, fmt.Errorf("reading image %q: %w", ref, err)
	}
	var has []string
	for _, e := range entries {
		if !e.IsImage() || e.IsAttestation() {
			continue
		}
		stated, err := platformOfEntry(e)
		if err != nil {
			return nil, fmt.Errorf("reading image %q: %w", ref, err)
		}
		if stated == nil {
			continue
		}
		name := platformOf(*stated)
		if name == platformOf(splitPlatform(platform)) {
			img, err := e.Open()
			if err != nil {
				return nil, fmt.Errorf("reading image %q for %s: %w", ref, platform, err)
			}
			return img, nil
		}
		has = append(has, name)
	}
	return nil, &platformError{ref, platform, has}
}

// platformOfEntry is the platform that the index states or, where it states none, the image's config; nil where neither does.
func platformOfEntry(e imageindex.Entry) (*v1.Platform, error) {
	if e.Platform != nil && e.Platform.Architecture != "" {
		return e.Platform, nil
	}
	img, err := e.Open()
	if err != nil {
		return nil, err
	}
	raw, err := img.RawConfigFile()
	if err != nil {
		return nil, err
	}
	return configPlatform(raw), nil
}

// platformError says that an image is not made for a platform.
type platformError struct {
	ref, platform string
	has           []string
}

func (e *platformError) Error() string {
	if len(e.has) == 0 {
		return fmt.Sprintf("image %q has none for %s, and says of no other platform that it is for that", e.ref, e.platform)
	}
	return fmt.Sprintf("image %q has none for %s, only for %s", e.ref, e.platform, strings.Join(e.has, ", "))
}

func (*platformError) Is(target error) bool { return target == fs.ErrNotExist }

func (i Images) open(ctx context.Context, ref string) (v1.ImageIndex, error) {
	if path, ok := strings.CutPrefix(ref, "oci:"); ok {
		return ReadImage(path)
	}
	return i.Registry.Get(ctx, ref)
}

// splitPlatform takes OS/ARCH[/VARIANT] apart.
func splitPlatform(s string) v1.Platform {
	parts := append(strings.SplitN(s, "/", 3), "", "")
	return v1.Platform{OS: parts[0], Architecture: parts[1], Variant: parts[2]}
}

// platformOf is a platform as it is written: v8 is the only variant of arm64 that there is, and often left out.
func platformOf(p v1.Platform) string {
	name := cmp.Or(p.OS, defaultOS) + "/" + p.Architecture
	if p.Variant != "" && (p.Architecture != "arm64" || p.Variant != "v8") {
		name += "/" + p.Variant
	}
	return name
}
