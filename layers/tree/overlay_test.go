package tree_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pyimg/pyimg/layers/tree"
)

// showOddities lists them as "kind path@layer hides".
func showOddities(odd []tree.Oddity) []string {
	names := map[tree.OddityKind]string{tree.Whiteout: "whiteout", tree.Clash: "clash", tree.BelowSymlink: "through",
		tree.Escape: "escape", tree.Lost: "lost"}
	var out []string
	for _, o := range odd {
		out = append(out, fmt.Sprintf("%s %s@%d hides %d", names[o.Kind], o.Path, o.Layer, o.Hides))
	}
	return out
}

func TestImageTree(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		layers [][]member
		want   []string
		odd    []string
	}{
		"whiteout of a file": {
			[][]member{{dir("a"), file("a/x", ""), file("a/y", "")}, {file("a/.wh.x", "")}},
			[]string{"a@0", "a/y@0"}, []string{"whiteout a/x@1 hides 1"},
		},
		"whiteout of a folder": {
			[][]member{{dir("a"), dir("a/b"), file("a/b/x", "")}, {file("a/.wh.b", "")}},
			[]string{"a@0"}, []string{"whiteout a/b@1 hides 2"},
		},
		"whiteout of nothing": {
			[][]member{{dir("a")}, {file("a/.wh.b", "")}},
			[]string{"a@0"}, []string{"whiteout a/b@1 hides 0"},
		},
		"whiteout spares its own layer, on either side": {
			[][]member{{dir("a"), file("a/x", "")}, {dir("a"), file("a/x", ""), file("a/.wh.x", ""), file("a/y", "")}},
			[]string{"a@1", "a/x@1", "a/y@1"}, nil,
		},
		"opaque folder": {
			[][]member{{dir("a"), file("a/x", ""), dir("a/b"), file("a/b/x", "")}, {dir("a"), file("a/y", ""), file("a/.wh..wh..opq", "")}},
			[]string{"a@1", "a/y@1"}, nil,
		},
		"whiteout through a symlink": {
			[][]member{{dir("usr"), dir("usr/lib"), file("usr/lib/x", ""), symlink("lib", "usr/lib")}, {file("lib/.wh.x", "")}},
			[]string{"lib@0", "usr@0", "usr/lib@0"}, []string{"whiteout usr/lib/x@1 hides 1"},
		},
		"deleted folder with something new in it": {
			[][]member{{dir("a"), dir("a/b"), file("a/b/x", "")}, {file("a/.wh.b", ""), file("a/b/y", "")}},
			[]string{"a@0", "a/b@1 implied", "a/b/y@1"}, nil,
		},
		"folder becomes a symlink": {
			[][]member{{dir("a"), file("a/x", "")}, {symlink("a", "b")}},
			[]string{"a@1"}, []string{"clash a@1 hides 1"},
		},
		"symlink becomes a folder": {
			[][]member{{dir("b"), file("b/x", ""), symlink("a", "b")}, {dir("a")}},
			[]string{"a@1", "b@0", "b/x@0"}, []string{"clash a@1 hides 1"},
		},
		"symlink becomes a folder on purpose": {
			[][]member{{dir("b"), file("b/x", ""), symlink("a", "b")}, {file("a/.wh..wh..opq", ""), dir("a")}},
			[]string{"a@1", "b@0"}, []string{"clash a@1 hides 1"},
		},
		"below a symlink": {
			[][]member{{dir("b"), file("b/x", ""), symlink("a", "b")}, {file("a/y", "")}},
			[]string{"a@0", "b@0", "b/x@0", "b/y@1 through a"}, []string{"through b/y@1 hides 1"},
		},
		"names that lead out": {
			[][]member{{file("/abs", ""), file("../up", "")}},
			[]string{"abs@0", "up@0"}, []string{"escape abs@0 hides 0", "escape up@0 hides 0"},
		},
		"below a file": {
			[][]member{{file("a", "")}, {file("a/x", "")}},
			[]string{"a@0"}, []string{"lost a/x@1 hides 0"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var ls []tree.Layer
			for i, ms := range test.layers {
				ls = append(ls, layer(fmt.Sprint(i), ms...))
			}
			tree, odd, err := tree.NewImage(ls)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, show(tree.All())); diff != "" {
				t.Errorf("nodes (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.odd, showOddities(odd)); diff != "" {
				t.Errorf("oddities (-want +got):\n%s", diff)
			}
		})
	}
}
