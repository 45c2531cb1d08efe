// Package glob matches the paths of an image against globs. A glob that matches a folder also matches everything below
// it.
package glob

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
)

// A List holds globs over paths, in the syntax of doublestar. A glob that matches a folder also matches everything
// below it. A path that matches is excluded; "!" before a glob includes its paths again. The last glob that matches a
// path decides.
type List []string

// CheckExclude returns an error for an invalid glob. The glob may begin with "!".
func CheckExclude(v string) error {
	glob := strings.TrimPrefix(v, "!")
	if glob == "" {
		return errors.New("expected a glob, found nothing")
	}
	return Check(glob)
}

// Has reports whether a path is excluded. p has no slashes at its ends.
func (x List) Has(p string) bool {
	out := false
	for _, glob := range x {
		glob, back := strings.CutPrefix(glob, "!")
		if out == back && Covers(glob, p) {
			out = !back
		}
	}
	return out
}

// TakesBack reports whether a path below an excluded folder may be included.
func (x List) TakesBack() bool {
	return slices.ContainsFunc(x, func(glob string) bool { return strings.HasPrefix(glob, "!") })
}

// Covers reports whether a glob matches a path or a folder above it.
func Covers(glob, p string) bool {
	for ; p != "." && p != ""; p = path.Dir(p) {
		if matched, _ := doublestar.Match(glob, p); matched {
			return true
		}
	}
	return false
}

// MayLead reports whether a folder may contain a path that a glob matches.
func MayLead(glob, dir string) bool {
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

func Check(v string) error {
	if !doublestar.ValidatePattern(v) || strings.HasPrefix(v, "/") {
		return fmt.Errorf("expected a glob over paths without a leading slash, such as **/test/**, found %q", v)
	}
	return nil
}

// Quote returns a glob that matches only the path p and what is below it.
func Quote(p string) string {
	var b strings.Builder
	for _, r := range p {
		if strings.ContainsRune(`*?[]{}\!^`, r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}
