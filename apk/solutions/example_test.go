package solutions_test

import (
	"fmt"
	"log"
	"slices"

	"github.com/pyimg/pyimg/apk"
	"github.com/pyimg/pyimg/apk/solutions"
	"github.com/pyimg/pyimg/apk/solve"
)

// Solve answers as the solver does. A layers.Store can be its records.
func ExampleSolve() {
	index, err := apk.NewIndex(nil, "x86_64", slices.Values([]*apk.Package{
		{Name: "app", Version: "1.0-r0", Depends: []apk.Dependency{{Name: "libapp"}}}, {Name: "libapp", Version: "2.1-r0"},
	}))
	if err != nil {
		log.Fatal(err)
	}
	world, err := apk.ParseDependencies("app")
	if err != nil {
		log.Fatal(err)
	}
	solution, err := solutions.Solve(nil, world, []*apk.Index{index}, solve.Options{})
	fmt.Println(solution.Packages, err)
	// Output: [libapp-2.1-r0 app-1.0-r0] <nil>
}
