package cut

import (
	"archive/tar"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/bits"
	"path"
	"slices"
	"strings"

	"github.com/pyimg/pyimg/apk/root"
	"github.com/pyimg/pyimg/assemble/ingest"
	"github.com/pyimg/pyimg/assemble/lock"
	"github.com/pyimg/pyimg/assemble/spec"
	"github.com/pyimg/pyimg/internal/glob"
	"github.com/pyimg/pyimg/internal/rootpath"
	"github.com/pyimg/pyimg/internal/versions"
	"github.com/pyimg/pyimg/layers"
)

// edits are what must change in a package's data stream before it can be a layer. The zero value changes nothing, and
// then the layer is the data stream itself.
type edits struct {
	lock.MemberEdits
	why  []lock.Reason
	said map[string]bool // what is in why
	lost map[string]int  // paths lost to another package's: not to be dropped if that one's layer comes later
}

func (e *edits) because(why lock.Reason) {
	key := string(why.Code) + "\x00" + strings.Join(why.Args, "\x00")
	if e.said[key] {
		return
	}
	if e.said == nil {
		e.said = make(map[string]bool)
	}
	e.said[key] = true
	e.why = append(e.why, why)
}

// Make makes the layer. All sources are in the store.
func Make(ctx context.Context, r lock.PackageRecipe, store *layers.Store) (layers.Blob, error) {
	if len(r.Edits) != len(r.Sources) || slices.Contains(r.Edits, nil) {
		return layers.Blob{}, fmt.Errorf("the recipe has %d sources and %d edits", len(r.Sources), len(r.Edits))
	}
	text, err := json.Marshal(r)
	if err != nil {
		return layers.Blob{}, err
	}
	return store.Rewrite(ctx, "apk "+string(text), layers.MakeOptions{Compression: r.Compression, Level: r.Level}, r.Sources,
		func(src int, h *tar.Header) (bool, error) { return applyEdits(r.Edits[src], h), nil })
}

// Packages says, for each package, whether its data stream is a layer without any change, and makes the layers of the others.
// It returns the globs of x that match nothing, too.
func Packages(ctx context.Context, l spec.Layers, x glob.List, others int, units []ingest.Unit, root *root.Root, store *layers.Store,
) ([]lock.Layer, glob.List, error) {
	all, err := editsOf(units, root, store)
	if err != nil {
		return nil, nil, err
	}
	gone, err := excludePaths(x, units, all, root, store)
	if err != nil {
		return nil, nil, err
	}
	groups, err := group(l, others, units)
	if err != nil {
		return nil, nil, err
	}
	groups = orderGroups(gone.without(groups), units, all)
	out := make([]lock.Layer, len(groups))
	for i, g := range groups {
		if out[i], err = packageLayer(ctx, l, g, units, all, store); err != nil {
			return nil, nil, err
		}
	}
	return out, gone.unused(), nil
}

// group cuts the packages into layers: one each, but for the smallest that exceed the limit, which share one. Only the
// order of magnitude of a size counts, and then the name, so that the groups stay when versions change.
func group(l spec.Layers, others int, units []ingest.Unit) ([][]int, error) {
	var bySize, single []int
	for i, u := range units {
		if u.Unpacks() {
			bySize = append(bySize, i)
		}
	}
	slices.SortStableFunc(bySize, func(a, b int) int {
		return cmp.Or(cmp.Compare(magnitude(units[a].Blob.Size), magnitude(units[b].Blob.Size)),
			cmp.Compare(units[a].Pkg.Name, units[b].Pkg.Name))
	})
	const most = 120 // docker's overlay2 fails near 127
	switch {
	case others >= l.Max && len(bySize) > 0:
		return nil, fmt.Errorf("layers.max is %d, but there are %d layers apart from the packages'", l.Max, others)
	case l.Strategy == "package" && len(bySize)+others > most:
		return nil, fmt.Errorf("one layer for each package makes %d, and container runtimes cannot mount more than some %d; use layers.strategy auto", len(bySize)+others, most)
	}
	merge := merged(l, len(bySize), others)
	shared := slices.Sorted(slices.Values(bySize[:merge]))
	single = slices.Sorted(slices.Values(bySize[merge:]))
	var groups [][]int
	if len(shared) > 0 {
		groups = append(groups, shared)
	}
	for _, i := range single {
		groups = append(groups, []int{i})
	}
	return groups, nil
}

