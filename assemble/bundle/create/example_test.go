package create_test

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
	"github.com/pyimg/pyimg/assemble/bundle/folder"
	"github.com/pyimg/pyimg/assemble/spec"
	"github.com/pyimg/pyimg/internal/fetch"
	"github.com/pyimg/pyimg/internal/fixture"
)

// A bundle takes packages over an air gap: it is made where the mirror is, verified on the other side, and imported into a
// folder there.
func Example() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	if err := crossTheGap(context.Background(), dir); err != nil {
		fmt.Println(err)
	}
	// Output:
	// the bundle fits: true
	// 26 packages of 1 index are genuine
	// imported the same bundle: true
}

func crossTheGap(ctx context.Context, dir string) error {
	// A small mirror stands in for Alpine's.
	mirror, err := fixture.Alpine("x86_64")
	if err != nil {
		return err
	}
	if err := mirror.Write(filepath.Join(dir, "alpine")); err != nil {
		return err
	}
	keys := apk.NewKeyring()
	if err := keys.AddPath(filepath.Join(dir, "alpine/keys")); err != nil {
		return err
	}
	s, err := spec.Parse("pyimg.yaml", []byte("alpine: {repositories: ["+filepath.Join(dir, "alpine/v3.20/main")+"]}\nplatforms: [linux/amd64]\n"))
	if err != nil {
		return err
	}
	inputs, err := assemble.SpecInputs(s)
	if err != nil {
		return err
	}

	draft, err := create.Prepare(ctx, create.Options{Inputs: inputs, All: true, Client: &fetch.Client{}, Keyring: keys,
		Output: filepath.Join(dir, "bundle.tar"), Tar: true})
	if err != nil {
		return err
	}
	defer draft.Close()
	fmt.Println("the bundle fits:", draft.Fits())
	made, err := draft.Create(ctx, nil)
	if err != nil {
		return err
	}

	b, err := bundle.Open(filepath.Join(dir, "bundle.tar"))
	if err != nil {
		return err
	}
	defer b.Close()
	found, err := b.Verify(ctx, keys)
	if err != nil {
		return err
	}
	fmt.Println(found.Packages, "packages of", found.Indexes, "index are genuine")
	imported, err := folder.Import(ctx, b, filepath.Join(dir, "here"))
	if err != nil {
		return err
	}
	fmt.Println("imported the same bundle:", imported.ID == made.ID)
	return nil
}
