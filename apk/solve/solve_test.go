package solve_test

import (
	"crypto/sha1"
	"errors"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pyimg/pyimg/apk"
	"github.com/pyimg/pyimg/apk/solve"
	"github.com/pyimg/pyimg/internal/apktest"
)

// The answers are apk-tools 3's.
func TestSolve(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ packages, edge, world, want string }{
		"newest version": {
			packages: "a=1\na=2\na=1.5",
			world:    "a", want: "a=2",
		},
		"older version by constraint": {
			packages: "a=1\na=2\nb=1 | D:a<2",
			world:    "a b", want: "a=1 b=1",
		},
		"fuzzy": {
			packages: "a=1.2.3\na=1.3",
			world:    "a~1.2", want: "a=1.2.3",
		},
		"dependencies first, world sorted without case": {
			packages: "B=1 | D:z\na=1 | D:y z\nc=1\ny=1\nz=1",
			world:    "c B a", want: "y=1 z=1 a=1 B=1 c=1",
		},
		"last of a name given twice": {
			packages: "a=1\na=2",
			world:    "a>1 a<2", want: "a=1",
		},
		"cycle": {
			packages: "a=1 | D:b\nb=1 | D:a",
			world:    "b", want: "a=1 b=1",
		},
		"versioned provide": {
			packages: "a=1 | p:so:x=2\nb=1 | p:so:x=3",
			world:    "so:x", want: "b=1",
		},
		"versioned provide by constraint": {
			packages: "a=1 | p:so:x=2\nb=1 | p:so:x=3",
			world:    "so:x<3", want: "a=1",
		},
		"provider priority": {
			packages: "a=1 | p:sh | k:10\nb=1 | p:sh | k:20",
			world:    "sh", want: "b=1",
		},
		"provider that is named anyway": {
			packages: "a=1 | p:sh\nb=1 | p:sh",
			world:    "a sh", want: "a=1",
		},
		"two may provide a name without a version": {
			packages: "a=1 | p:sh\nb=1 | p:sh",
			world:    "a b", want: "a=1 b=1",
		},
		"conflict with a provider": {
			packages: "a=1 | p:x=1\nb=1 | p:x=1",
			world:    "x !a", want: "b=1",
		},
		"conflict with a version": {
			packages: "a=1\na=2",
			world:    "b !a>1", want: "ERROR",
		},
		"conflict alone": {
			packages: "a=1",
			world:    "!a", want: "",
		},
		"conflict with what it provides itself": {
			packages: "a=1 | p:x | D:!x",
			world:    "a", want: "a=1",
		},
		"install_if": {
			packages: "a=1\na-doc=1 | i:a docs\ndocs=1\nb=1",
			world:    "docs a b", want: "a=1 b=1 docs=1 a-doc=1",
		},
		"install_if after the last that it waits for": {
			packages: "a=1\na-doc=1 | i:a=1 docs\ndocs=1\nz=1",
			world:    "z docs a", want: "a=1 docs=1 a-doc=1 z=1",
		},
		"install_if of another version": {
			packages: "a=1\na-doc=1 | i:a=2 docs\ndocs=1",
			world:    "docs a", want: "a=1 docs=1",
		},
		"install_if that world forbids": {
			packages: "a=1\na-doc=1 | i:a docs\ndocs=1",
			world:    "docs a !a-doc", want: "a=1 docs=1",
		},
		"install_if with something absent": {
			packages: "a=1\nb=1 | i:a !c\nc=1",
			world:    "a", want: "a=1 b=1",
		},
		"checksum": {
			packages: "a=1\na=2",
			world:    "a><" + apk.Checksum(sha1.Sum([]byte("a=1\n"))).String(), want: "a=1",
		},
		"tagged repository is closed": {
			packages: "a=1", edge: "a=2\nb=1",
			world: "a", want: "a=1",
		},
		"tagged package is preferred": {
			packages: "a=1\nb=1 | D:a", edge: "a=2",
			world: "a@edge b", want: "a=2 b=1",
		},
		"tag is handed down, but what the default has is preferred": {
			packages: "b=1", edge: "a=2 | D:b c\nb=2\nc=2",
			world: "a@edge", want: "b=1 c=2 a=2",
		},
		"tag opens what the default lacks": {
			packages: "b=1", edge: "a=2 | D:b>1\nb=2",
			world: "a@edge", want: "b=2 a=2",
		},
		"tagged repository only": {
			packages: "b=1", edge: "a=2",
			world: "a", want: "ERROR",
		},
		"empty packages need no tag": {
			packages: "b=1", edge: "a=2 | I:0",
			world: "a", want: "a=2",
		},
		"unknown tag": {
			packages: "a=1",
			world:    "a@nowhere", want: "ERROR",
		},
		"the same package in both is one": {
			packages: "a=1", edge: "a=1\n",
			world: "a@edge", want: "a=1",
		},
		"missing":                       {packages: "a=1", world: "b", want: "ERROR"},
		"missing dependency":            {packages: "a=1 | D:b", world: "a", want: "ERROR"},
		"older one whose needs are met": {packages: "a=1\na=2 | D:b", world: "a", want: "a=1"},
		"two packages of one name":      {packages: "a=1 | p:x=1\nb=1 | p:x=1", world: "a b", want: "ERROR"},
		"choice that is not apk's":      {packages: "a=1 | p:sh\nb=1 | p:sh", world: "sh", want: "ERROR"},
		"empty world":                   {packages: "a=1", world: "", want: ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			indexes := []*apk.Index{apktest.Offers(t, "", c.packages), apktest.Offers(t, "edge", c.edge)}
			got, err := solve.Solve(apktest.World(t, c.world), indexes, solve.Options{})
			if c.want == "ERROR" {
				if !errors.Is(err, solve.ErrNoSolution) {
					t.Errorf("Solve(%q) = %q, %v, want ErrNoSolution", c.world, apktest.SolutionText(got), err)
				}
				return
			}
			if err != nil || apktest.SolutionText(got) != c.want {
				t.Errorf("Solve(%q) = %q, %v, want %q", c.world, apktest.SolutionText(got), err, c.want)
			}
		})
	}
}

