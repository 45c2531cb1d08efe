package build_test

import (
	"fmt"

	"github.com/pyimg/pyimg/wheels/build"
	"github.com/pyimg/pyimg/wheels/repository"
)

// Built finds the wheel of a build's key. A planner asks it, so that nothing is built twice.
func ExampleNewBuilt() {
	index := repository.Open("index")
	records := []repository.Record{{File: "demo-1.0-py3-none-any.whl", Keys: []string{"key of demo 1.0"}}} // of index.Records
	built := build.NewBuilt(index, records)
	for _, key := range []string{"key of demo 1.0", "key of demo 2.0"} {
		f, ok := built.Wheel(key)
		fmt.Println(key, ok, f.Filename.Text)
	}
	// Output:
	// key of demo 1.0 true demo-1.0-py3-none-any.whl
	// key of demo 2.0 false
}
