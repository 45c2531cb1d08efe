package bytecode_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log"
	"os"

	"github.com/pyimg/pyimg/assemble/bytecode"
	"github.com/pyimg/pyimg/internal/fixture"
	"github.com/pyimg/pyimg/layers"
)

// Layer makes a layer of the bytecode of a stored layer's sources.
func ExampleLayer() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	store, err := layers.OpenStore(dir)
	if err != nil {
		log.Fatal(err)
	}
	defer store.Close()
	blob := ingestApp(ctx, store)
	hashes, err := bytecode.Hashes(ctx, store, blob.Digest)
	if err != nil {
		log.Fatal(err)
	}
	var sources []bytecode.Source
	for path, sum := range hashes {
		sources = append(sources, bytecode.Source{Path: path, Layer: blob.Digest, SHA256: sum})
	}
	// The fixture stands in for the image's CPython.
	python := bytecode.Python{Program: "/usr/local/bin/python3", Version: "3.13.5", Tag: "cpython-313", Stdlib: "0"}
	made, faults, err := bytecode.Layer(ctx, store, fixture.Compiler{}, python, bytecode.Checked, layers.MakeOptions{}, sources)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(faults), "sources cannot be compiled")
	for e, err := range store.Entries(made.Digest) {
		fmt.Println(e.Path(), err)
	}
	// Output:
	// 0 sources cannot be compiled
	// srv/__pycache__ <nil>
	// srv/__pycache__/app.cpython-313.pyc <nil>
}

// ingestApp stores a layer with one module.
func ingestApp(ctx context.Context, store *layers.Store) layers.Blob {
	app := fixture.Tarball{Files: []fixture.File{{Path: "srv/app.py", Body: []byte("x = 1\n")}}}.Bytes()
	blob, err := store.Ingest(ctx, layers.Source{Name: "app.tar.gz", Open: func(context.Context) (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(app)), nil
	}})
	if err != nil {
		log.Fatal(err)
	}
	return blob
}
