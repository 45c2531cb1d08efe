package oci_test

import (
	"fmt"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"

	"github.com/pyimg/pyimg/push/oci"
)

// Walk lists what must be stored before a root may be named, in order: layers and configs, then manifests, the root
// last.
func ExampleWalk() {
	img, err := mutate.ConfigFile(empty.Image, &v1.ConfigFile{OS: "linux", Architecture: "arm64"})
	if err != nil {
		fmt.Println(err)
		return
	}
	index := mutate.AppendManifests(empty.Index, mutate.IndexAddendum{Add: img})
	graph, err := oci.Walk(index)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, b := range graph.Blobs() {
		fmt.Println(b.Desc.MediaType)
	}
	fmt.Println(graph.Platforms[0].Platform)
	// Output:
	// application/vnd.docker.container.image.v1+json
	// application/vnd.docker.distribution.manifest.v2+json
	// application/vnd.oci.image.index.v1+json
	// linux/arm64
}
