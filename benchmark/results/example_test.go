package results_test

import (
	"fmt"

	"github.com/pyimg/pyimg/benchmark/results"
)

// Parse reads what pyperf wrote.
func ExampleParse() {
	r, err := results.Parse("mine", []byte(`{"version": "1.0", "benchmarks": [{"runs": [{"values": [0.25], "metadata": {"name": "nbody"}}]}]}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	row, _ := r.Subjects[0].Row("nbody")
	fmt.Println(r.Subjects[0].Name, row.Name, row.Runs[0].CPU)
	// Output: mine nbody [0.25]
}
