package push_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http/httptest"
	"strings"

	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"

	"github.com/pyimg/pyimg/push"
	"github.com/pyimg/pyimg/push/oci"
)

// Push makes two tags of one repository name an index. It does not send again what is there already.
func ExampleRegistry_Push() {
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	defer server.Close()
	repository := strings.TrimPrefix(server.URL, "http://") + "/team/app"

	img, err := mutate.ConfigFile(empty.Image, &v1.ConfigFile{OS: "linux", Architecture: "arm64"})
	if err != nil {
		fmt.Println(err)
		return
	}
	index := mutate.AppendManifests(empty.Index, mutate.IndexAddendum{Add: img})
	registry := push.Registry{} // it finds credentials where docker and podman keep them
	ctx := context.Background()
	for range 2 {
		result, err := registry.Push(ctx, index, []string{repository + ":1.0", repository + ":latest"}, push.Options{})
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(result.BlobsSent, "sent for", len(result.Refs), "references")
	}
	back, err := registry.Get(ctx, repository+":1.0")
	if err != nil {
		fmt.Println(err)
		return
	}
	want, _ := index.Digest()
	root, err := oci.Root(back)
	fmt.Println(root.Digest == want, err)
	// Output:
	// 1 sent for 2 references
	// 0 sent for 2 references
	// true <nil>
}
