package cut

import (
	"archive/tar"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/pyimg/pyimg/apk/root"
	"github.com/pyimg/pyimg/assemble/ingest"
	"github.com/pyimg/pyimg/assemble/lock"
	"github.com/pyimg/pyimg/internal/glob"
	"github.com/pyimg/pyimg/internal/rootpath"
	"github.com/pyimg/pyimg/layers"
)

// An exclusion is the work of excludePaths.
type exclusion struct {
	globs glob.List
	*glob.Matcher
	at    []map[string]string // by package and member: its path in the image, but for folders
	links *rootpath.Links
	empty []bool // by package: nothing but folders is left of it
}

// excludePaths drops the paths that x excludes from the packages. They are meant as they lie in the image, and what
// apk's database says of them stays: it is what "apk add" and then rm(1) leave, and apk audit, which lists them, and
// scanners, which ask what was installed, are right.
func excludePaths(x glob.List, units []ingest.Unit, all []*edits, root *root.Root, store *layers.Store) (exclusion, error) {
	e := exclusion{globs: x, Matcher: glob.NewMatcher(x), at: make([]map[string]string, len(units)), links: new(rootpath.Links),
		empty: make([]bool, len(units))}
	if len(x) == 0 {
		return e, nil
	}
	for i := range e.at {
		e.at[i] = make(map[string]string)
	}
	for f := range root.Files() {
		e.at[f.Package][rootpath.Clean(f.Member)] = f.Path
		if to := f.Symlink(); to != "" {
			e.links.Set(f.Path, to)
		}
	}
	for p, h := range root.Below() {
		if h.Typeflag == tar.TypeSymlink {
			e.links.Set(p, h.Linkname)
		}
	}
	for i, u := range units {
		if !u.Unpacks() {
			continue
		}
		if err := e.exclude(i, store.Entries(u.Blob.Digest), all[i]); err != nil {
			return e, fmt.Errorf("reading what is known of %s: %w", u, err)
		}
	}
	return e, nil
}

// exclude drops what is excluded of package i.
func (e *exclusion) exclude(i int, members iter.Seq2[layers.Entry, error], to *edits) error {
	dropped, kept := 0, 0
	for m, err := range members {
		if err != nil {
			return err
		}
		name := m.Path()
		if name == "" || to.Drop[name] {
			continue
		}
		at, ok := e.at[i][name]
		if !ok {
			at = e.links.Resolve(name)
		}
		if !e.Has(at) {
			if m.Header.Typeflag != tar.TypeDir { // folders that no layer states are the last one's, see dirItems
				kept++
			}
			continue
		}
		to.Drop[name] = true
		delete(to.lost, name) // also where another package's file would cover it: that is excluded, too
		dropped++
	}
	if dropped > 0 {
		to.because(lock.NewReason(lock.ReasonExcluded, dropped))
	}
	e.empty[i] = dropped > 0 && kept == 0
	return nil
}

// unused are the globs that match no path.
func (e *exclusion) unused() glob.List {
	var out glob.List
	for i, pattern := range e.globs {
		if !e.Used(i) {
			out = append(out, pattern)
		}
	}
	return out
}

// without leaves out the packages of which nothing but folders is left.
func (e *exclusion) without(groups [][]int) [][]int {
	for i, g := range groups {
		groups[i] = slices.DeleteFunc(g, func(i int) bool { return e.empty[i] })
	}
	return slices.DeleteFunc(groups, func(g []int) bool { return len(g) == 0 })
}

// Warnings say what excluding paths costs, and which of it was in vain.
func Warnings(cut []lock.Layer, unused glob.List) []string {
	var warnings []string
	for _, glob := range unused {
		warnings = append(warnings, fmt.Sprintf("exclude %q matches no path of a package; a runtime and files have an exclude of their own", glob))
	}
	var names []string
	for _, l := range cut {
		if len(l.Reasons) == 1 && l.Reasons[0].Code == lock.ReasonExcluded {
			names = append(names, strings.TrimPrefix(l.From, "apk "))
		}
	}
	if len(names) > 0 {
		warnings = append(warnings, fmt.Sprintf("packages' layers that are no longer the distribution's own bytes, since paths of theirs are excluded (%d of %d): %s",
			len(names), len(cut), strings.Join(names, ", ")))
	}
	return warnings
}
