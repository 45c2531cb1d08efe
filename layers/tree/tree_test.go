package tree_test

import (
	"archive/tar"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"strings"
	"testing"

	"github.com/pyimg/pyimg/layers"
	"github.com/pyimg/pyimg/layers/tree"
)

// layer makes a tree's layer of members.
func layer(name string, members ...member) tree.Layer {
	return tree.Layer{Name: name, Entries: func(yield func(layers.Entry, error) bool) {
		for i := range members {
			if !yield(layers.Entry{Header: &members[i].header}, nil) {
				return
			}
		}
	}}
}

func newTree(t *testing.T, ls ...tree.Layer) *tree.Tree {
	t.Helper()
	tree, err := tree.New(ls, nil)
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

// show lists a tree as "path@layer", with what is special about a node.
func show(all iter.Seq[tree.Node]) []string {
	var out []string
	for n := range all {
		line := fmt.Sprintf("%s@%d", n.Path, n.Layer)
		if n.Implied {
			line += " implied"
		}
		if n.ViaSymlink != "" {
			line += " through " + n.ViaSymlink
		}
		out = append(out, line)
	}
	return out
}

func TestTree(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		layers [][]member
		want   []string
	}{
		"one": {[][]member{{dir("usr"), file("usr/x", "")}}, []string{"usr@0", "usr/x@0"}},
		"later wins": {
			[][]member{{dir("usr"), file("usr/x", "")}, {dir("usr"), file("usr/x", "")}},
			[]string{"usr@1", "usr/x@1"},
		},
		"implied folders":     {[][]member{{file("a/b/c", "")}}, []string{"a@0 implied", "a/b@0 implied", "a/b/c@0"}},
		"implied, then there": {[][]member{{file("a/b", "")}, {dir("a")}}, []string{"a@1", "a/b@0"}},
		"the root":            {[][]member{{dir("."), file("x", "")}}, []string{"@0", "x@0"}},
		"below a symlink": {
			[][]member{{symlink("var/run", "../run"), dir("run")}, {file("var/run/x", "")}},
			[]string{"run@0", "run/x@1 through var/run", "var@0 implied", "var/run@0"},
		},
		"below an absolute symlink": {
			[][]member{{symlink("lib", "/usr/lib")}, {file("lib/a/x", "")}},
			[]string{"lib@0", "usr@1 implied", "usr/lib@1 implied", "usr/lib/a@1 implied", "usr/lib/a/x@1 through lib"},
		},
		"below two symlinks": {
			[][]member{{symlink("a", "b"), symlink("b", "c"), dir("c")}, {file("a/x", "")}},
			[]string{"a@0", "b@0", "c@0", "c/x@1 through a"},
		},
		"a symlink above the root": {
			[][]member{{symlink("a", "../../../b")}, {file("a/x", "")}},
			[]string{"a@0", "b@1 implied", "b/x@1 through a"},
		},
		"sorted": {
			[][]member{{file("b", ""), file("a-b", ""), file("a/b", "")}},
			[]string{"a@0 implied", "a-b@0", "a/b@0", "b@0"},
		},
		"dot slash": {[][]member{{file("./x", "")}, {file("x", "")}}, []string{"x@1"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var ls []tree.Layer
			for i, members := range test.layers {
				ls = append(ls, layer(fmt.Sprint("layer ", i), members...))
			}
			equalLines(t, "All", show(newTree(t, ls...).All()), test.want...)
		})
	}
}

