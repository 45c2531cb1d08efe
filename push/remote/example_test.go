package remote_test

import (
	"context"
	"fmt"
	"log"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/pyimg/pyimg/internal/fixture"
	"github.com/pyimg/pyimg/push/oci"
	"github.com/pyimg/pyimg/push/remote"
)

// A Client makes a Connection, and a Connection opens a repository. Then blobs can be uploaded and asked for.
func Example() {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	url, err := fixture.NewRegistry().Serve(ctx) // a registry in memory
	if err != nil {
		log.Fatal(err)
	}
	where, err := name.NewRepository(strings.TrimPrefix(url, "http://") + "/team/app")
	if err != nil {
		log.Fatal(err)
	}
	connection, err := remote.Client{Keychain: authn.NewMultiKeychain()}.Connect()
	if err != nil {
		log.Fatal(err)
	}
	repository, err := connection.Open(ctx, where, "push,pull", nil)
	if err != nil {
		log.Fatal(err)
	}

	content := []byte("a layer")
	layer := oci.Memory(v1.Descriptor{MediaType: types.OCILayer, Digest: oci.SHA256(content), Size: int64(len(content))}, content)
	var sent counter // counts the bytes that arrive
	if _, err := repository.Upload(ctx, layer, "", &sent); err != nil {
		log.Fatal(err)
	}
	has, err := repository.HasBlob(ctx, where, layer.Desc.Digest)
	fmt.Println(sent.Load(), "bytes arrived; the registry has the layer:", has, err)
	// Output: 7 bytes arrived; the registry has the layer: true <nil>
}
