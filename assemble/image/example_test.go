package image_test

import (
	"context"
	"fmt"
	"log"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"

	"github.com/pyimg/pyimg/assemble/image"
)

// Inspect describes an image, whatever tool made it.
func ExampleInspect() {
	img, err := mutate.ConfigFile(empty.Image, &v1.ConfigFile{OS: "linux", Architecture: "arm64",
		Config: v1.Config{User: "65532", Cmd: []string{"/bin/app"}}})
	if err != nil {
		log.Fatal(err)
	}
	index := mutate.AppendManifests(empty.Index, mutate.IndexAddendum{Add: img,
		Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: "arm64"}}})
	// Without a store the report has nothing about Python.
	report, err := image.Inspect(context.Background(), index, nil, nil)
	if err != nil {
		log.Fatal(err)
	}
	for _, p := range report.Platforms {
		fmt.Println(p.Platform, "runs", p.Cmd, "as", p.User, "with", len(p.Layers), "layers")
	}
	// Output: linux/arm64 runs [/bin/app] as 65532 with 0 layers
}
