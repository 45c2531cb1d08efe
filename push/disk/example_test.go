package disk_test

import (
	"context"
	"fmt"
	"os"

	"github.com/google/go-containerregistry/pkg/v1/empty"

	"github.com/pyimg/pyimg/push/disk"
	"github.com/pyimg/pyimg/push/oci"
)

// An image is written to a layout under a tag and read again by that tag.
func ExampleWriteLayout() {
	dir, err := os.MkdirTemp("", "layout-")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = os.RemoveAll(dir) }()
	image, err := oci.Wrap(empty.Image)
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := disk.WriteLayout(context.Background(), dir, "v1", image); err != nil {
		fmt.Println(err)
		return
	}
	again, err := disk.ReadLayout(dir + ":v1")
	if err != nil {
		fmt.Println(err)
		return
	}
	root, err := oci.Root(again)
	fmt.Println(root.MediaType, err)
	// Output: application/vnd.docker.distribution.manifest.v2+json <nil>
}
