package ingest_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/pyimg/pyimg/apk"
	"github.com/pyimg/pyimg/assemble/ingest"
	"github.com/pyimg/pyimg/assemble/input"
	"github.com/pyimg/pyimg/internal/fixture"
	"github.com/pyimg/pyimg/layers"
)

// Package brings a package from a mirror into the store, once.
func ExampleMirrors_Package() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	keys := writeAlpine(dir)
	store, err := layers.OpenStore(filepath.Join(dir, "cache"))
	if err != nil {
		log.Fatal(err)
	}
	defer store.Close()
	mirrors := ingest.Mirrors{Access: input.Access{Fetch: input.NewOpener(input.OpenerOptions{}), Store: store}, Keys: keys}

	options := mirrors.IndexOptions("x86_64")
	options.Repository = &apk.Repository{Mirrors: []string{filepath.Join(dir, "v3.20/main")}}
	index, err := apk.LoadIndex(ctx, mirrors.Fetch, options)
	if err != nil {
		log.Fatal(err)
	}
	for p := range index.Packages() {
		if p.Name != "busybox" {
			continue
		}
		for range 2 {
			unit, err := mirrors.Package(ctx, p)
			fmt.Println(unit.Pkg.Name, "fetched:", unit.Fetched, "brings files:", unit.Unpacks(), err)
		}
	}
	// Output:
	// busybox fetched: true brings files: true <nil>
	// busybox fetched: false brings files: true <nil>
}

// writeAlpine writes a small mirror, which stands in for Alpine's, and returns its keys.
func writeAlpine(dir string) *apk.Keyring {
	alpine, err := fixture.Alpine("x86_64")
	if err != nil {
		log.Fatal(err)
	}
	if err := alpine.Write(dir); err != nil {
		log.Fatal(err)
	}
	keys := apk.NewKeyring()
	if err := keys.AddPath(filepath.Join(dir, "keys")); err != nil {
		log.Fatal(err)
	}
	return keys
}
