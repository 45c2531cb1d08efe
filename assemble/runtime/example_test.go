package runtime_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/pyimg/pyimg/assemble/input"
	"github.com/pyimg/pyimg/assemble/kept"
	"github.com/pyimg/pyimg/assemble/runtime"
	"github.com/pyimg/pyimg/internal/fixture"
	"github.com/pyimg/pyimg/layers"
)

// Pack makes a layer of a runtime's tarball, and moves it to another prefix.
func ExamplePack() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	tarball := filepath.Join(dir, "cpython.tar.gz")
	if err := os.WriteFile(tarball, fixture.Runtime{Arch: "x86_64"}.Bytes(), 0o600); err != nil {
		log.Fatal(err)
	}
	store, err := layers.OpenStore(filepath.Join(dir, "cache"), kept.Files()...)
	if err != nil {
		log.Fatal(err)
	}
	defer store.Close()
	access := input.Access{Fetch: input.NewOpener(input.OpenerOptions{}), Store: store}

	packed, err := runtime.Pack(context.Background(), tarball, access, runtime.PackOptions{Prefix: "/opt/python"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(packed.Report.Python.Version, "in", packed.Report.Prefix, "is a layer of type", packed.MediaType)
	// Output:
	// 3.13.5 in /opt/python is a layer of type application/vnd.oci.image.layer.v1.tar+gzip
}
