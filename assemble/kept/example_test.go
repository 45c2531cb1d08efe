package kept_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log"
	"os"

	"github.com/pyimg/pyimg/assemble/kept"
	"github.com/pyimg/pyimg/internal/fixture"
	"github.com/pyimg/pyimg/layers"
)

// A store that is opened with Files keeps the content of the files that assemble reads. Of all others it keeps only the facts.
func ExampleFiles() {
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

	tarball := fixture.Tarball{Files: []fixture.File{
		{Path: "etc/motd", Body: []byte("Welcome")}, {Path: "etc/os-release", Body: []byte("ID=alpine")}}}.Bytes()
	blob, err := store.Ingest(context.Background(), layers.Source{Name: "layer.tar.gz", Open: func(context.Context) (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(tarball)), nil
	}})
	if err != nil {
		log.Fatal(err)
	}
	for e, err := range store.Entries(blob.Digest) {
		fmt.Printf("%s %q %v\n", e.Path(), e.Kept, err)
	}
	// Output:
	// etc "" <nil>
	// etc/motd "" <nil>
	// etc/os-release "ID=alpine" <nil>
}
