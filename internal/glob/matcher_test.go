package glob_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/pyimg/pyimg/internal/glob"
)

// TestMatcherIsList: a Matcher gives the same answers as its List, in any order of calls.
func TestMatcherIsList(t *testing.T) {
	t.Parallel()
	paths := []string{"a", "a/b", "a/b/c", "a/b/c/d.pyc", "x/test", "x/test/keep", "x/test/keep/y", "x", "q/r/s/t", "a/keep.pyc"}
	for _, list := range []glob.List{
		nil, {"a"}, {"a/b", "!a/b/c"}, {"**/test/**", "!x/test/keep"}, {"**/*.pyc", "!**/keep.pyc"}, {"a", "!a", "a/b"}, {"{a,x}/*", "!q"},
	} {
		m := glob.NewMatcher(list)
		for range 2 {
			for i := range paths {
				p := paths[len(paths)-1-i]
				if got, want := m.Has(p), list.Has(p); got != want {
					t.Errorf("%q: Has(%q) = %v, want %v", list, p, got, want)
				}
			}
		}
		for i, g := range list {
			used := false
			for _, p := range paths {
				used = used || glob.Covers(strings.TrimPrefix(g, "!"), p)
			}
			if m.Used(i) != used {
				t.Errorf("%q: Used(%d) = %v, want %v", list, i, m.Used(i), used)
			}
		}
	}
}

// TestDeepPaths matches a chain of folders, each inside the one before. A Matcher matches each folder once. Matching
// each path together with all folders above it takes hundreds of times as long.
func TestDeepPaths(t *testing.T) {
	t.Parallel()
	var list glob.List
	for i := range 20 {
		list = append(list, fmt.Sprintf("**/x%d/**/y", i))
	}
	m, p := glob.NewMatcher(list), "d"
	began := time.Now()
	for range 800 {
		if m.Has(p) {
			t.Fatalf("Has(%q)", p)
		}
		p += "/d"
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("800 folders and 20 globs take %v", took)
	}
}
