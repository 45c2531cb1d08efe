package runtime

import (
	"context"
	"path"
	"slices"
	"strings"

	"github.com/pyimg/pyimg/assemble/lock"
	"github.com/pyimg/pyimg/assemble/python"
	"github.com/pyimg/pyimg/layers"
)

// moves returns the prefixes to replace in the files of a runtime that moves to another prefix: the one that its sysconfig was
// configured for (/install in python-build-standalone), and the one of its tarball. /usr is not replaced, because it also names
// the build machine's own tools.
func moves(r lock.RuntimeRecipe, store *layers.Store) ([]lock.Move, error) {
	if r.From == r.To {
		return nil, nil
	}
	report, err := python.Read(store.Entries(r.Source))
	if err != nil {
		return nil, err
	}
	prefixes := []string{"/" + r.From}
	if report.Python != nil {
		prefixes = append(prefixes, path.Clean(report.Python.Prefix))
	}
	var ms []lock.Move
	for _, from := range prefixes {
		m := lock.Move{From: from, To: "/" + r.To}
		if path.IsAbs(from) && from != "/" && from != "/usr" && from != m.To && !slices.Contains(ms, m) {
			ms = append(ms, m)
		}
	}
	return ms, nil
}

// contents returns the function that replaces prefixes in the file at a path of the image, or nil if the file does not change. Files
// for sysconfig, pkg-config and builds of extension modules change, and scripts.
func contents(ctx context.Context, r lock.RuntimeRecipe, tarball layers.Source, store *layers.Store) (layers.ContentEdit, error) {
	if len(r.Moves) == 0 {
		return nil, nil
	}
	if _, err := store.IngestFacts(ctx, tarball); err != nil {
		return nil, err
	}
	moves := make([]python.Move, len(r.Moves))
	for i, m := range r.Moves {
		moves[i] = python.Move(m)
	}
	change := func(old []byte) []byte { return []byte(python.Relocate(string(old), moves)) }
	texts := make(map[string]bool)
	for e, err := range store.Entries(r.Source) {
		if err != nil {
			return nil, err
		}
		name, ok := remap(e.Header.Name, r.From, r.To)
		rest, below := strings.CutPrefix(name, prefixed(r.To))
		if ok && below && python.NamesPrefix(rest, string(e.Kept)) {
			texts[name] = true
		}
	}
	return func(p string) func([]byte) []byte {
		if texts[p] {
			return change
		}
		return nil
	}, nil
}
