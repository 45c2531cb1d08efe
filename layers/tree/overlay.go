package tree

import (
	"archive/tar"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/pyimg/pyimg/layers"
)

// An Oddity is something in an image's layers that does not merge well.
type Oddity struct {
	Kind  OddityKind
	Path  string // in the root
	Layer int    // whose entry it is
	Below int    // for a Clash: the layer that it clashes with
	// Hides is how many entries of other layers it hides.
	Hides int
	Why   string
}

// OddityKind is the kind of an Oddity.
type OddityKind int

const (
	// Whiteout is an entry that deletes a path of the layers below (image-spec, layer.md).
	Whiteout OddityKind = iota + 1
	// Clash is a path that is a folder in one layer and something else in one below.
	Clash
	// BelowSymlink is an entry whose folder is a symlink in a layer below. Docker and podman replace the symlink by a folder;
	// umoci follows it.
	BelowSymlink
	// Escape is an entry whose name is absolute or leads out of the root.
	Escape
	// Lost is an entry that has no place in the tree.
	Lost
	// Obeyed is an entry with an OverlayMark.
	Obeyed
)

const (
	whiteoutPrefix = ".wh."
	opaqueName     = ".wh..wh..opq"
	aufsPrefix     = ".wh..wh." // aufs used these names for itself
)

// NewImage merges the layers of any image as image-spec's layer.md says. Whiteouts and opaque folders delete paths of
// the layers below, and later entries replace earlier ones. Only errors of Entries are errors. NewImage returns
// everything else that is odd with the tree, at most 10,000 oddities of each kind.
func NewImage(ls []Layer) (*Tree, []Oddity, error) {
	o := &overlay{tree: &Tree{nodes: make(map[string]*node, treeSize)}, count: map[OddityKind]int{}}
	for i, l := range ls {
		o.tree.layers = append(o.tree.layers, l.Name)
		o.layer, o.gone, o.opaque = i, map[string]int{}, map[string]bool{}
		for entry, err := range l.Entries {
			if err != nil {
				return nil, nil, fmt.Errorf("laying out %q: %w", l.Name, err)
			}
			o.add(entry)
		}
		o.sweep()
	}
	return o.tree, o.oddities, nil
}

// LayerName returns the name of layer i.
func (t *Tree) LayerName(i int) string {
	if i < 0 || i >= len(t.layers) {
		return ""
	}
	return t.layers[i]
}

// An overlay adds to a tree, layer by layer.
type overlay struct {
	tree     *Tree
	layer    int
	gone     map[string]int  // by path that this layer deletes: the number of entries
	opaque   map[string]bool // folders that this layer makes opaque
	oddities []Oddity
	count    map[OddityKind]int
}

func (o *overlay) odd(kind OddityKind, path string, format string, args ...any) *Oddity {
	if o.count[kind] >= maxOddities {
		return &Oddity{}
	}
	o.count[kind]++
	o.oddities = append(o.oddities, Oddity{Kind: kind, Path: path, Layer: o.layer, Below: -1, Why: fmt.Sprintf(format, args...)})
	return &o.oddities[len(o.oddities)-1]
}

func (o *overlay) add(entry layers.Entry) {
	n := Node{Path: entry.Path(), Layer: o.layer, Entry: entry}
	if name := entry.Header.Name; strings.HasPrefix(name, "/") || slices.Contains(strings.Split(name, "/"), "..") {
		o.odd(Escape, n.Path, "its name in the layer is %q", name)
	}
	if mark := entry.OverlayMark(); mark != "" {
		o.odd(Obeyed, n.Path, "%s", mark)
	}
	if n.Path == "" {
		if root := o.tree.nodes[""]; root != nil {
			root.Node = n
		} else {
			o.tree.put(n)
		}
		return
	}
	if o.whiteout(n.Path) {
		return
	}
	if err := o.tree.resolveParent(&n); err != nil {
		o.odd(Lost, n.Path, "%v", err)
		return
	}
	if n.ViaSymlink != "" {
		odd := o.odd(BelowSymlink, n.Path, "/%s is a symlink in a layer below", n.ViaSymlink)
		odd.Hides = o.hidden(n.ViaSymlink)
	}
	n.Entry = o.linked(n.Entry)
	o.addNode(n)
}

