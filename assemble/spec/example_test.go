package spec_test

import (
	"fmt"
	"log"

	"github.com/pyimg/pyimg/assemble/spec"
)

// Parse reads a spec, fills in the defaults, and reports every fault with its place.
func ExampleParse() {
	s, err := spec.Parse("pyimg.yaml", []byte("packages: [curl, ca-certificates]\nruntime: {source: apk}\n"))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(s.Alpine.Branch, s.Platforms, s.Packages)
	_, err = spec.Parse("pyimg.yaml", []byte("packges: [curl]\nplatforms: [linux/sparc]\n"))
	fmt.Println(err != nil)
	// Output:
	// v3.24 [linux/amd64 linux/arm64] [curl ca-certificates]
	// true
}
