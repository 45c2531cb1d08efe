package stats_test

import (
	"fmt"

	"github.com/pyimg/pyimg/benchmark/stats"
)

// Ratio compares what was measured in the same rounds, so that a slow round of both does not count.
func ExampleRatio() {
	found := stats.Ratio(stats.Sample{Base: []float64{1.5, 1.5, 3.0}, Other: []float64{1.0, 1.0, 2.0}, Paired: true})
	fmt.Printf("%.2fx (%.2f to %.2f)\n", found.Ratio, found.Low, found.High)
	// Output: 1.50x (1.50 to 1.50)
}
