package bundle_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/pyimg/pyimg/apk"
	"github.com/pyimg/pyimg/assemble"
	"github.com/pyimg/pyimg/assemble/bundle"
	"github.com/pyimg/pyimg/assemble/bundle/create"
	"github.com/pyimg/pyimg/assemble/input"
	"github.com/pyimg/pyimg/assemble/spec"
	"github.com/pyimg/pyimg/internal/fetch"
	"github.com/pyimg/pyimg/internal/fixture"
)

// A bundle stands in for the mirrors of a spec: what the spec names by URL is read from the bundle.
func Example() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if err := useBundle(context.Background(), dir); err != nil {
		fmt.Println(err)
	}
	// Output:
	// 26 packages are genuine
	// resolved without the mirror: linux/amd64
}

func useBundle(ctx context.Context, dir string) error {
	url, stop, err := serveAlpine(ctx)
	if err != nil {
		return err
	}
	defer stop()
	keys := apk.NewKeyring()
	if err := keys.Add(fixture.TestKey().Name, fixture.TestKey().PublicPEM()); err != nil {
		return err
	}
	s, err := spec.Parse("pyimg.yaml", []byte("alpine: {repositories: ['"+url+"/v3.20/main']}\nplatforms: [linux/amd64]\npackages: [busybox]\n"))
	if err != nil {
		return err
	}
	path := filepath.Join(dir, "bundle.tar")
	if err := makeBundle(ctx, s, keys, path); err != nil {
		return err
	}
	stop() // The mirror is gone from here on.

	b, err := bundle.Open(path)
	if err != nil {
		return err
	}
	defer b.Close()
	verified, err := b.Verify(ctx, keys)
	if err != nil {
		return err
	}
	fmt.Println(verified.Packages, "packages are genuine")
	access := input.Access{Fetch: b.Opener(s, input.NewOpener(input.OpenerOptions{Offline: true}))}
	plan, err := assemble.Resolve(ctx, s, access, keys)
	if err != nil {
		return err
	}
	fmt.Println("resolved without the mirror:", plan.Platforms[0].Platform)
	return nil
}

func makeBundle(ctx context.Context, s spec.Spec, keys *apk.Keyring, path string) error {
	inputs, err := assemble.SpecInputs(s)
	if err != nil {
		return err
	}
	draft, err := create.Prepare(ctx, create.Options{Inputs: inputs, All: true, Client: &fetch.Client{}, Keyring: keys, Output: path, Tar: true})
	if err != nil {
		return err
	}
	defer draft.Close()
	_, err = draft.Create(ctx, nil)
	return err
}

// serveAlpine serves a small mirror, which stands in for Alpine's, until stop is called.
func serveAlpine(ctx context.Context) (url string, stop context.CancelFunc, err error) {
	mirror, err := fixture.Alpine("x86_64")
	if err != nil {
		return "", nil, err
	}
	ctx, stop = context.WithCancel(ctx)
	if url, err = mirror.Serve(ctx); err != nil {
		stop()
		return "", nil, err
	}
	return url, stop, nil
}