// merged is how many of the packages that unpack files share a layer: the smallest.
func merged(l spec.Layers, unpacking, others int) int {
	switch excess := unpacking + others - l.Max; {
	case l.Strategy == "single":
		return unpacking
	case l.Strategy == "auto" && excess > 0:
		return min(excess+1, unpacking)
	}
	return 0
}

// magnitude is the logarithm of a size to the base of two, rounded: a power of two, as sizes often are, is in the middle
// of its class.
func magnitude(size int64) int {
	const square = 1<<32 - 1 // the largest whose square fits; that merges nobody
	n := uint64(min(max(size, 1), square))
	return bits.Len64(n*n) / 2
}

// orderGroups puts the layers in install order, but one with a path that lost to an earlier package before that
// package's: then the winner's bytes lie on top. Where that cannot be (in a circle, or where both share a layer), the
// loser's path is dropped.
func orderGroups(groups [][]int, units []ingest.Unit, all []*edits) [][]int {
	of := make(map[int]int) // group by package
	for g, members := range groups {
		for _, i := range members {
			of[i] = g
		}
	}
	losers := make(map[int][]int) // groups, by the group of the winner
	for i, e := range all {
		for _, p := range slices.Sorted(maps.Keys(e.lost)) {
			losers[of[e.lost[p]]] = append(losers[of[e.lost[p]]], of[i])
		}
	}
	var order [][]int
	rank := make(map[int]int) // by group
	visited := make(map[int]bool)
	var place func(g int)
	place = func(g int) {
		if visited[g] {
			return
		}
		visited[g] = true
		for _, loser := range losers[g] {
			place(loser)
		}
		rank[g] = len(order)
		order = append(order, groups[g])
	}
	for g := range groups {
		place(g)
	}
	for i, e := range all {
		for p, winner := range e.lost {
			if rank[of[winner]] > rank[of[i]] {
				delete(e.lost, p)
			}
		}
		e.dropLost(units)
	}
	return order
}

// dropLost drops the paths that another package's layer will not cover.
func (e *edits) dropLost(units []ingest.Unit) {
	for _, p := range slices.Sorted(maps.Keys(e.lost)) {
		e.Drop[p] = true
		e.because(lock.NewReason(lock.ReasonLost, p, units[e.lost[p]].Pkg.Name))
	}
	e.lost = nil
}

// packageLayer makes the layer of one package, or of several merged.
func packageLayer(ctx context.Context, l spec.Layers, group []int, units []ingest.Unit, all []*edits, store *layers.Store) (lock.Layer, error) {
	recipe := lock.PackageRecipe{Version: versions.Packages, Compression: l.Compression, Level: l.Level}
	var names []string
	var why []lock.Reason
	for _, i := range group {
		recipe.Sources = append(recipe.Sources, units[i].Blob.Digest)
		recipe.Edits = append(recipe.Edits, &all[i].MemberEdits)
		names = append(names, units[i].Pkg.Name+"="+units[i].Pkg.Version)
		why = append(why, all[i].why...)
	}
	blob := units[group[0]].Blob
	switch {
	case len(group) > 1 && l.Strategy == "single":
		why = append(why, lock.NewReason(lock.ReasonSingle))
	case len(group) > 1:
		why = append(why, lock.NewReason(lock.ReasonMerged, l.Max))
	case l.Compression != "" && lock.CompressionOf(blob) != l.Compression:
		why = append(why, lock.NewReason(lock.ReasonCompression, l.Compression))
	}
	from := "apk " + strings.Join(names, " ")
	if len(why) == 0 {
		return lock.NewLayer(blob, from, nil, nil), nil
	}
	blob, err := Make(ctx, recipe, store)
	if err != nil {
		return lock.Layer{}, fmt.Errorf("making the layer of %s: %w", strings.Join(names, ", "), err)
	}
	return lock.NewLayer(blob, from, why, &lock.Recipe{Packages: &recipe}), nil
}