func TestSolveTags(t *testing.T) {
	t.Parallel()
	indexes := []*apk.Index{apktest.Offers(t, "", "b=1\nd=1"), apktest.Offers(t, "edge", "a=2 | D:b c d\nc=2\nd=1")}
	got, err := solve.Solve(apktest.World(t, "a@edge"), indexes, solve.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"", "edge", "", "edge"}, got.Tags); diff != "" {
		t.Errorf("Tags of %s (-want +got):\n%s", apktest.SolutionText(got), diff)
	}
}

func TestSolveNotesWhatWorldNamesTwice(t *testing.T) {
	t.Parallel()
	got, err := solve.Solve(apktest.World(t, "a a=1 a=1"), []*apk.Index{apktest.Offers(t, "", "a=1")}, solve.Options{})
	want := []string{`you asked for "a" twice: "a=1" replaces "a", as with apk add`}
	if diff := cmp.Diff(want, got.Notes); diff != "" || err != nil {
		t.Errorf("Notes: %v (-want +got):\n%s", err, diff)
	}
}

// TestSolveBeyondApk has a world that apk gives up on: it takes the newest b before it looks
// at y, which cannot live with a.
func TestSolveBeyondApk(t *testing.T) {
	t.Parallel()
	index := apktest.Offers(t, "", "a=1\nb=1\nb=2 | D:y\ny=1 | D:!a")
	got, err := solve.Solve(apktest.World(t, "a b"), []*apk.Index{index}, solve.Options{})
	if err != nil || apktest.SolutionText(got) != "a=1 b=1" {
		t.Fatalf("Solve = %q, %v, want %q", apktest.SolutionText(got), err, "a=1 b=1")
	}
	if len(got.Notes) != 1 || !strings.Contains(got.Notes[0], "real apk gives up") || !strings.Contains(got.Notes[0], "b-2") {
		t.Errorf("Notes = %q, want one that real apk gives up, and without what there is a solution", got.Notes)
	}
}

