//go:build linux

package container_test

import (
	"fmt"
	"log"
	"os"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/pyimg/pyimg/assemble/container"
)

// NewProcess works out what a container runtime would start. It runs nothing.
func ExampleNewProcess() {
	// The folder stands in for an image's only layer. Folders unpacks the layers of a real image.
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if err := os.Mkdir(filepath.Join(dir, "etc"), 0o755); err != nil {
		log.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "etc/passwd"), []byte("app:x:1000:1000::/srv:/bin/sh\n"), 0o600); err != nil {
		log.Fatal(err)
	}
	config := v1.Config{Entrypoint: []string{"/bin/python3"}, Cmd: []string{"-V"}, User: "app", WorkingDir: "/srv"}

	// The arguments replace the image's cmd, and not its entrypoint.
	process, err := container.NewProcess(config, []string{dir}, container.Options{Args: []string{"-m", "app"}})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(process.Args, "in", process.Dir)
	fmt.Println("as", process.Account.Name, process.Account.UID, "with home", process.Account.Home)
	// Output:
	// [/bin/python3 -m app] in /srv
	// as app 1000 with home /srv
}
