package assemble_test

import (
	"archive/tar"
	"testing"

	"github.com/pyimg/pyimg/assemble/spec"
	"github.com/pyimg/pyimg/layers"
)

// TestSpecTakesTheLevelsThatLayersHave compares the levels that a spec accepts with those that a layer can be made with.
func TestSpecTakesTheLevelsThatLayersHave(t *testing.T) {
	t.Parallel()
	store := world{}.sources(t).Store
	for _, c := range []struct {
		compression string
		level       int
		good        bool
	}{
		{"", 0, true}, {"", 9, true}, {"", 10, false},
		{"gzip", -1, false}, {"gzip", 0, true}, {"gzip", 1, true}, {"gzip", 9, true}, {"gzip", 10, false},
		{"zstd", -1, false}, {"zstd", 0, true}, {"zstd", 1, true}, {"zstd", 22, true}, {"zstd", 23, false},
		{"xz", 1, false},
	} {
		asked := spec.Layers{Strategy: "auto", Compression: c.compression, Level: c.level}.Check()
		_, made := store.Make(t.Context(), "nothing", layers.MakeOptions{Compression: c.compression, Level: c.level},
			func(*tar.Writer) error { return nil })
		if (asked == nil) != c.good || (made == nil) != c.good {
			t.Errorf("%q at level %d: the spec: %v; the layer: %v; want that both take it: %t", c.compression, c.level, asked, made, c.good)
		}
	}
}
