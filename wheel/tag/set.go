package tag

// Set is the tags that a Python takes, with their order.
type Set struct {
	ordered []string
	rank    map[string]int
}

// NewSet makes a Set of tags, the best one first.
func NewSet(tags []string) Set {
	s := Set{tags, make(map[string]int, len(tags))}
	for i, t := range tags {
		if _, ok := s.rank[t]; !ok {
			s.rank[t] = i
		}
	}
	return s
}

// Tags are the tags of the set, best first. The caller must not change them.
func (s Set) Tags() []string { return s.ordered }

// Fits reports whether the set has one of the file's tags.
func (s Set) Fits(f Filename) bool {
	_, ok := s.best(f)
	return ok
}

// best is the rank of the file's best tag; 0 is the best of all.
func (s Set) best(f Filename) (int, bool) {
	best, found := 0, false
	for _, t := range f.Tags {
		if r, ok := s.rank[t]; ok && (!found || r < best) {
			best, found = r, true
		}
	}
	return best, found
}

// Best is the index of the file that pip would take among those of one version:
// the best tag first, then the highest build tag, then the first one. It is -1
// where none fits.
func (s Set) Best(files []Filename) int {
	chosen, rank := -1, 0
	for i, f := range files {
		r, ok := s.best(f)
		switch {
		case !ok:
		case chosen < 0, r < rank, r == rank && f.Build.compare(files[chosen].Build) > 0:
			chosen, rank = i, r
		}
	}
	return chosen
}
