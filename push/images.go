package push

import (
	"context"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/pyimg/pyimg/push/disk"
	"github.com/pyimg/pyimg/push/oci"
)

// Images finds single images: "oci:DIR[:TAG]" and "oci:FILE[:TAG]" on disk (see [disk.ReadImage]), all else in registries.
type Images struct{ Registry Registry }

// Image is the image for a platform, OS/ARCH[/VARIANT]. The error is fs.ErrNotExist where the reference names an image and
// none for that platform. Layers are read when they are asked for, as long as ctx lasts, and checked against their digests.
func (i Images) Image(ctx context.Context, ref, platform string) (v1.Image, error) {
	idx, err := i.open(ctx, ref)
	if err != nil {
		return nil, err
	}
	return oci.ImageFor(idx, ref, platform)
}

// OnDisk is the path in a reference to an image on disk, for which no registry is asked.
func OnDisk(ref string) (path string, ok bool) { return strings.CutPrefix(ref, "oci:") }

func (i Images) open(ctx context.Context, ref string) (v1.ImageIndex, error) {
	if path, ok := OnDisk(ref); ok {
		return disk.ReadImage(path)
	}
	return i.Registry.Get(ctx, ref)
}
