package assemble

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
)

// excludes are globs over paths, as doublestar has them. A folder that one matches takes what is below it along. With "!"
// before it a glob takes paths back in; the last one that matches a path decides.
type excludes []string

// checkExclude is checkGlob for globs that may begin with "!".
func checkExclude(v string) error {
	glob := strings.TrimPrefix(v, "!")
	if glob == "" {
		return errors.New("expected a glob, found nothing")
	}
	return checkGlob(glob)
}

// has tells whether a path without slashes at its ends is excluded.
func (x excludes) has(p string) bool {
	out := false
	for _, glob := range x {
		glob, back := strings.CutPrefix(glob, "!")
		if out == back && covers(glob, p) {
			out = !back
		}
	}
	return out
}

// takesBack tells whether something below an excluded folder may be in nevertheless.
func (x excludes) takesBack() bool {
	return slices.ContainsFunc(x, func(glob string) bool { return strings.HasPrefix(glob, "!") })
}

// covers tells whether a glob matches a path or a folder above it.
func covers(glob, p string) bool {
	for ; p != "." && p != ""; p = path.Dir(p) {
		if matched, _ := doublestar.Match(glob, p); matched {
			return true
		}
	}
	return false
}

// mayLead tells whether a folder may hold what a glob matches.
func mayLead(glob, dir string) bool {
	if dir == "" || strings.Contains(glob, "**") || strings.ContainsAny(glob, `{[\`) {
		return true
	}
	parts, depth := strings.Split(glob, "/"), strings.Count(dir, "/")+1
	if depth >= len(parts) {
		return false
	}
	matched, _ := doublestar.Match(strings.Join(parts[:depth], "/"), dir)
	return matched
}

func checkGlob(v string) error {
	if !doublestar.ValidatePattern(v) || strings.HasPrefix(v, "/") {
		return fmt.Errorf("expected a glob over paths without a leading slash, such as **/test/**, found %q", v)
	}
	return nil
}
