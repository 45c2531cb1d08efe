package hostfiles_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"time"

	"github.com/pyimg/pyimg/assemble/hostfiles"
	"github.com/pyimg/pyimg/assemble/spec"
	"github.com/pyimg/pyimg/layers"
	"github.com/pyimg/pyimg/layers/tree"
)

// Read finds the files that a spec takes of its own folder. Layer then puts them on top of the image's other layers.
func ExampleRead() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if err := os.WriteFile(filepath.Join(dir, "app.py"), []byte("print('hello')\n"), 0o600); err != nil {
		log.Fatal(err)
	}
	store, err := layers.OpenStore(filepath.Join(dir, "cache"))
	if err != nil {
		log.Fatal(err)
	}
	defer store.Close()

	s := spec.Spec{Dir: dir, Files: []spec.Files{{From: "app.py", To: "/srv/"}}}
	found, err := hostfiles.Read(ctx, s, nil, time.Unix(1700000000, 0))
	if err != nil {
		log.Fatal(err)
	}
	defer found.Close()
	// There is nothing below these files: the tree is empty, and no path of it has an owner.
	under, err := tree.New(nil, nil)
	if err != nil {
		log.Fatal(err)
	}
	layer, _, err := found.Layer(ctx, spec.Platform{OS: "linux", Architecture: "amd64"}, under, func(tree.Node) string { return "" }, layers.MakeOptions{}, store)
	if err != nil {
		log.Fatal(err)
	}
	for e, err := range store.Entries(layer.Digest) {
		fmt.Printf("%s %o %v\n", e.Path(), e.Header.Mode, err)
	}
	// Output:
	// srv 755 <nil>
	// srv/app.py 644 <nil>
}
