package tree_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/pyimg/pyimg/layers"
	"github.com/pyimg/pyimg/layers/tree"
)

// allocated is how many bytes do allocates. No other test runs meanwhile: its callers are not parallel.
func allocated(do func()) float64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	do()
	runtime.ReadMemStats(&after)
	return float64(after.TotalAlloc - before.TotalAlloc)
}

func layerOf(name string, members ...member) tree.Layer {
	return tree.Layer{Name: name, Entries: func(yield func(layers.Entry, error) bool) {
		for i := range members {
			if !yield(layers.Entry{Header: &members[i].header}, nil) {
				return
			}
		}
	}}
}

// TestLookupOfDeepPaths looks up each of the folders that are in one another, through a symlink. Their names take the
// square of the depth together, and so may the work, but no more.
func TestLookupOfDeepPaths(t *testing.T) { //nolint:paralleltest // see allocated
	work := func(depth int) float64 {
		members := []member{symlink("l", "d")}
		for i := range depth {
			members = append(members, dir("d"+strings.Repeat("/d", i)))
		}
		return allocated(func() {
			tree, err := tree.New([]tree.Layer{layerOf("deep", members...)}, nil)
			if err != nil {
				t.Fatal(err)
			}
			for i := range depth - 1 {
				if _, err := tree.Lookup("l" + strings.Repeat("/d", i)); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
	if small, large := work(400), work(800); large > 6*small {
		t.Errorf("twice as deep takes %.1f times the work, want 4 times", large/small)
	}
}

// TestWhiteoutsOfManyLayers deletes one file a layer. What a layer deletes costs what it deletes, not what the image holds.
func TestWhiteoutsOfManyLayers(t *testing.T) {
	t.Parallel()
	const files, deletions = 50_000, 3000
	var all []member
	for i := range files {
		all = append(all, file(fmt.Sprintf("f%d", i), ""))
	}
	ls := []tree.Layer{layerOf("files", all...)}
	for i := range deletions {
		ls = append(ls, layerOf(fmt.Sprint(i), file(fmt.Sprintf(".wh.f%d", i), ""), file(fmt.Sprintf("again%d", i), "")))
	}
	tree, odd, err := tree.NewImage(ls)
	if err != nil {
		t.Fatal(err)
	}
	if tree.Len() != files || len(odd) != deletions {
		t.Errorf("there are %d nodes and %d oddities, want %d and %d", tree.Len(), len(odd), files, deletions)
	}
}
