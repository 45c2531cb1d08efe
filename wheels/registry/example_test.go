package registry_test

import (
	"fmt"

	"github.com/pyimg/pyimg/wheels/registry"
	"github.com/pyimg/pyimg/wheels/repository"
)

// Parts of several jobs are merged. Neither their order nor adding one twice changes what comes out.
func ExampleMerge() {
	record := func(file, sum string) registry.Change {
		return registry.Change{Record: repository.Record{File: file, SHA256: sum}}
	}
	one := registry.Part{Wheels: []registry.Change{record("alpha-1.0-py3-none-any.whl", "aa")}}
	two := registry.Part{Wheels: []registry.Change{record("beta-1.0-py3-none-any.whl", "bb"), record("alpha-1.0-py3-none-any.whl", "aa")}}
	for _, w := range registry.Merge(registry.Contents{}, two, one, two).Wheels {
		fmt.Println(w.File)
	}
	// Output:
	// alpha-1.0-py3-none-any.whl
	// beta-1.0-py3-none-any.whl
}
