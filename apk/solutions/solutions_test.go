package solutions_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/pyimg/pyimg/apk"
	"github.com/pyimg/pyimg/apk/solutions"
	"github.com/pyimg/pyimg/apk/solve"
	"github.com/pyimg/pyimg/internal/apktest"
	"github.com/pyimg/pyimg/internal/fixture"
)

// notes is a Cache that counts what it was asked for.
type notes struct {
	records map[string][]byte
	given   int // solutions that were asked for and there
	full    bool
}

func newNotes() *notes { return &notes{records: make(map[string][]byte)} }

func (n *notes) Record(key string) ([]byte, error) {
	data, there := n.records[key]
	if !there {
		return nil, fs.ErrNotExist
	}
	if isSolution(key) {
		n.given++
	}
	return data, nil
}

func (n *notes) SetRecord(key string, data []byte) error {
	if n.full {
		return errors.New("no space left on device")
	}
	n.records[key] = bytes.Clone(data)
	return nil
}

func isSolution(key string) bool { return strings.HasPrefix(key, "apk-solution-") }

func (n *notes) solutions() []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(n.records)), func(key string) bool { return !isSolution(key) })
}

type files map[string][]byte

func (f files) Open(_ context.Context, url string) (io.ReadCloser, error) {
	return io.NopCloser(bytes.NewReader(f[url])), nil
}

// repositories are read as a run reads them, with notes for a cache.
func repositories(t testing.TB, n *notes, main, edge string) []*apk.Index {
	t.Helper()
	var indexes []*apk.Index
	for i, lines := range []string{main, edge} {
		at := fmt.Sprintf("http://%d", i)
		raw, err := fixture.Index{Archives: []*fixture.Archive{}, SignWith: []*fixture.Key{}, Edit: func(string) string { return apktest.IndexText(t, lines) }}.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		x, err := apk.LoadIndex(t.Context(), files{at + "/x86_64/APKINDEX.tar.gz": raw},
			apk.IndexOptions{Arch: "x86_64", Cache: n, Repository: &apk.Repository{Mirrors: []string{at}, Tag: []string{"", "edge"}[i]}})
		if err != nil {
			t.Fatal(err)
		}
		indexes = append(indexes, x)
	}
	return indexes
}

// TestKeptSolutionsAreThoseOfTheSolver asks for random worlds three times: without notes, with empty ones, and with those.
func TestKeptSolutionsAreThoseOfTheSolver(t *testing.T) {
	t.Parallel()
	kept := 0
	for seed := uint64(0); seed < 200; seed += apktest.CaseStep {
		c, n := apktest.NewRandomCase(seed), newNotes()
		world := apktest.World(t, c.World)
		indexes := repositories(t, n, c.Main, c.Edge)
		for _, dialect := range []apk.Dialect{apk.Dialect3, apk.Dialect2} {
			o := solve.Options{Dialect: dialect}
			solution, err := solve.Solve(world, indexes, o)
			want := apktest.AnswerText(solution, err)
			for range 2 {
				got, gotErr := solutions.Solve(n, world, indexes, o)
				if text := apktest.AnswerText(got, gotErr); text != want || !slices.Equal(got.Tags, solution.Tags) || !slices.Equal(got.Notes, solution.Notes) {
					t.Fatalf("seed %d, world %q:\n%s %q %q\nwant\n%s %q %q", seed, c.World, text, got.Tags, got.Notes, want, solution.Tags, solution.Notes)
				}
				for i, p := range got.Packages {
					if p.Repository != solution.Packages[i].Repository {
						t.Fatalf("seed %d: %s is of another repository", seed, p)
					}
				}
			}
			if err != nil && len(n.solutions()) > 0 && dialect == apk.Dialect3 {
				t.Errorf("seed %d: an error was kept", seed)
			}
		}
		kept += n.given
	}
	if kept < 20/apktest.CaseStep {
		t.Errorf("%d solutions came from the notes, want many", kept)
	}
}

const (
	mainLines = "app=1 | D:lib\nlib=1\nlib=2"
	edgeLines = "app=2 | D:lib<2"
)

func packages(t *testing.T, n *notes, world string, indexes []*apk.Index, o solve.Options) string {
	t.Helper()
	s, err := solutions.Solve(n, apktest.World(t, world), indexes, o)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(s.Packages)
}

