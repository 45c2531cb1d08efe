package solve_test

import (
	"errors"
	"fmt"
	"log"
	"slices"

	"github.com/pyimg/pyimg/apk"
	"github.com/pyimg/pyimg/apk/solve"
)

// Solve says which packages a world needs, in the order in which apk installs them.
func ExampleSolve() {
	index, err := apk.NewIndex(nil, "x86_64", slices.Values([]*apk.Package{
		{Name: "app", Version: "1.0-r0", Depends: []apk.Dependency{{Name: "libapp", Op: apk.OpGreaterEqual, Version: "2"}}},
		{Name: "libapp", Version: "1.9-r0"},
		{Name: "libapp", Version: "2.1-r0"},
	}))
	if err != nil {
		log.Fatal(err)
	}
	world, err := apk.ParseDependencies("app")
	if err != nil {
		log.Fatal(err)
	}
	solution, err := solve.Solve(world, []*apk.Index{index}, solve.Options{})
	fmt.Println(solution.Packages, err)

	world, err = apk.ParseDependencies("app libapp<2")
	if err != nil {
		log.Fatal(err)
	}
	_, err = solve.Solve(world, []*apk.Index{index}, solve.Options{})
	fmt.Println(errors.Is(err, solve.ErrNoSolution))
	// Output:
	// [libapp-2.1-r0 app-1.0-r0] <nil>
	// true
}
