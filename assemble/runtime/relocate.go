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

// moves are the prefixes to write anew in a runtime that does not stay where its own files say that it is: what its
// sysconfig was configured for (python-build-standalone's is /install), and where its tarball has it. /usr is left: it
// names the build machine's own tools as well.
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

// contents returns what changes the file at a path of the image: the paths in what sysconfig, pkg-config and builds of
// extension modules read, and in scripts. It is nil where nothing changes.
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
