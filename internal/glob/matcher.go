package glob

import (
	"path"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
)

// A Matcher answers for a list as [List.Has] does, and remembers what it found out about folders: paths come from packages,
// and one that lies deep would else be matched once for each folder above it. It is for one goroutine.
type Matcher struct {
	globs   []string // without "!"
	back    []bool   // by glob: it takes paths back in
	used    []bool   // by glob: it matched a path
	folders map[string][]bool
}

// NewMatcher returns the matcher of a list.
func NewMatcher(x List) *Matcher {
	m := &Matcher{used: make([]bool, len(x)), folders: make(map[string][]bool)}
	for _, glob := range x {
		glob, back := strings.CutPrefix(glob, "!")
		m.globs, m.back = append(m.globs, glob), append(m.back, back)
	}
	return m
}

// Has tells whether a path without slashes at its ends is excluded.
func (m *Matcher) Has(p string) bool {
	out := false
	for i, covers := range m.covering(p) {
		if covers {
			out, m.used[i] = !m.back[i], true
		}
	}
	return out
}

// Used reports whether glob i of the list matched a path that Has was asked about.
func (m *Matcher) Used(i int) bool { return m.used[i] }

// covering reports which globs match a path or a folder above it.
func (m *Matcher) covering(p string) []bool {
	above, unknown := m.above(path.Dir(p))
	for _, folder := range unknown {
		above = m.match(folder, above)
		m.folders[folder] = above
	}
	return m.match(p, above)
}

// above returns what is known of the nearest folder that something is known of, and the folders between, outermost first.
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

// match returns which globs match a path or are among those that match a folder above it. It returns above where no other does.
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