// TestSolveUndecided has a world that cannot be satisfied, which shows only where each choice is tried: what was not shown
// is not said.
func TestSolveUndecided(t *testing.T) {
	t.Parallel()
	index := apktest.Offers(t, "", "a=1 | D:!b\na=2 | D:!b\nb=1\nb=2")
	_, err := solve.Solve(apktest.World(t, "a b"), []*apk.Index{index}, solve.Options{})
	var e *solve.Error
	if !errors.As(err, &e) || !e.Undecided || !errors.Is(err, solve.ErrNoSolution) {
		t.Fatalf("Solve: %v, want a Error that is undecided", err)
	}
	if text := err.Error(); strings.Contains(text, "no solution") || !strings.Contains(text, "another one may work") {
		t.Errorf("Solve: %s, want it to leave hope", text)
	}
}

// TestSolveLeavesNoFalseHope has worlds that cannot be satisfied, which a look at what they force shows.
func TestSolveLeavesNoFalseHope(t *testing.T) {
	t.Parallel()
	var many strings.Builder
	many.WriteString("z=1\n")
	for i := range 100 {
		n := strconv.Itoa(i)
		many.WriteString("a" + n + "=2 | D:y\na" + n + "=1 | D:y\nc" + n + "=1 | D:c" + strconv.Itoa(i+1) + "\nc" + n + "=2 | D:c" + strconv.Itoa(i+1) + "\n")
	}
	many.WriteString("y=2 | D:!z\ny=1 | D:!z\np=1 | p:v=1\nq=1 | p:v=2\nr=1 | p:w w=2\ns=1 | p:sh\n")
	for _, world := range []string{
		"z nothere", "z a1 a2 a3 a4 a5 a6 a7", "c0", "p q", "p v=2", "r", "z>1", "y z", "sh", "a3 !y",
	} {
		_, err := solve.Solve(apktest.World(t, world), []*apk.Index{apktest.Offers(t, "", many.String())}, solve.Options{})
		var e *solve.Error
		if !errors.As(err, &e) || e.Undecided || !strings.Contains(err.Error(), "no solution") || strings.Contains(err.Error(), "may still") {
			t.Errorf("Solve(%q): %v, want an error that leaves no hope", world, err)
		}
	}
}

// TestSolveEnds has indexes that apk's algorithm needs the square of their size for.
func TestSolveEnds(t *testing.T) {
	t.Parallel()
	const n = 4000
	var versions, wants strings.Builder
	meta := make([]string, n)
	for i := range n {
		s := strconv.Itoa(i)
		versions.WriteString("x=" + s + "\n")
		wants.WriteString("p" + s + "=1 | D:x>" + s + "\n")
		meta[i] = "p" + s
	}
	text := versions.String() + wants.String() + "x=9999\nm=1 | D:" + strings.Join(meta, " ")
	_, err := solve.Solve(apktest.World(t, "m"), []*apk.Index{apktest.Offers(t, "", text)}, solve.Options{})
	if err == nil || errors.Is(err, solve.ErrNoSolution) || !strings.Contains(err.Error(), "steps") {
		t.Errorf("Solve: %v, want an error that says how many steps it took", err)
	}
}