// applyEdits changes one member; false drops it.
func applyEdits(e *lock.MemberEdits, h *tar.Header) bool {
	name := rootpath.Clean(h.Name)
	if name == "" || e.Drop[name] {
		return false
	}
	if a, ok := e.Attr[name]; ok {
		h.Mode, h.Uid, h.Gid, h.Uname, h.Gname = a.Mode, a.UID, a.GID, "", ""
	}
	if to, ok := e.Rename[name]; ok {
		h.Name = to
	}
	if to, ok := e.Rename[rootpath.Clean(h.Linkname)]; ok && h.Typeflag == tar.TypeLink {
		h.Linkname = to
	}
	return true
}

// editsOf compares what each package's stream says with what apk makes of it.
func editsOf(units []ingest.Unit, installed *root.Root, store *layers.Store) ([]*edits, error) {
	final := make([]map[string]root.File, len(units))
	for i := range final {
		final[i] = make(map[string]root.File)
	}
	links := new(rootpath.Links)
	files := make(map[string]bool) // what is not a folder
	for f := range installed.Files() {
		final[f.Package][rootpath.Clean(f.Member)] = f
		files[f.Path] = true
		if to := f.Symlink(); to != "" {
			links.Set(f.Path, to)
		}
	}
	for p, h := range installed.Below() {
		files[p] = true
		if h.Typeflag == tar.TypeSymlink {
			links.Set(p, h.Linkname)
		}
	}
	all := make([]*edits, len(units))
	for i, u := range units {
		all[i] = &edits{MemberEdits: lock.MemberEdits{Drop: make(map[string]bool), Rename: make(map[string]string), Attr: make(map[string]lock.Attributes)}, lost: make(map[string]int)}
		if !u.Unpacks() {
			continue
		}
		for _, s := range installed.Skipped(i) {
			all[i].skip(s, links)
		}
		faults, err := store.Faults(u.Blob.Digest)
		if err != nil {
			return nil, err
		}
		for _, f := range faults {
			all[i].because(lock.NewReason(lock.ReasonFault, f.Code, f.Path, f.Detail))
		}
		for e, err := range store.Entries(u.Blob.Digest) {
			if err != nil {
				return nil, fmt.Errorf("reading what is known of %s: %w", u, err)
			}
			all[i].compare(e, final[i], links, files)
		}
	}
	return all, nil
}

// skip notes a member that apk does not install. One that lost to another package may stay if that one's layer covers
// it, which it does only at the same path: below a symlink it would replace the symlink.
func (e *edits) skip(s root.Skip, links *rootpath.Links) {
	name := rootpath.Clean(s.Member)
	if s.By >= 0 && links.Resolve(path.Dir(name)) == rootpath.Clean(path.Dir(name)) {
		e.lost[name] = s.By
		return
	}
	e.Drop[name] = true
	e.because(lock.NewReason(lock.ReasonNotInstalled, s.Member, string(s.Reason)))
}

// compare notes where a member's place and attributes are not what apk gives it.
func (e *edits) compare(m layers.Entry, final map[string]root.File, links *rootpath.Links, files map[string]bool) {
	name := m.Path()
	if m.Header.Typeflag == tar.TypeDir {
		// A folder entry over another package's symlink or file would replace that in docker and podman.
		switch {
		case name != "" && links.Resolve(name) != name:
			e.Drop[name] = true
			e.because(lock.NewReason(lock.ReasonOnSymlink, name))
		case files[name]:
			e.Drop[name] = true
			e.because(lock.NewReason(lock.ReasonOnFile, name))
		}
		return
	}
	f, ok := final[name]
	if !ok {
		return // skipped, see skip
	}
	if f.Path != name {
		e.Rename[name] = f.Path
		e.because(lock.NewReason(lock.ReasonMoved, name, f.Path))
	}
	mode, uid, gid := f.Attributes()
	if h := m.Header; h.Typeflag != tar.TypeSymlink && h.Mode != mode || h.Uid != uid || h.Gid != gid {
		e.Attr[name] = lock.Attributes{Mode: mode, UID: uid, GID: gid}
		e.because(lock.NewReason(lock.ReasonAttributes, name, uid, gid, fmt.Sprintf("%04o", mode)))
	}
}
