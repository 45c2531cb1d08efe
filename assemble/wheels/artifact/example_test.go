package artifact_test

import (
	"context"
	"fmt"

	"github.com/pyimg/pyimg/assemble/wheels/artifact"
	"github.com/pyimg/pyimg/internal/registryurl"
)

// An index in a registry lists wheels as any other index does. No wheel is fetched for that.
func ExampleNewIndex() {
	registry := newMemory(list(record("foo-1.0-py3-none-any.whl", "")))
	ref, err := registryurl.ParseReference("oci:registry.example/team/wheels:v1")
	if err != nil {
		fmt.Println(err)
		return
	}
	files, found, err := artifact.NewIndex(ref, registry).Project(context.Background(), "foo")
	fmt.Println(found, err)
	for _, f := range files {
		fmt.Println(f.Filename.Text)
	}
	// Output:
	// true <nil>
	// foo-1.0-py3-none-any.whl
}