// whiteout reports whether a path is a whiteout, and notes what it deletes.
func (o *overlay) whiteout(p string) bool {
	base := path.Base(p)
	target, is := strings.CutPrefix(base, whiteoutPrefix)
	switch {
	case base == opaqueName:
		o.opaque[o.real(parent(p))] = true
	case strings.HasPrefix(base, aufsPrefix):
	case is:
		o.gone[path.Join(o.real(parent(p)), target)] += 0
	}
	return is
}

// real returns the real path of a folder.
func (o *overlay) real(dir string) string {
	w := walk{tree: o.tree, missing: true}
	if real, err := w.follow(dir, true); err == nil {
		return real
	}
	return dir
}

// hidden counts the entries in the folder that a symlink leads to.
func (o *overlay) hidden(link string) int {
	to, err := o.tree.Lookup(link)
	if err != nil {
		return 0
	}
	if in := o.tree.nodes[to.Path]; in != nil && in.IsDir() {
		return len(in.below)
	}
	return 0
}

// linked gives a hard link to a file of a layer below the facts of that file.
func (o *overlay) linked(entry layers.Entry) layers.Entry {
	if entry.Header.Typeflag != tar.TypeLink || entry.ELF != nil || entry.Kept != nil {
		return entry
	}
	if target := o.tree.nodes[entry.Target()]; target != nil {
		entry.ELF, entry.Kept = target.Entry.ELF, target.Entry.Kept
	}
	return entry
}

func (o *overlay) addNode(n Node) {
	old := o.tree.nodes[n.Path]
	if old == nil {
		o.tree.put(n)
		return
	}
	if old.IsDir() != n.IsDir() && old.Layer < o.layer {
		o.clash(old, n)
	}
	old.Node = n
}

func (o *overlay) clash(old *node, n Node) {
	hides := len(old.below)
	if n.IsDir() {
		hides = o.hidden(n.Path)
	} else {
		o.gone[n.Path] += 0 // deletes the content of the folder, too
	}
	if o.opaque[n.Path] {
		hides = 0 // intended
	}
	odd := o.odd(Clash, n.Path, "it is a folder in one layer and something else in another")
	odd.Below, odd.Hides = old.Layer, hides
}

// sweep deletes the paths of the layer's whiteouts. They only apply to the layers below, wherever they are among the
// layer's entries.
func (o *overlay) sweep() {
	if len(o.gone) == 0 && len(o.opaque) == 0 {
		return
	}
	done := make(map[*node]bool)
	for _, p := range sortedPaths(o.gone) {
		if n := o.tree.nodes[p]; n != nil && p != "" {
			o.clear(n, "", done)
		}
	}
	for p := range o.opaque {
		n := o.tree.nodes[p]
		if p == "" {
			n = &o.tree.root
		}
		if n == nil {
			continue
		}
		for _, below := range n.below {
			o.clear(below, "", done)
		}
	}
	for _, p := range sortedPaths(o.gone) {
		if n := o.tree.nodes[p]; n == nil || n.Layer != o.layer {
			o.odd(Whiteout, p, "deletes entries of the layers below: %d", o.gone[p]).Hides = o.gone[p]
		}
	}
}

// clear deletes a node of the layers below and everything in it. cause is the path of the whiteout, or none for an
// opaque folder. If a nearer whiteout or opaque folder deletes a part of it, that one counts the part.
func (o *overlay) clear(n *node, cause string, done map[*node]bool) {
	if done[n] {
		return
	}
	done[n] = true
	_, gone := o.gone[n.Path]
	if gone {
		cause = n.Path
	}
	victim := n.Layer < o.layer
	if victim && cause != "" {
		o.gone[cause]++
	}
	if o.opaque[n.Path] && !gone {
		cause = ""
	}
	for _, below := range n.below {
		o.clear(below, cause, done)
	}
	switch {
	case !victim:
	case len(n.below) > 0: // this layer has something in it
		n.Node = impliedNode(n.Path, o.layer)
	default:
		o.tree.remove(n)
	}
}

func sortedPaths(m map[string]int) []string {
	ps := make([]string, 0, len(m))
	for p := range m {
		ps = append(ps, p)
	}
	slices.Sort(ps)
	return ps
}
