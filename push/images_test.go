package push_test

import (
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"

	"github.com/pyimg/pyimg/push"
	"github.com/pyimg/pyimg/push/disk"
)

func TestImages(t *testing.T) {
	t.Parallel()
	index := v1.ImageIndex(empty.Index)
	digests := make(map[string]v1.Hash)
	for _, p := range []v1.Platform{{OS: "linux", Architecture: "arm64", Variant: "v8"}, {OS: "linux", Architecture: "arm", Variant: "v7"}, {OS: "unknown", Architecture: "unknown"}} {
		img, err := random.Image(64, 2)
		if err != nil {
			t.Fatal(err)
		}
		if digests[p.String()], err = img.Digest(); err != nil {
			t.Fatal(err)
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: img, Descriptor: v1.Descriptor{Platform: &p}})
	}
	dir := filepath.Join(t.TempDir(), "layout")
	if err := disk.WriteLayout(t.Context(), dir, "latest", index); err != nil {
		t.Fatal(err)
	}
	images := push.Images{}
	for platform, want := range map[string]string{"linux/arm64": "linux/arm64/v8", "linux/arm64/v8": "linux/arm64/v8", "linux/arm/v7": "linux/arm/v7"} {
		img, err := images.Image(t.Context(), "oci:"+dir+":latest", platform)
		if err != nil {
			t.Fatalf("%s: %v", platform, err)
		}
		if d, err := img.Digest(); err != nil || d != digests[want] {
			t.Errorf("%s: image %s, %v, want that of %s", platform, d, err, want)
		}
	}
	for _, platform := range []string{"linux/amd64", "linux/arm/v6", "linux/arm"} {
		_, err := images.Image(t.Context(), "oci:"+dir, platform)
		if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "is not available for "+platform+", only for linux/arm64, linux/arm/v7") {
			t.Errorf("%s: %v, want fs.ErrNotExist and what there is", platform, err)
		}
	}
}
