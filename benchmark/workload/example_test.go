package workload_test

import (
	"fmt"

	"github.com/pyimg/pyimg/benchmark/workload"
)

// Select takes some of the suite by their names.
func ExampleSelect() {
	some, err := workload.Select(workload.Suite(), []string{"start*"})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, p := range some {
		fmt.Println(p.Name)
	}
	// Output:
	// start
	// start_without_bytecode
}