func TestTreeAsksWhoWins(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		old, new []member
		asked    string // what the one question is about; "" where there must be none
	}{
		"two files":              {[]member{file("a/x", "")}, []member{file("a/x", "")}, "a/x 0 1"},
		"two symlinks":           {[]member{symlink("x", "y")}, []member{symlink("x", "z")}, "x 0 1"},
		"a folder, a file":       {[]member{dir("x")}, []member{file("x", "")}, "x 0 1"},
		"a symlink, a folder":    {[]member{symlink("x", "y")}, []member{dir("x")}, "x 0 1"},
		"through a symlink":      {[]member{symlink("x", "y"), file("y/z", "")}, []member{file("x/z", "")}, "y/z 0 1"},
		"two folders":            {[]member{dir("x")}, []member{dir("x")}, ""},
		"an implied folder, too": {[]member{file("x/y", "")}, []member{dir("x")}, ""},
	} {
		for _, keepNew := range []bool{true, false} {
			var asked []string
			tree, err := tree.New([]tree.Layer{layer("old", test.old...), layer("new", test.new...)},
				func(path string, old, new int) (bool, error) {
					asked = append(asked, fmt.Sprint(path, " ", old, " ", new))
					return keepNew, nil
				})
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			if got := strings.Join(asked, ", "); got != test.asked {
				t.Errorf("%s: asked about %q, want %q", name, got, test.asked)
			}
			if test.asked == "" {
				continue
			}
			path, _, _ := strings.Cut(test.asked, " ")
			if n, err := tree.Lstat(path); err != nil || (n.Layer == 1) != keepNew {
				t.Errorf("%s: %q is of layer %d, %v, keepNew was %v", name, path, n.Layer, err, keepNew)
			}
		}
	}
}

func TestTreeRefuses(t *testing.T) {
	t.Parallel()
	cause := errors.New("both want it")
	yes := func(string, int, int) (bool, error) { return true, nil }
	no := func(string, int, int) (bool, error) { return false, nil }
	for name, test := range map[string]struct {
		old, new []member
		decide   func(string, int, int) (bool, error)
		want     []string
	}{
		"a clash without a decision": {[]member{dir("x")}, []member{symlink("x", "y")}, nil, []string{`"x"`, "old", "new"}},
		"a full folder":              {[]member{dir("x"), file("x/y", "")}, []member{file("x", "")}, yes, []string{`"x"`, "old", "new"}},
		"a full implied folder":      {[]member{file("x/y", "")}, []member{symlink("x", "z")}, yes, []string{`"x"`, "old", "new"}},
		"below a file": {
			[]member{file("x", "")}, []member{dir("x"), file("x/y", "")},
			no, []string{`"x" of "old" is not a folder`, "new"},
		},
		"a loop": {
			[]member{symlink("x", "y"), symlink("y", "x")}, []member{file("x/z", "")},
			nil, []string{`"x/z"`, "loop", "new"},
		},
		"the decision": {
			[]member{file("x", "")}, []member{file("x", "")},
			func(string, int, int) (bool, error) { return false, cause }, []string{cause.Error()},
		},
		"a name up": {nil, []member{file("../x", "")}, nil, []string{`"../x"`, "new"}},
	} {
		_, err := tree.New([]tree.Layer{layer("old", test.old...), layer("new", test.new...)}, test.decide)
		if err == nil {
			t.Errorf("%s: New succeeded", name)
			continue
		}
		for _, part := range test.want {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%s: error %q does not say %q", name, err, part)
			}
		}
	}
}

func TestTreePassesErrorsOn(t *testing.T) {
	t.Parallel()
	cause := errors.New("lost")
	broken := tree.Layer{Name: "broken", Entries: func(yield func(layers.Entry, error) bool) { yield(layers.Entry{}, cause) }}
	if _, err := tree.New([]tree.Layer{broken}, nil); !errors.Is(err, cause) {
		t.Errorf("New: %v, want the cause", err)
	}
}

