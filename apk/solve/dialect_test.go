package solve_test

import (
	"errors"
	"testing"

	"github.com/pyimg/pyimg/apk"
	"github.com/pyimg/pyimg/apk/solve"
	"github.com/pyimg/pyimg/internal/apktest"
)

// TestSolveDialects has what apk-tools 3.0.6 and 2.14.4 answered, which differs in places.
func TestSolveDialects(t *testing.T) {
	t.Parallel()
	const refused = "ERROR"
	for name, c := range map[string]struct{ packages, world, three, two string }{
		"a version is preferred to none": {
			packages: "a=1 | p:web | k:10\nb=1 | p:web=1",
			world:    "web", three: "b=1", two: "a=1",
		},
		"what has no version is older than all": {
			packages: "a=1 | p:web | k:10",
			world:    "web<2", three: "a=1", two: refused,
		},
		"what has no version is not equal": {
			packages: "a=1 | p:web | k:10",
			world:    "web=2", three: refused, two: refused,
		},
		"what has no version is not newer": {
			packages: "a=1 | p:web | k:10",
			world:    "web>=2", three: refused, two: refused,
		},
		"leading zeros": {
			packages: "a=1.00\na=1.0.0",
			world:    "a", three: "a=1.00", two: "a=1.0.0",
		},
		"longer than a fuzzy version": {
			packages: "a=1.2.3",
			world:    "a~1.2", three: "a=1.2.3", two: "a=1.2.3",
		},
		"shorter than a fuzzy version": {
			packages: "a=1.2",
			world:    "a~1.2.3", three: refused, two: "a=1.2",
		},
		"install_if without a package that stays away": {
			packages: "a=1\nb=1\nx=1 | i:a !b",
			world:    "a", three: "a=1 x=1", two: "a=1",
		},
		"install_if without a package that is there": {
			packages: "a=1\nb=1\nx=1 | i:a !b",
			world:    "a b", three: "a=1 b=1", two: "a=1 b=1",
		},
		"conflict with what it provides": {
			packages: "a=1 | D:!web | p:web",
			world:    "a", three: "a=1", two: refused,
		},
		"conflict with its own name": {
			packages: "a=1 | D:!a<2",
			world:    "a", three: "a=1", two: refused,
		},
		"one name in two versions": {
			packages: "a=1 | p:abi=2 abi=3\nb=1 | p:abi=2",
			world:    "a", three: refused, two: refused,
		},
		"one name with and without a version": {
			packages: "a=1 | p:abi abi=3",
			world:    "a", three: refused, two: refused,
		},
		"one name twice without a version": {
			packages: "a=1 | p:abi abi",
			world:    "a", three: "a=1", two: "a=1",
		},
		"its own name": {
			packages: "a=1 | p:a=2",
			world:    "a", three: refused, two: refused,
		},
		"its own name without a version": {
			packages: "a=1 | p:a",
			world:    "a", three: refused, two: refused,
		},
		"another one in place of such a package": {
			packages: "a=1 | p:abi=2 abi=3\nb=1 | p:abi=2",
			world:    "b", three: "b=1", two: "b=1",
		},
		"last place first": {
			packages: "r=7.2 | p:kv=1\nv=8.0 | p:kv=1\nv=7.9",
			world:    "kv v", three: "v=8.0", two: "v=8.0",
		},
		"asked for before not asked for": {
			packages: "d=3 | D:c>1 | p:b\nc=2 | D:b | p:a=2\nd=2 | p:b=2",
			world:    "a d", three: "d=3 c=2", two: "d=3 c=2",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			index := apktest.Offers(t, "", c.packages)
			for dialect, want := range map[apk.Dialect]string{apk.Dialect3: c.three, apk.Dialect2: c.two} {
				got, err := solve.Solve(apktest.World(t, c.world), []*apk.Index{index}, solve.Options{Dialect: dialect})
				if err != nil && !errors.Is(err, solve.ErrNoSolution) {
					t.Errorf("dialect %d: Solve(%q): %v, want ErrNoSolution", dialect, c.world, err)
				}
				text := apktest.SolutionText(got)
				if err != nil {
					text = refused
				}
				if text != want {
					t.Errorf("dialect %d: Solve(%q) = %q, %v, want %q", dialect, c.world, text, err, want)
				}
			}
		})
	}
}
