package assemble_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/go-containerregistry/pkg/registry"

	"github.com/pyimg/pyimg/apk"
	"github.com/pyimg/pyimg/assemble"
	"github.com/pyimg/pyimg/assemble/input"
	"github.com/pyimg/pyimg/assemble/lock"
	"github.com/pyimg/pyimg/assemble/spec"
	"github.com/pyimg/pyimg/internal/fixture"
	"github.com/pyimg/pyimg/layers"
	"github.com/pyimg/pyimg/push"
)

// The whole way: a spec is resolved to a plan, the plan is built into a lock, and the lock is an image index that is pushed.
func Example() {
	if err := chain(context.Background()); err != nil {
		fmt.Println(err)
	}
	// Output:
	// linux/amd64: 6 layers of 5 packages
	// linux/arm64: 6 layers of 5 packages
	// the registry has what the lock says: true
}

func chain(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	// A small mirror stands in for Alpine's, and a registry on this machine for yours.
	mirror, err := fixture.Alpine("x86_64", "aarch64")
	if err != nil {
		return err
	}
	if err := mirror.Write(filepath.Join(dir, "alpine")); err != nil {
		return err
	}
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	defer server.Close()
	reference := strings.TrimPrefix(server.URL, "http://") + "/team/app:1.0"

	s, err := spec.Parse("pyimg.yaml", []byte(`
alpine: {repositories: [`+filepath.Join(dir, "alpine/v3.20/main")+`]}
platforms: [linux/amd64, linux/arm64]
packages: [alpine-baselayout, busybox]
image: {cmd: [/bin/busybox]}
`))
	if err != nil {
		return err
	}
	store, err := layers.OpenStore(filepath.Join(dir, "cache"))
	if err != nil {
		return err
	}
	defer store.Close()
	keys := apk.NewKeyring()
	if err := keys.AddPath(filepath.Join(dir, "alpine/keys")); err != nil {
		return err
	}
	access := input.Access{Fetch: input.NewOpener(input.OpenerOptions{}), Store: store}

	plan, err := assemble.Resolve(ctx, s, access, keys)
	if err != nil {
		return err
	}
	built, err := assemble.Build(ctx, plan, access, assemble.BuildOptions{})
	if err != nil {
		return err
	}
	if err := lock.Write(filepath.Join(dir, "pyimg.lock"), built.Lock); err != nil {
		return err
	}
	for _, p := range built.Lock.Platforms {
		fmt.Printf("%s: %d layers of %d packages\n", p.Platform, len(p.Layers), len(p.Packages))
	}
	index, err := built.Lock.Index(ctx, lock.FromStore(store))
	if err != nil {
		return err
	}
	pushed, err := push.Registry{}.Push(ctx, index, []string{reference}, push.Options{})
	if err != nil {
		return err
	}
	fmt.Println("the registry has what the lock says:", pushed.Digest == built.Lock.Digest)
	return nil
}