func TestSolveErrorExplains(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ packages, edge, world, want string }{
		"nothing provides it": {
			packages: "a=1 | D:b\nb=1 | D:so:x",
			world:    "a",
			want:     `b-1 (for a-1) needs "so:x", but nothing provides it`,
		},
		"a name that is nearly right": {
			packages: "requests=1\nother=1",
			world:    "reqeusts",
			want:     `you asked for "reqeusts", but nothing provides it; did you mean "requests"?`,
		},
		"version": {
			packages: "a=1\na=2",
			world:    "a>2",
			want:     `you asked for "a>2", but no candidate can be chosen: / a-1 is not >2 / a-2 is not >2`,
		},
		"version of a provide": {
			packages: "a=1 | p:so:x=3",
			world:    "so:x=4",
			want:     `you asked for "so:x=4", but no candidate can be chosen: / a-1 provides so:x=3`,
		},
		"checksum": {
			packages: "a=1",
			world:    "a><Q1x",
			want:     `you asked for "a><Q1x", but no candidate can be chosen: / a-1 has the checksum ` + apk.Checksum(sha1.Sum([]byte("a=1"))).String(),
		},
		"conflict": {
			packages: "a=1 | D:b\nb=1",
			world:    "a !b",
			want:     `you asked for "!b", but it is needed: / b-1 is needed by a-1`,
		},
		"two that exclude each other": {
			packages: "a=1 | p:x=1\nb=1 | p:x=1",
			world:    "a b",
			want:     `only one package may provide "x": / a-1 is what you asked for / b-1 is what you asked for`,
		},
		"choice": {
			packages: "a=1 | p:sh\nb=1 | p:sh",
			world:    "sh",
			want: `you asked for "sh", but no candidate can be chosen: ` +
				`/ a-1 provides it without a version, and nothing says which package to prefer: ask for "a" to choose it ` +
				`/ b-1 provides it without a version, and nothing says which package to prefer: ask for "b" to choose it`,
		},
		"tag": {
			packages: "b=1", edge: "a=1",
			world: "a",
			want:  `you asked for "a", but no candidate can be chosen: / a-1 is only in a repository with the tag @edge: ask for a@edge`,
		},
		"unknown tag": {
			packages: "a=1", edge: "a=2",
			world: "a@nowhere",
			want:  `you asked for "a@nowhere": no repository has the tag @nowhere (known tags: @edge)`,
		},
		"other architecture": {
			packages: "a=1 | A:riscv64",
			world:    "a",
			want:     `you asked for "a", but no candidate can be chosen: / a-1 cannot be installed: it is for riscv64, not for x86_64`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			indexes := []*apk.Index{apktest.Offers(t, "", c.packages), apktest.Offers(t, "edge", c.edge)}
			indexes[0].Arch = "x86_64"
			_, err := solve.Solve(apktest.World(t, c.world), indexes, solve.Options{})
			var e *solve.Error
			if !errors.As(err, &e) || len(e.Problems) == 0 {
				t.Fatalf("Solve(%q): %v, want a Error with problems", c.world, err)
			}
			if got := strings.Join(strings.Fields(strings.ReplaceAll(err.Error(), "\n    ", " / ")), " "); !strings.Contains(got, c.want) {
				t.Errorf("Solve(%q): %s\nwant it to say\n%s", c.world, got, c.want)
			}
		})
	}
}

func TestSolveErrorNamesAllProblems(t *testing.T) {
	t.Parallel()
	_, err := solve.Solve(apktest.World(t, "a nosuch c>1"), []*apk.Index{apktest.Offers(t, "", "a=1 | D:gone\nb=1 | D:gone\nc=1")}, solve.Options{})
	for _, want := range []string{`"gone"`, `"nosuch"`, `"c>1"`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Solve: %v, want it to name %s", err, want)
		}
	}
}

func TestSolveBounds(t *testing.T) {
	t.Parallel()
	many := make([]*apk.Index, 100)
	for i := range many {
		many[i] = apktest.Offers(t, "", "a=1")
	}
	if _, err := solve.Solve(apktest.World(t, "a"), many, solve.Options{}); err == nil {
		t.Error("Solve with 100 indexes: no error")
	}
}
