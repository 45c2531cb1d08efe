package wheels_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/pyimg/pyimg/assemble/input"
	"github.com/pyimg/pyimg/assemble/python"
	"github.com/pyimg/pyimg/assemble/spec"
	"github.com/pyimg/pyimg/assemble/wheels"
	"github.com/pyimg/pyimg/layers"
	"github.com/pyimg/pyimg/wheel/source"
	"github.com/pyimg/pyimg/wheel/tag"
	"github.com/pyimg/pyimg/wheel/wheeltest"
)

// Bring checks wheels and stores the fragments of layers that they are installed as.
func ExampleBringer_Bring() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	store, err := layers.OpenStore(filepath.Join(dir, "cache"))
	if err != nil {
		log.Fatal(err)
	}
	defer store.Close()
	amd64, err := spec.ParsePlatform("linux/amd64")
	if err != nil {
		log.Fatal(err)
	}

	// The site is the Python that the wheels are installed for.
	runtime := python.Report{Prefix: "/usr/local", Python: &python.Build{Version: "3.13.5"}}
	site, err := wheels.NewSite(amd64, runtime, "1.2.5", "", func(path string) bool { return path == "usr/local/bin/python3" })
	if err != nil {
		log.Fatal(err)
	}
	bringer := wheels.NewBringer(input.Access{Fetch: input.NewOpener(input.OpenerOptions{}), Store: store})
	brought, err := bringer.Bring(context.Background(), []source.File{helloWheel(dir)}, wheels.How{Site: site})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(brought[0], "is for any platform:", brought[0].Pure())
	for e, err := range store.Entries(brought[0].Fragment.Digest) {
		fmt.Println(e.Path(), err)
	}
	// Output:
	// hello==1.0 is for any platform: true
	// usr/local/lib/python3.13/site-packages/hello-1.0.dist-info/INSTALLER <nil>
	// usr/local/lib/python3.13/site-packages/hello-1.0.dist-info/METADATA <nil>
	// usr/local/lib/python3.13/site-packages/hello-1.0.dist-info/RECORD <nil>
	// usr/local/lib/python3.13/site-packages/hello-1.0.dist-info/REQUESTED <nil>
	// usr/local/lib/python3.13/site-packages/hello-1.0.dist-info/WHEEL <nil>
	// usr/local/lib/python3.13/site-packages/hello/__init__.py <nil>
}

// helloWheel writes a small wheel to a folder.
func helloWheel(dir string) source.File {
	w := wheeltest.Wheel{Name: "hello", Files: []wheeltest.File{{Name: "hello/__init__.py", Data: "print('hello')\n"}}}
	path := filepath.Join(dir, w.Filename())
	if err := os.WriteFile(path, w.Bytes(), 0o600); err != nil {
		log.Fatal(err)
	}
	name, err := tag.ParseFilename(w.Filename())
	if err != nil {
		log.Fatal(err)
	}
	return source.File{Filename: name, Path: path}
}
