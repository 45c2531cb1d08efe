package push

import (
	"context"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/pyimg/pyimg/push/disk"
	"github.com/pyimg/pyimg/push/oci"
)

// Images finds single images: "oci:DIR[:TAG]" and "oci:FILE[:TAG]" on disk (see [disk.ReadImage]), all others in
// registries.
type Images struct{ Registry Registry }

// Image returns the image for a platform, OS/ARCH[/VARIANT]. The error is fs.ErrNotExist where the reference exists but
// has no image for that platform. Layers are read only when the caller asks for them, and checked against their
// digests; ctx must not end before.
func (i Images) Image(ctx context.Context, ref, platform string) (v1.Image, error) {
	idx, err := i.open(ctx, ref)
	if err != nil {
		return nil, err
	}
	return oci.ImageFor(idx, ref, platform)
}

// OnDisk returns the path in a reference to an image on disk. No registry is asked for such an image.
func OnDisk(ref string) (path string, ok bool) { return strings.CutPrefix(ref, "oci:") }

func (i Images) open(ctx context.Context, ref string) (v1.ImageIndex, error) {
	if path, ok := OnDisk(ref); ok {
		return disk.ReadImage(path)
	}
	return i.Registry.Get(ctx, ref)
}
