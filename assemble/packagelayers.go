package assemble

import (
	"archive/tar"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/pyimg/pyimg/apk"
	"github.com/pyimg/pyimg/layers"
)

// edits are what must change in a package's data stream before it can be a layer. The zero value changes nothing, and
// then the layer is the data stream itself.
type edits struct {
	Drop   map[string]bool   // members by clean name
	Rename map[string]string // to where apk would have put them
	Attr   map[string]attr   // owner and mode, as apk would have set them
	Why    []string          `json:"-"`
	lost   map[string]int    // paths lost to another package's: not to be dropped if that one's layer comes later
}

type attr struct {
	Mode     int64
	UID, GID int
}

func (e *edits) because(format string, args ...any) {
	if why := fmt.Sprintf(format, args...); !slices.Contains(e.Why, why) {
		e.Why = append(e.Why, why)
	}
}

// packageRecipe is what the bytes of a transcoded or merged layer depend on.
type packageRecipe struct {
	Version     int // to be raised when the same inputs give other bytes
	Sources     []string
	Edits       []*edits
	Compression string
}

// packageLayers says, for each package, whether its data stream is a layer as it stands, and makes those that are not.
func packageLayers(ctx context.Context, l Layers, others int, units []unit, root *apk.Root, store *layers.Store) ([]Layer, error) {
	all, err := editsOf(units, root, store)
	if err != nil {
		return nil, err
	}
	groups := group(l, others, units)
	if len(groups) == count(units) {
		groups = orderGroups(groups, units, all)
	} else {
		// Merging takes the freedom to order layers, so lost paths go here too.
		for _, e := range all {
			e.dropLost(units)
		}
	}
	out := make([]Layer, len(groups))
	for i, g := range groups {
		if out[i], err = packageLayer(ctx, l, g, units, all, store); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func count(units []unit) (n int) {
	for _, u := range units {
		if u.unpacks() {
			n++
		}
	}
	return n
}

// group cuts the packages into layers: one each, but for the smallest that exceed the limit, which share one. Sizes
// decide, so that the groups stay when versions change.
func group(l Layers, others int, units []unit) [][]int {
	var bySize, single []int
	for i, u := range units {
		if u.unpacks() {
			bySize = append(bySize, i)
		}
	}
	slices.SortStableFunc(bySize, func(a, b int) int {
		return cmp.Or(cmp.Compare(units[a].blob.Size, units[b].blob.Size), cmp.Compare(units[a].pkg.Name, units[b].pkg.Name))
	})
	merge := 0
	switch excess := len(bySize) + others - l.Max; {
	case l.Strategy == "single":
		merge = len(bySize)
	case l.Strategy == "auto" && excess > 0:
		merge = min(excess+1, len(bySize))
	}
	shared := slices.Sorted(slices.Values(bySize[:merge]))
	single = slices.Sorted(slices.Values(bySize[merge:]))
	var groups [][]int
	if len(shared) > 0 {
		groups = append(groups, shared)
	}
	for _, i := range single {
		groups = append(groups, []int{i})
	}
	return groups
}

// orderGroups puts layers of one package each in install order, but a package whose path lost to an earlier one before
// that: then the winner's bytes lie on top. Where that goes in a circle, the loser's path is dropped.
func orderGroups(groups [][]int, units []unit, all []*edits) [][]int {
	losers := make(map[int][]int) // by winner
	for i, e := range all {
		for _, p := range sortedKeys(e.lost) {
			losers[e.lost[p]] = append(losers[e.lost[p]], i)
		}
	}
	var order [][]int
	rank := make(map[int]int)
	visited := make(map[int]bool)
	var place func(i int)
	place = func(i int) {
		if visited[i] {
			return
		}
		visited[i] = true
		for _, loser := range losers[i] {
			place(loser)
		}
		rank[i] = len(order)
		order = append(order, []int{i})
	}
	for _, g := range groups {
		place(g[0])
	}
	for i, e := range all {
		for p, winner := range e.lost {
			if rank[winner] > rank[i] {
				delete(e.lost, p)
			}
		}
		e.dropLost(units)
	}
	return order
}

// dropLost drops the paths that another package's layer will not cover.
func (e *edits) dropLost(units []unit) {
	for _, p := range sortedKeys(e.lost) {
		e.Drop[p] = true
		e.because("/%s belongs to %s", p, units[e.lost[p]].pkg.Name)
	}
	e.lost = nil
}

// packageLayer makes the layer of one package, or of several merged.
func packageLayer(ctx context.Context, l Layers, group []int, units []unit, all []*edits, store *layers.Store) (Layer, error) {
	recipe := packageRecipe{Version: 1, Compression: l.Compression}
	var names, why []string
	for _, i := range group {
		recipe.Sources = append(recipe.Sources, units[i].blob.Digest)
		recipe.Edits = append(recipe.Edits, all[i])
		names = append(names, units[i].pkg.Name+"="+units[i].pkg.Version)
		why = append(why, all[i].Why...)
	}
	blob := units[group[0]].blob
	switch {
	case len(group) > 1 && l.Strategy == "single":
		why = append(why, "one layer for all packages was asked for")
	case len(group) > 1:
		why = append(why, fmt.Sprintf("the smallest packages are merged to stay within %d layers", l.Max))
	case l.Compression != "" && compressionOf(blob) != l.Compression:
		why = append(why, l.Compression+" was asked for")
	}
	layer := Layer{Blob: blob, From: "apk " + strings.Join(names, " "), Reason: strings.Join(why, "; ")}
	if len(why) == 0 {
		return layer, nil
	}
	text, err := json.Marshal(recipe)
	if err != nil {
		return layer, err
	}
	layer.Blob, err = store.Rewrite(ctx, "apk "+string(text), layers.MakeOptions{Compression: l.Compression}, recipe.Sources,
		func(src int, h *tar.Header) (bool, error) { return recipe.Edits[src].apply(h), nil })
	if err != nil {
		return layer, fmt.Errorf("making the layer of %s: %w", strings.Join(names, ", "), err)
	}
	return layer, nil
}

// apply changes one member; false drops it.
func (e *edits) apply(h *tar.Header) bool {
	name := clean(h.Name)
	if name == "" || e.Drop[name] {
		return false
	}
	if a, ok := e.Attr[name]; ok {
		h.Mode, h.Uid, h.Gid, h.Uname, h.Gname = a.Mode, a.UID, a.GID, "", ""
	}
	if to, ok := e.Rename[name]; ok {
		h.Name = to
	}
	if to, ok := e.Rename[clean(h.Linkname)]; ok && h.Typeflag == tar.TypeLink {
		h.Linkname = to
	}
	return true
}

// clean is a member's path in the image, without slashes at its ends; "" for the root.
func clean(name string) string { return strings.TrimPrefix(path.Clean("/"+name), "/") }

// editsOf compares what each package's stream says with what apk makes of it.
func editsOf(units []unit, root *apk.Root, store *layers.Store) ([]*edits, error) {
	final := make([]map[string]apk.File, len(units))
	for i := range final {
		final[i] = make(map[string]apk.File)
	}
	links := make(dirLinks)
	for f := range root.Files() {
		final[f.Package][clean(f.Member)] = f
		if f.Header.Typeflag == tar.TypeSymlink {
			links[f.Path] = f.Header.Linkname
		}
	}
	all := make([]*edits, len(units))
	for i, u := range units {
		all[i] = &edits{Drop: make(map[string]bool), Rename: make(map[string]string), Attr: make(map[string]attr), lost: make(map[string]int)}
		if !u.unpacks() {
			continue
		}
		for _, s := range root.Skipped(i) {
			all[i].skip(s)
		}
		faults, err := store.Faults(u.blob.Digest)
		if err != nil {
			return nil, err
		}
		for _, f := range faults {
			all[i].because("%s", f)
		}
		for e, err := range store.Entries(u.blob.Digest) {
			if err != nil {
				return nil, fmt.Errorf("reading what is known of %s: %w", u, err)
			}
			all[i].compare(e, final[i], links)
		}
	}
	return all, nil
}

// skip notes a member that apk does not install.
func (e *edits) skip(s apk.Skip) {
	name := clean(s.Member)
	if s.By >= 0 {
		e.lost[name] = s.By
		return
	}
	e.Drop[name] = true
	e.because("%s: %s", s.Member, s.Reason)
}

// compare notes where a member's place and attributes are not what apk gives it.
func (e *edits) compare(m layers.Entry, final map[string]apk.File, links dirLinks) {
	name := m.Path()
	if m.Header.Typeflag == tar.TypeDir {
		// A folder entry over another package's symlink would replace the symlink in docker and podman.
		if name != "" && links.resolve(name) != name {
			e.Drop[name] = true
			e.because("/%s is a symlink", name)
		}
		return
	}
	f, ok := final[name]
	if !ok {
		return // skipped, see skip
	}
	if f.Path != name {
		e.Rename[name] = f.Path
		e.because("/%s leads to /%s", name, f.Path)
	}
	if h := m.Header; h.Typeflag != tar.TypeSymlink && h.Mode != f.Header.Mode || h.Uid != f.Header.Uid || h.Gid != f.Header.Gid {
		e.Attr[name] = attr{f.Header.Mode, f.Header.Uid, f.Header.Gid}
		e.because("/%s is %d:%d with mode %04o in this root", name, f.Header.Uid, f.Header.Gid, f.Header.Mode)
	}
}

// dirLinks are the symlinks of a root: path to target.
type dirLinks map[string]string

// resolve follows the symlinks among the elements of a path, the last one included.
func (l dirLinks) resolve(p string) string {
	const maxLinks = 40 // as Linux, see path_resolution(7)
	rest := strings.Split(p, "/")
	done := ""
	for followed := 0; len(rest) > 0; {
		at := path.Join(done, rest[0])
		rest = rest[1:]
		target, isLink := l[at]
		if !isLink || followed == maxLinks {
			done = at
			continue
		}
		followed++
		if !strings.HasPrefix(target, "/") {
			target = path.Join("/", done, target)
		}
		rest = append(strings.Split(clean(target), "/"), rest...)
		done = ""
	}
	return clean(done)
}
