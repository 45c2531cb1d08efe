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

// ImageFor returns the image for a platform, OS/ARCH[/VARIANT], of those that idx leads to. The platform of an image is
// stated by the index or, without that, by the image's config. The error is fs.ErrNotExist where no image is for that
// platform. Errors call the index ref.
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

// platformOfEntry returns the platform that the index states, otherwise the platform in the image's config, or nil
// where neither states one.
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

// platformError says that an image is not available for a platform.
type platformError struct {
	ref, platform string
	has           []string
}

func (e *platformError) Error() string {
	if len(e.has) == 0 {
		return fmt.Sprintf("image %q is not available for %s, and it states no other platform", e.ref, e.platform)
	}
	return fmt.Sprintf("image %q is not available for %s, only for %s", e.ref, e.platform, strings.Join(e.has, ", "))
}

func (*platformError) Is(target error) bool { return target == fs.ErrNotExist }

// splitPlatform splits OS/ARCH[/VARIANT].
func splitPlatform(s string) v1.Platform {
	parts := append(strings.SplitN(s, "/", 3), "", "")
	return v1.Platform{OS: parts[0], Architecture: parts[1], Variant: parts[2]}
}

// platformOf returns a platform as text. It leaves out v8 of arm64: arm64 has no other variant, and many images leave
// it out.
func platformOf(p v1.Platform) string {
	name := cmp.Or(p.OS, defaultOS) + "/" + p.Architecture
	if p.Variant != "" && (p.Architecture != "arm64" || p.Variant != "v8") {
		name += "/" + p.Variant
	}
	return name
}

// defaultOS is the OS that docker and containerd assume where an image states none.
const defaultOS = "linux"

// configPlatform returns the platform that an image config states, or nil where it states none, as in an artifact's
// config.
func configPlatform(raw []byte) *v1.Platform {
	cf, err := v1.ParseConfigFile(bytes.NewReader(raw))
	if err != nil || cf.Architecture == "" {
		return nil
	}
	return &v1.Platform{OS: cmp.Or(cf.OS, defaultOS), Architecture: cf.Architecture, Variant: cf.Variant, OSVersion: cf.OSVersion}
}
