package builder_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/pyimg/pyimg/apk"
	"github.com/pyimg/pyimg/assemble/input"
	"github.com/pyimg/pyimg/assemble/spec"
	"github.com/pyimg/pyimg/internal/fixture"
	"github.com/pyimg/pyimg/wheels/builder"
)

// Provides finds the packages of Alpine that have the libraries which a wheel needs. What nothing provides is left out.
func ExampleProvides() {
	if err := provides(context.Background()); err != nil {
		fmt.Println(err)
	}
	// Output: libz.so.1 is in zlib 1.3.1-r1
}

func provides(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	mirror, err := fixture.Alpine("x86_64") // a small mirror stands in for Alpine's
	if err != nil {
		return err
	}
	if err := mirror.Write(dir); err != nil {
		return err
	}
	keys := apk.NewKeyring()
	if err := keys.AddPath(filepath.Join(dir, "keys")); err != nil {
		return err
	}
	s := spec.Spec{Alpine: spec.Alpine{Branch: fixture.AlpineBranch, Mirrors: []string{dir}, Repositories: []string{"main"}}}
	p, err := spec.ParsePlatform("linux/amd64")
	if err != nil {
		return err
	}
	from := input.Access{Fetch: input.NewOpener(input.OpenerOptions{Offline: true})}
	found, err := builder.Provides(ctx, s, p, from, keys, []string{"libz.so.1", "libnobody.so.9"})
	for _, a := range found {
		fmt.Println(a.So, "is in", a.Package, a.Version)
	}
	return err
}
