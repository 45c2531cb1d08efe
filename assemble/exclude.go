package assemble

import (
	"archive/tar"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"

	"github.com/pyimg/pyimg/apk"
	"github.com/pyimg/pyimg/layers"
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

// excluded is what became of excludes among the packages.
type excluded struct {
	unused excludes // those that match no path
	empty  []bool   // by package: nothing is left of it
}

// excludePaths drops the paths that x excludes from the packages. They are meant as they lie in the image, and what
// apk's database says of them stays: it is what "apk add" and then rm(1) leave, and apk audit, which lists them, and
// scanners, which ask what was installed, are right.
func excludePaths(x excludes, units []unit, all []*edits, root *apk.Root, store *layers.Store) (excluded, error) {
	result := excluded{empty: make([]bool, len(units))}
	if len(x) == 0 {
		return result, nil
	}
	places, links := make([]map[string]string, len(units)), make(dirLinks)
	for i := range places {
		places[i] = make(map[string]string)
	}
	for f := range root.Files() {
		places[f.Package][clean(f.Member)] = f.Path
		if f.Header.Typeflag == tar.TypeSymlink {
			links[f.Path] = f.Header.Linkname
		}
	}
	used := make(map[string]bool)
	for i, u := range units {
		if !u.unpacks() {
			continue
		}
		dropped, kept := 0, 0
		for e, err := range store.Entries(u.blob.Digest) {
			if err != nil {
				return result, fmt.Errorf("reading what is known of %s: %w", u, err)
			}
			name := e.Path()
			if name == "" || all[i].Drop[name] {
				continue
			}
			at, ok := places[i][name]
			if !ok {
				at = links.resolve(name)
			}
			x.mark(at, used)
			if !x.has(at) {
				kept++
				continue
			}
			all[i].Drop[name] = true
			delete(all[i].lost, name) // also where another package's file would cover it: that is excluded, too
			dropped++
		}
		if dropped > 0 {
			all[i].because("%s", excludedReason(dropped))
		}
		result.empty[i] = dropped > 0 && kept == 0
	}
	for _, glob := range x {
		if !used[glob] {
			result.unused = append(result.unused, glob)
		}
	}
	return result, nil
}

// mark notes which globs match a path.
func (x excludes) mark(p string, used map[string]bool) {
	for _, glob := range x {
		if !used[glob] && covers(strings.TrimPrefix(glob, "!"), p) {
			used[glob] = true
		}
	}
}

const excludedSuffix = " paths are excluded"

func excludedReason(n int) string { return fmt.Sprintf("%d%s", n, excludedSuffix) }

// without leaves out the packages of which nothing is left.
func (e excluded) without(groups [][]int) [][]int {
	for i, g := range groups {
		groups[i] = slices.DeleteFunc(g, func(i int) bool { return e.empty[i] })
	}
	return slices.DeleteFunc(groups, func(g []int) bool { return len(g) == 0 })
}

// warnExcluded says what excluding paths costs, and which of it was in vain.
func (b *platformBuild) warnExcluded(unused excludes) {
	for _, glob := range unused {
		b.warnings = append(b.warnings, fmt.Sprintf("exclude %q matches no path of a package; a runtime and files have an exclude of their own", glob))
	}
	var names []string
	for _, l := range b.layers {
		number, only := strings.CutSuffix(l.Reason, excludedSuffix)
		if only && !strings.ContainsFunc(number, func(r rune) bool { return r < '0' || r > '9' }) {
			names = append(names, strings.TrimPrefix(l.From, "apk "))
		}
	}
	if len(names) > 0 {
		b.warnings = append(b.warnings, fmt.Sprintf("%d layers are no longer the distribution's own bytes, since paths of theirs are excluded: %s",
			len(names), strings.Join(names, ", ")))
	}
}