// TestWhatAnswersAQuestion asks a question, and then others that differ from it in one thing.
func TestWhatAnswersAQuestion(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		main, edge, world string
		dialect           apk.Dialect
		hide              string
		given             int
	}{
		"the same":        {mainLines, edgeLines, "app", 3, "", 1},
		"a default":       {mainLines, edgeLines, "app", 0, "", 1},
		"another world":   {mainLines, edgeLines, "app lib<2", 3, "", 0},
		"a tag":           {mainLines, edgeLines, "app@edge", 3, "", 0},
		"another index":   {mainLines + "\nlib=3", edgeLines, "app", 3, "", 0},
		"another dialect": {mainLines, edgeLines, "app", 2, "", 0},
		"another tagged":  {mainLines, edgeLines + "\nz=1", "app", 3, "", 0},
		"a view":          {mainLines, edgeLines, "app", 3, "lib-2", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := newNotes()
			if got := packages(t, n, "app", repositories(t, n, mainLines, edgeLines), solve.Options{Dialect: 3}); got != "[lib-2 app-1]" || len(n.solutions()) != 1 {
				t.Fatalf("the first answer is %s, and %d are kept", got, len(n.solutions()))
			}
			indexes := repositories(t, n, c.main, c.edge)
			if c.hide != "" {
				indexes[0] = indexes[0].Where(func(p *apk.Package) bool { return p.String() != c.hide })
			}
			o := solve.Options{Dialect: c.dialect}
			want, err := solve.Solve(apktest.World(t, c.world), indexes, o)
			if err != nil {
				t.Fatal(err)
			}
			if got := packages(t, n, c.world, indexes, o); got != fmt.Sprint(want.Packages) || n.given != c.given {
				t.Errorf("got %s, %d of it from the notes; want %s and %d", got, n.given, want.Packages, c.given)
			}
		})
	}
}

// TestNotesOnlySaveTime damages and loses them.
func TestNotesOnlySaveTime(t *testing.T) {
	t.Parallel()
	n := newNotes()
	indexes := repositories(t, n, mainLines, edgeLines)
	want := packages(t, n, "app", indexes, solve.Options{})
	key := n.solutions()[0]
	good := string(n.records[key])
	for _, damaged := range []string{
		"", "{", "null", `{"packages":[{"index":7}]}`, `{"packages":[{"index":-1}]}`,
		strings.Replace(good, `"package":`, `"package":9`, 1), strings.Replace(good, `"package":`, `"package":-`, 1),
		strings.Replace(good, "lib-2", "lib-1", 1),
	} {
		if damaged == good {
			t.Fatalf("%s has nothing to damage", good)
		}
		n.records[key] = []byte(damaged)
		if got := packages(t, n, "app", indexes, solve.Options{}); got != want || string(n.records[key]) != good {
			t.Errorf("with the note %q, Solve = %s, and the note becomes %q; want %s and %q", damaged, got, n.records[key], want, good)
		}
	}
	n.full = true
	delete(n.records, key)
	if got := packages(t, n, "app", indexes, solve.Options{}); got != want {
		t.Errorf("with a full disk, Solve = %s, want %s", got, want)
	}
	if s, err := solutions.Solve(nil, apktest.World(t, "app"), indexes, solve.Options{}); err != nil || fmt.Sprint(s.Packages) != want {
		t.Errorf("without notes, Solve = %s, %v; want %s", s.Packages, err, want)
	}
}

// FuzzNote changes a note.
func FuzzNote(f *testing.F) {
	n := newNotes()
	indexes := repositories(f, n, mainLines, edgeLines)
	world := apktest.World(f, "app")
	if _, err := solutions.Solve(n, world, indexes, solve.Options{}); err != nil {
		f.Fatal(err)
	}
	key := n.solutions()[0]
	f.Add(n.records[key])
	f.Add([]byte(`{"packages":[{"index":1,"package":0,"text":"app-2","tag":"edge"}],"notes":["x"]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		n := newNotes()
		n.records[key] = data
		if _, err := solutions.Solve(n, world, indexes, solve.Options{}); err != nil {
			t.Fatal(err)
		}
	})
}
