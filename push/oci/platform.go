package oci

import (
	"bytes"
	"cmp"
	"fmt"
	"io/fs"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/pyimg/pyimg/internal/imageindex"
)

// ImageFor finds the image for a platform, OS/ARCH[/VARIANT], in what an index leads to. The index states the platform of
// an image, or else the image's config does. The error is fs.ErrNotExist where there is none for it; ref is the index's name
// in errors.
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

// defaultOS is what docker and containerd take an image for that states no OS.
const defaultOS = "linux"

// configPlatform is the platform that an image config states, or nil where it states none, as artifacts' configs do.
func configPlatform(raw []byte) *v1.Platform {
	cf, err := v1.ParseConfigFile(bytes.NewReader(raw))
	if err != nil || cf.Architecture == "" {
		return nil
	}
	return &v1.Platform{OS: cmp.Or(cf.OS, defaultOS), Architecture: cf.Architecture, Variant: cf.Variant, OSVersion: cf.OSVersion}
}
