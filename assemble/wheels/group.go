package wheels

import (
	"cmp"
	"math/bits"
	"slices"
)

// A Group is wheels that share a layer.
type Group []Wheel

// Size classes by compressed bytes. Wheels below large share a layer with others of their class: one of them that changes moves
// its class alone. The bounds are far apart, so that a wheel keeps its class from version to version.
const (
	large  = 1 << 20
	medium = 128 << 10
)

func classOf(w Wheel) int {
	switch size := w.Fragment.Size; {
	case size >= large:
		return 2
	case size >= medium:
		return 1
	}
	return 0
}

// Groups cuts wheels into layers: each large one has its own, the others share one by class, and wheels for any platform are
// apart from those for one platform, so that platforms share their layers. With more than most groups the smallest large wheels
// share one, too. single puts all into one.
func Groups(ws []Wheel, most int, single bool) []Group {
	type place struct {
		platform bool
		class    int
		name     string // of a large wheel
	}
	sorted := slices.SortedFunc(slices.Values(ws), func(a, b Wheel) int { return cmp.Compare(a.Filename.Text, b.Filename.Text) })
	if single || most <= 1 {
		if len(sorted) == 0 {
			return nil
		}
		return []Group{sorted}
	}
	alone := apart(sorted, most)
	at := make(map[place]int)
	var groups []Group
	for _, w := range sorted {
		p := place{platform: !w.Pure(), class: classOf(w)}
		switch {
		case alone[w.Name()]:
			p.name = w.Name()
		case most < 2*sharedClasses: // no room for classes
			p.class, p.platform = 0, p.platform && most > 1
		}
		i, ok := at[p]
		if !ok {
			i = len(groups)
			at[p] = i
			groups = append(groups, nil)
		}
		groups[i] = append(groups[i], w)
	}
	return groups
}

// sharedClasses is how many layers the shared wheels of a kind have at most: small, medium, and large ones without room.
const sharedClasses = 3

// apart are the large wheels that have a layer of their own: the largest, by order of magnitude and then by name, as many as there
// is room for.
func apart(ws []Wheel, most int) map[string]bool {
	room := max(most-2*sharedClasses, 0)
	candidates := slices.DeleteFunc(slices.Clone(ws), func(w Wheel) bool { return w.Fragment.Size < large })
	slices.SortStableFunc(candidates, func(a, b Wheel) int {
		return cmp.Or(cmp.Compare(bits.Len64(uint64(b.Fragment.Size)), bits.Len64(uint64(a.Fragment.Size))), cmp.Compare(a.Name(), b.Name()))
	})
	alone := make(map[string]bool)
	for _, w := range candidates[:min(room, len(candidates))] {
		alone[w.Name()] = true
	}
	return alone
}