func TestLookup(t *testing.T) {
	t.Parallel()
	tree := newTree(t, layer("one", dir("usr"), dir("usr/bin"), script("usr/bin/python3.13", ""), symlink("usr/bin/python3", "python3.13"),
		symlink("bin", "usr/bin"), symlink("abs", "/usr/bin/python3"), symlink("up", "../../../usr"), symlink("slash", "usr/bin/"),
		symlink("loop1", "loop2"), symlink("loop2", "loop1"), symlink("self", "self/x"), symlink("gone", "usr/none"),
		symlink("via", "gone/x"), symlink("dots", "usr/../usr/./bin")))
	for name, want := range map[string]string{
		"usr/bin/python3.13": "usr/bin/python3.13", "/usr/bin/python3.13": "usr/bin/python3.13", "usr/bin/python3": "usr/bin/python3.13",
		"bin/python3": "usr/bin/python3.13", "abs": "usr/bin/python3.13", "up/bin/python3": "usr/bin/python3.13",
		"slash/python3": "usr/bin/python3.13", "dots/python3": "usr/bin/python3.13", "usr/../bin/./python3": "usr/bin/python3.13",
		"bin/../bin": "usr/bin", "../../usr": "usr", "": "", "/": "", "..": "", "usr/": "usr",
	} {
		if n, err := tree.Lookup(name); err != nil || n.Path != want {
			t.Errorf("Lookup(%q) = %q, %v, want %q", name, n.Path, err, want)
		}
	}
	for name, want := range map[string]string{
		"none": `"none" is not there`, "usr/bin/python3/x": "is not a folder", "usr/bin/python3.13/x": "is not a folder",
		"loop1": "loop", "self": "loop", "gone": `"gone" -> "usr/none"`, "via": `"usr/none" is not there`, "bin/none": `"bin" -> "usr/bin"`,
	} {
		if n, err := tree.Lookup(name); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), want) {
			t.Errorf("Lookup(%q) = %q, %v, want fs.ErrNotExist with %q", name, n.Path, err, want)
		}
	}
	for name, want := range map[string]byte{
		"bin": tar.TypeSymlink, "bin/python3": tar.TypeSymlink, "usr": tar.TypeDir, "abs": tar.TypeSymlink, "loop1": tar.TypeSymlink,
		"gone": tar.TypeSymlink, "usr/bin/python3.13": tar.TypeReg,
	} {
		if n, err := tree.Lstat(name); err != nil || n.Entry.Header.Typeflag != want {
			t.Errorf("Lstat(%q) = %+v, %v, want the type %q", name, n, err, want)
		}
	}
}

func TestTreeGrows(t *testing.T) {
	t.Parallel()
	ls := []tree.Layer{
		{Name: "a", Entries: listed(dir("usr"), file("usr/b", ""), file("usr/d", ""), symlink("lib", "usr"))},
		{Name: "b", Entries: listed(file("usr/a", ""), file("usr/d", "new"), file("zz/y", ""), dir("etc"))},
		{Name: "c", Entries: listed(file("lib/c", ""), dir("etc"))},
	}
	at := func(tree *tree.Tree) string {
		var all strings.Builder
		for n := range tree.All() {
			fmt.Fprintln(&all, n.Path, n.Layer, n.Entry.Header.Size, n.ViaSymlink, n.Implied)
		}
		return all.String()
	}
	whole, err := tree.New(ls, nil)
	if err != nil {
		t.Fatal(err)
	}
	grown, err := tree.New(ls[:1], nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range ls[1:] {
		at(grown)
		if err := grown.Add(l); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := at(grown), at(whole); got != want {
		t.Errorf("grown tree:\n%swant\n%s", got, want)
	}
	err = grown.Add(tree.Layer{Name: "bad", Entries: listed(file("usr", ""))})
	if err == nil || !strings.Contains(err.Error(), "bad") {
		t.Errorf("Add of a file over a folder: %v, want an error that names the layer", err)
	}
}

func listed(members ...member) iter.Seq2[layers.Entry, error] {
	return func(yield func(layers.Entry, error) bool) {
		for _, m := range members {
			if !yield(layers.Entry{Header: &m.header}, nil) {
				return
			}
		}
	}
}

func TestDelete(t *testing.T) {
	t.Parallel()
	tr := newTree(t, layer("one", file("a/b/c", "1"), file("a/d", "1"), file("e", "1")))
	equalLines(t, "before", paths(tr), "a", "a/b", "a/b/c", "a/d", "e")
	tr.Delete("a/b")
	tr.Delete("nothing")
	if tr.IsEmpty("a") || tr.IsEmpty("e") {
		t.Error("a folder with a file, and a file, count as empty folders")
	}
	tr.Delete("a/d")
	if !tr.IsEmpty("a") {
		t.Error("an empty folder does not count as one")
	}
	if err := tr.Add(layer("two", file("a/b/x", "1"))); err != nil {
		t.Fatal(err)
	}
	equalLines(t, "after", paths(tr), "a", "a/b", "a/b/x", "e")
}

func paths(tr *tree.Tree) []string {
	var all []string
	for n := range tr.All() {
		all = append(all, n.Path)
	}
	return all
}
