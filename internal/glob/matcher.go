package glob

import (
	"path"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
)

// A Matcher gives the same answers as [List.Has]. It remembers its results for folders: otherwise a deep path, which a
// package may contain, would be matched once for each folder above it. A Matcher is for one goroutine.
type Matcher struct {
	globs   []string // without "!"
	back    []bool   // by glob: it begins with "!"
	used    []bool   // by glob: it has matched a path
	folders map[string][]bool
}

// NewMatcher returns a Matcher for a list.
func NewMatcher(x List) *Matcher {
	m := &Matcher{used: make([]bool, len(x)), folders: make(map[string][]bool)}
	for _, glob := range x {
		glob, back := strings.CutPrefix(glob, "!")
		m.globs, m.back = append(m.globs, glob), append(m.back, back)
	}
	return m
}

// Has reports whether a path is excluded. p has no slashes at its ends.
func (m *Matcher) Has(p string) bool {
	out := false
	for i, covers := range m.covering(p) {
		if covers {
			out, m.used[i] = !m.back[i], true
		}
	}
	return out
}

// Used reports whether glob i of the list has matched a path that Has was called with.
func (m *Matcher) Used(i int) bool { return m.used[i] }

// covering returns, for each glob, whether it matches a path or a folder above it.
func (m *Matcher) covering(p string) []bool {
	above, unknown := m.above(path.Dir(p))
	for _, folder := range unknown {
		above = m.match(folder, above)
		m.folders[folder] = above
	}
	return m.match(p, above)
}

// above returns the result for the nearest folder that has one, in found. between are the folders without a result,
// outermost first.
func (m *Matcher) above(folder string) (found []bool, between []string) {
	for ; folder != "." && folder != "/" && folder != ""; folder = path.Dir(folder) {
		if known, ok := m.folders[folder]; ok {
			found = known
			break
		}
		between = append(between, folder)
	}
	slices.Reverse(between)
	return found, between
}

// match returns, for each glob, whether it matches a path or a folder above it. It returns the slice above itself where
// no further glob matches.
func (m *Matcher) match(p string, above []bool) []bool {
	var out []bool
	for i, glob := range m.globs {
		if above != nil && above[i] {
			continue
		}
		if matched, _ := doublestar.Match(glob, p); !matched {
			continue
		}
		if out == nil {
			out = make([]bool, len(m.globs))
			copy(out, above)
		}
		out[i] = true
	}
	if out == nil {
		return above
	}
	return out
}
