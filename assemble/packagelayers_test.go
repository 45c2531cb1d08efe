package assemble_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/pyimg/pyimg/internal/fixture"
)

// manyPackages are packages whose sizes lie close together, those of tens of kilobytes and those of some; bumped is in a
// newer version, which is a little larger.
func manyPackages(bumped string) []fixture.Package {
	var ps []fixture.Package
	for i := range 12 {
		name := fmt.Sprintf("p%02d", i)
		p := fixture.Package{Name: name, Version: "1-r0"}
		size := 4000 + 13*(i*5%12)
		if i%3 == 0 {
			size *= 10
		}
		if name == bumped {
			p.Version = "2-r0"
			size += size / 30
		}
		p.Files = []fixture.File{{Path: "usr/" + name, Body: fixture.Bulk(name+p.Version, size)}}
		ps = append(ps, p)
	}
	return ps
}

// TestBumpedPackageMovesItsOwnLayerAlone: a new version changes the layer that holds the package, and apk's database.
func TestBumpedPackageMovesItsOwnLayerAlone(t *testing.T) {
	t.Parallel()
	var names []string
	for _, p := range manyPackages("") {
		names = append(names, p.Name)
	}
	digests := func(bumped string) (map[string]string, string) {
		w := newWorld(t, manyPackages(bumped)...)
		got, _ := builtImage(t, w.spec(t, strings.Join(names, ", "), "layers: {max: 7}"), w.sources(t))
		byNames, merged := make(map[string]string), ""
		for from, l := range got {
			from = strings.NewReplacer("=1-r0", "", "=2-r0", "").Replace(from)
			byNames[from] = l.Digest
			if strings.Count(from, " ") > 1 && from != "apk database" {
				merged = from
			}
		}
		return byNames, merged
	}
	before, merged := digests("")
	if len(before) != 7 || strings.Contains(merged, "p00") {
		t.Fatalf("layers are %q, want 7 with the smallest merged", slices.Sorted(maps.Keys(before)))
	}
	for _, bumped := range names {
		holder := "apk " + bumped
		if strings.Contains(merged, bumped) {
			holder = merged
		}
		after, _ := digests(bumped)
		var moved []string
		for from, digest := range after {
			if before[from] != digest {
				moved = append(moved, from)
			}
		}
		slices.Sort(moved)
		want := []string{"apk database", holder}
		slices.Sort(want)
		if !slices.Equal(moved, want) || len(after) != len(before) {
			t.Errorf("%s is newer: moved are %q, want %q", bumped, moved, want)
		}
	}
}
