package image

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/pyimg/pyimg/assemble/spec"
	"github.com/pyimg/pyimg/internal/imageindex"
)

// Skipped is an entry of an image's index that cannot be read, while others can.
type Skipped struct {
	Platform string `json:"platform,omitempty"` // as the index states it, with the version of its OS
	Digest   string `json:"digest"`
	Reason   string `json:"reason"`

	err error // the error that is the reason, if there is one
}

// A platformImage is one platform of an image. Its configuration has been read, but none of its layers.
type platformImage struct {
	Contents
	image v1.Image
}

// skipped returns the image as a skipped entry.
func (p platformImage) skipped(err error) Skipped {
	return Skipped{p.Platform.String(), p.Digest, absent(err), err}
}

// absent is the reason for an entry that the index names but that is missing, as in an image store's export of one platform.
func absent(err error) string { return fmt.Sprintf("it is not there (%v)", err) }

// errOtherSystem is the reason for skipping an image that is not for Linux.
var errOtherSystem = errors.New("only images for linux can be read")

// platformImages lists the images of an index that can be read, and the entries that it skips: attestations, images for other
// systems than Linux, and missing ones. With only, it reads these platforms, and it is an error if one is missing.
func platformImages(index v1.ImageIndex, only []spec.Platform) (all []platformImage, skipped []Skipped, err error) {
	entries, err := imageindex.Entries(index)
	if err != nil {
		return nil, nil, err
	}
	var have []string
	for _, e := range entries {
		if stated, ok := statedPlatform(e.Descriptor); ok && len(only) > 0 && !slices.Contains(only, stated) {
			have = append(have, stated.String())
			continue
		}
		p, left, err := readEntry(e)
		switch {
		case err != nil:
			return nil, nil, fmt.Errorf("reading image %s: %w", e.Digest, err)
		case left != nil:
			skipped = append(skipped, *left)
			continue
		}
		have = append(have, p.Platform.String())
		if len(only) == 0 || slices.Contains(only, p.Platform) {
			all = append(all, p)
		}
	}
	return all, skipped, missing(only, all, have, skipped)
}

// missing returns the error if one of the platforms in only cannot be read.
func missing(only []spec.Platform, all []platformImage, have []string, skipped []Skipped) error {
	for _, p := range only {
		if slices.ContainsFunc(all, func(i platformImage) bool { return i.Platform == p }) {
			continue
		}
		for _, left := range skipped {
			if left.err != nil && left.Platform == p.String() {
				return fmt.Errorf("reading the image for %s: %w", p, left.err)
			}
		}
		return fmt.Errorf("the image has no %s; it has %s", p, strings.Join(have, ", "))
	}
	if len(all) > 0 || len(only) > 0 {
		return nil
	}
	return nothing(skipped)
}

// nothing returns the error of an image without any readable platform.
func nothing(skipped []Skipped) error {
	var causes []error
	for _, left := range skipped {
		if left.err != nil {
			causes = append(causes, fmt.Errorf("reading image %s (%s): %w", left.Digest, left.Platform, left.err))
		}
	}
	if len(causes) > 0 {
		return errors.Join(causes...)
	}
	return errors.New("the index has no image that could be run")
}

// readEntry opens an image and reads its configuration, or says why it is skipped.
func readEntry(e imageindex.Entry) (platformImage, *Skipped, error) {
	left := &Skipped{Digest: e.Digest.String()}
	if e.Platform != nil {
		left.Platform = strings.TrimSpace(spec.Platform{OS: e.Platform.OS, Architecture: e.Platform.Architecture, Variant: e.Platform.Variant}.String() + " " + e.Platform.OSVersion)
	}
	if e.IsAttestation() {
		left.Reason = "it is an attestation, nothing to run"
		return platformImage{}, left, nil
	}
	if e.Platform != nil && e.Platform.OS != "" && !strings.EqualFold(e.Platform.OS, linux) {
		left.Reason, left.err = errOtherSystem.Error(), errOtherSystem
		return platformImage{}, left, nil
	}
	p, err := newPlatformImage(e)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		left.Reason, left.err = absent(err), err
		return p, left, nil
	case err != nil && !e.IsImage():
		left.Reason = err.Error()
		return p, left, nil
	case err != nil:
		return p, nil, err
	case p.Platform.OS != linux:
		return p, &Skipped{p.Platform.String(), p.Digest, errOtherSystem.Error(), errOtherSystem}, nil
	}
	return p, nil, nil
}

const linux = "linux"

func newPlatformImage(e imageindex.Entry) (p platformImage, err error) {
	if p.image, err = e.Open(); err != nil {
		return p, err
	}
	if p.Config, err = p.image.ConfigFile(); err != nil {
		return p, err
	}
	p.Digest, p.Platform = e.Digest.String(), platformOf(p.Config, e.Platform)
	return p, nil
}

// platformOf returns the platform that a configuration states, or else the one that the index states. Tools that put a file on an
// empty image leave the platform out; docker and containerd treat such an image as one for Linux.
func platformOf(c *v1.ConfigFile, stated *v1.Platform) spec.Platform {
	p := spec.Platform{OS: c.OS, Architecture: c.Architecture, Variant: c.Variant}
	if stated != nil && (p.OS == "" || p.Architecture == "") {
		p = spec.Platform{OS: stated.OS, Architecture: stated.Architecture, Variant: stated.Variant}
	}
	if p.OS == "" {
		p.OS = linux
	}
	if p.Architecture == "" {
		p.Architecture = "unknown"
	}
	return known(p)
}

// known returns the platform by pyimg's name for it: arm64/v8 is arm64.
func known(p spec.Platform) spec.Platform {
	if known, err := spec.ParsePlatform(p.String()); err == nil {
		return known
	}
	p.OS = strings.ToLower(p.OS)
	return p
}

// statedPlatform returns the platform that an index states for an entry.
func statedPlatform(d v1.Descriptor) (spec.Platform, bool) {
	if d.Platform == nil || d.Platform.OS == "" || d.Platform.Architecture == "" {
		return spec.Platform{}, false
	}
	return known(spec.Platform{OS: d.Platform.OS, Architecture: d.Platform.Architecture, Variant: d.Platform.Variant}), true
}
