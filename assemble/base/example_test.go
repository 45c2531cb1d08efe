package base_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log"
	"os"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"github.com/pyimg/pyimg/assemble/base"
	"github.com/pyimg/pyimg/assemble/input"
	"github.com/pyimg/pyimg/assemble/kept"
	"github.com/pyimg/pyimg/assemble/spec"
	"github.com/pyimg/pyimg/internal/fixture"
	"github.com/pyimg/pyimg/layers"
)

// images has one image for all references. A program reads images from a registry or a layout.
type images struct{ one v1.Image }

func (i images) Image(context.Context, string, string) (v1.Image, error) { return i.one, nil }

// Open reads an image that another one is built on.
func ExampleOpen() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	store, err := layers.OpenStore(dir, kept.Files()...)
	if err != nil {
		log.Fatal(err)
	}
	defer store.Close()

	s, err := spec.Parse("pyimg.yaml", []byte("base: image:registry.example/team/base:1\nplatforms: [linux/amd64]\n"))
	if err != nil {
		log.Fatal(err)
	}
	below, err := base.Open(context.Background(), s, s.Platforms[0], "", input.Access{Images: images{one: alpineImage()}, Store: store})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(below.System.ID, below.System.Branch(), "with", len(below.Layers), "layer runs", below.Config.Cmd)
	fmt.Println("it has the program:", below.Has("bin/app"))
	fmt.Println("no packages:", below.Without)
	// Output:
	// alpine v3.20 with 1 layer runs [/bin/app]
	// it has the program: true
	// no packages: it has no database of apk (lib/apk/db/installed)
}

// alpineImage makes a small image, which stands in for one of a registry.
func alpineImage() v1.Image {
	content := fixture.Tarball{Files: []fixture.File{
		{Path: "etc/os-release", Body: []byte("ID=alpine\nVERSION_ID=3.20.3\n")}, {Path: "bin/app", Mode: 0o755, Body: []byte("app")}}}.Bytes()
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(content)), nil })
	if err != nil {
		log.Fatal(err)
	}
	img, err := mutate.AppendLayers(empty.Image, layer)
	if err != nil {
		log.Fatal(err)
	}
	img, err = mutate.Config(img, v1.Config{Cmd: []string{"/bin/app"}})
	if err != nil {
		log.Fatal(err)
	}
	return img
}
