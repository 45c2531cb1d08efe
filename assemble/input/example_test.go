package input_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"

	"github.com/pyimg/pyimg/assemble/input"
)

// Access says where a build reads from. Its Open reads a path or a URL; an offline opener refuses those of servers.
func ExampleAccess_Open() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	path := filepath.Join(dir, "runtime.tar")
	if err := os.WriteFile(path, []byte("a tarball"), 0o600); err != nil {
		log.Fatal(err)
	}
	access := input.Access{Fetch: input.NewOpener(input.OpenerOptions{Offline: true})}

	// A size that is not known is negative.
	f, err := access.Open(context.Background(), path, "the runtime", -1)
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()
	body, err := io.ReadAll(f)
	fmt.Printf("%s %v\n", body, err)

	_, err = access.Open(context.Background(), "https://example.com/runtime.tar", "the runtime", -1)
	fmt.Println(err)
	// Output:
	// a tarball <nil>
	// fetching "https://example.com/runtime.tar": --offline forbids the network; run once without it, or name a folder or file
}
