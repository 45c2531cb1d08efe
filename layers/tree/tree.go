package tree

import (
	"archive/tar"
	"fmt"
	"iter"
	"path"
	"slices"
	"strings"

	"github.com/pyimg/pyimg/internal/exit"
	"github.com/pyimg/pyimg/layers"
)

// maxOddities bounds the oddities of each kind. Each kind has its own bound, so that many harmless ones do not hide a bad
// one.
const maxOddities = 10_000

// A Tree is the root that a container sees of merged layers: for each path the entry of the last layer that has it. It
// needs memory for paths, not for contents.
type Tree struct {
	layers []string         // names
	nodes  map[string]*node // by path
	root   node             // exists even if no layer has an entry for it
	decide func(path string, old, new int) (bool, error)

	sorted  []*node // by path, at the last call of All
	added   []*node // since then
	deleted bool    // nodes were deleted since then, see Delete
	slab    []node  // unused nodes, allocated many at a time
}

// A Layer is a layer of a Tree.
type Layer struct {
	Name    string // for errors
	Entries iter.Seq2[layers.Entry, error]
}

// A Node is a path of a Tree.
type Node struct {
	Path  string // its real path: the symlinks in its name in the archive are followed
	Layer int    // the layer that has the entry
	Entry layers.Entry
	// ViaSymlink is the symlink of this tree that the entry's own name goes through, or "". Runtimes disagree on such
	// entries: docker and podman replace the symlink by a folder, umoci follows it. The tree follows it.
	ViaSymlink string
	// Implied says that no layer has an entry for the folder, only for paths below it. Entry is made up then: mode
	// 0755, owned by root.
	Implied bool
}

// IsDir reports whether the node is a folder.
func (n Node) IsDir() bool { return n.Entry.Header.Typeflag == tar.TypeDir }

func (n Node) isLink() bool { return n.Entry.Header.Typeflag == tar.TypeSymlink }

// A ConflictError says that layers cannot be merged: a path is a folder in one of them and something else in another.
type ConflictError struct {
	Path string // in the root
	Err  error  // which layers
}

func (e *ConflictError) Error() string { return e.Err.Error() }
func (e *ConflictError) Unwrap() error { return e.Err }

// ExitCode is exit.Unverified.
func (e *ConflictError) ExitCode() exit.Code { return exit.Unverified }

// A node is an entry and its place in the tree. The cost of a look-up grows with the length of the path only.
type node struct {
	Node
	above *node            // its folder; nil for the root
	below map[string]*node // its entries, by name
}

// New merges layers; the first one is the lowest.
//
// A later entry of a folder replaces the folder's attributes. For all other pairs of entries at one path, New calls
// decide with the path and the numbers of the two layers. If it returns true, the new entry replaces the old one. If
// decide is nil, a later file replaces an earlier one, and a path that is a folder in one layer and something else in
// another is an error.
//
// A folder that is not empty is never replaced, and no path may be below something that is neither a folder nor a
// symlink to one. Both are errors that name the layers.
func New(ls []Layer, decide func(path string, old, new int) (keepNew bool, err error)) (*Tree, error) {
	t := &Tree{nodes: make(map[string]*node, treeSize), decide: decide}
	for _, l := range ls {
		if err := t.Add(l); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// treeSize is for how many paths a tree has room at first. Most trees of a run are small, and new memory costs more than growing.
const treeSize = 512

// Add merges one more layer into the tree, as the last one. Do not use the tree after an error.
func (t *Tree) Add(l Layer) error {
	t.layers = append(t.layers, l.Name)
	for entry, err := range l.Entries {
		if err == nil {
			err = t.add(len(t.layers)-1, entry)
		}
		if err != nil {
			return fmt.Errorf("laying out %q: %w", l.Name, err)
		}
	}
	return nil
}

func (t *Tree) add(layer int, entry layers.Entry) error {
	if err := entry.Check(); err != nil {
		return fmt.Errorf("member %q: %w", entry.Header.Name, err)
	}
	n := Node{Path: entry.Path(), Layer: layer, Entry: entry}
	if n.Path == "" {
		if root := t.nodes[""]; root != nil {
			root.Node = n
			return nil
		}
		t.put(n) // the root is never replaced
		return nil
	}
	if err := t.resolveParent(&n); err != nil {
		return err
	}
	old := t.nodes[n.Path]
	if old == nil {
		t.put(n)
		return nil
	}
	replace, err := t.replaces(old, n)
	if err != nil || !replace {
		return err
	}
	old.Node = n
	return nil
}

// replaces reports whether n replaces old.
func (t *Tree) replaces(old *node, n Node) (bool, error) {
	if old.IsDir() && n.IsDir() {
		return true, nil
	}
	clash := old.IsDir() != n.IsDir()
	if t.decide == nil && clash {
		return false, &ConflictError{n.Path, fmt.Errorf("%q is a folder in one of %q and %q and something else in the other",
			n.Path, t.layers[old.Layer], t.layers[n.Layer])}
	}
	if t.decide != nil {
		replace, err := t.decide(n.Path, old.Layer, n.Layer)
		if err != nil && clash {
			err = fmt.Errorf("%q is a folder in one and something else in the other: %w", n.Path, err)
		}
		if err != nil || !replace {
			return false, err
		}
	}
	if len(old.below) > 0 {
		return false, &ConflictError{n.Path, fmt.Errorf("%q of %q cannot replace the folder of %q, which is not empty",
			n.Path, t.layers[n.Layer], t.layers[old.Layer])}
	}
	return true, nil
}

// resolveParent finds the folder of n, follows symlinks, and makes folders that no layer has.
func (t *Tree) resolveParent(n *Node) error {
	dir, base := parent(n.Path), path.Base(n.Path)
	if dir == "" {
		return nil
	}
	if in := t.nodes[dir]; in != nil && in.IsDir() {
		return nil // the usual case: the parent is a folder
	}
	w := walk{tree: t, missing: true}
	real, err := w.follow(dir, true)
	if err != nil {
		return &ConflictError{n.Path, fmt.Errorf("finding the folder of %q: %w", n.Path, err)}
	}
	n.Path, n.ViaSymlink = path.Join(real, base), w.first
	t.imply(real, n.Layer)
	return nil
}

// imply makes the folder dir and those above it, if no layer has them so far.
func (t *Tree) imply(dir string, layer int) {
	if dir == "" || t.nodes[dir] != nil {
		return
	}
	t.imply(parent(dir), layer)
	t.put(impliedNode(dir, layer))
}

func impliedNode(dir string, layer int) Node {
	h := &tar.Header{Typeflag: tar.TypeDir, Name: dir + "/", Mode: 0o755}
	return Node{Path: dir, Layer: layer, Entry: layers.Entry{Header: h}, Implied: true}
}

// put adds a node. Its parent must be there.
func (t *Tree) put(n Node) {
	if n.Path == "" {
		t.root.Node = n
		t.nodes[""] = &t.root
		t.added = append(t.added, &t.root)
		return
	}
	if len(t.slab) == 0 {
		t.slab = make([]node, 256)
	}
	at := &t.slab[0]
	t.slab = t.slab[1:]
	at.Node = n
	t.nodes[n.Path] = at
	t.added = append(t.added, at)
	in := &t.root
	if dir := parent(n.Path); dir != "" {
		in = t.nodes[dir]
	}
	if in.below == nil {
		in.below = make(map[string]*node)
	}
	at.above = in
	in.below[path.Base(n.Path)] = at
}

// remove removes a node without entries.
func (t *Tree) remove(n *node) {
	delete(t.nodes, n.Path)
	delete(n.above.below, path.Base(n.Path))
}

// Len returns the number of nodes.
func (t *Tree) Len() int { return len(t.nodes) }

// All yields the nodes sorted by path, byte by byte. It yields the root only if a layer has an entry for it. Do not add
// to the tree meanwhile. The first call of All after an addition must not run at the same time as another call.
func (t *Tree) All() iter.Seq[Node] { return t.Beginning("") }

// Beginning is All for the nodes whose paths begin with prefix.
func (t *Tree) Beginning(prefix string) iter.Seq[Node] {
	return func(yield func(Node) bool) {
		t.sort()
		first, _ := slices.BinarySearchFunc(t.sorted, prefix, func(n *node, prefix string) int { return strings.Compare(n.Path, prefix) })
		for _, n := range t.sorted[first:] {
			if !strings.HasPrefix(n.Path, prefix) || !yield(n.Node) {
				return
			}
		}
	}
}

// sort merges the added nodes into the sorted ones. A node stays once it is sorted.
func (t *Tree) sort() {
	if t.deleted {
		t.sorted = slices.DeleteFunc(t.sorted, func(n *node) bool { return t.nodes[n.Path] != n })
		t.deleted = false
	}
	if len(t.added) == 0 {
		return
	}
	t.added = slices.DeleteFunc(t.added, func(n *node) bool { return t.nodes[n.Path] != n }) // deleted by a whiteout
	slices.SortFunc(t.added, func(a, b *node) int { return strings.Compare(a.Path, b.Path) })
	merged := make([]*node, 0, len(t.sorted)+len(t.added))
	for old, added := t.sorted, t.added; len(old)+len(added) > 0; {
		if len(added) == 0 || len(old) > 0 && old[0].Path < added[0].Path {
			merged, old = append(merged, old[0]), old[1:]
		} else {
			merged, added = append(merged, added[0]), added[1:]
		}
	}
	t.sorted, t.added = merged, nil
}

// Lookup returns the node at path, with all symlinks followed. An absolute target starts at the tree's root, and no
// path leads above that. The error names the link that dangles or loops, and wraps fs.ErrNotExist.
func (t *Tree) Lookup(path string) (Node, error) { return t.find(path, true) }

// Lstat returns the node at path. It follows symlinks on the way, but not one at the end.
func (t *Tree) Lstat(path string) (Node, error) { return t.find(path, false) }

func (t *Tree) find(name string, last bool) (Node, error) {
	w := walk{tree: t}
	real, err := w.follow(name, last)
	if err != nil {
		return Node{}, fmt.Errorf("looking up %q: %w", name, err)
	}
	if n := t.nodes[real]; n != nil {
		return n.Node, nil
	}
	return impliedNode(real, 0), nil // the root without an entry
}

// Decide sets what New's argument decide does, for the layers that are added from now on.
func (t *Tree) Decide(decide func(path string, old, new int) (keepNew bool, err error)) {
	t.decide = decide
}

// Delete deletes a path and everything below it, as a whiteout does.
func (t *Tree) Delete(path string) {
	n := t.nodes[path]
	if n == nil || path == "" {
		return
	}
	for _, below := range n.below {
		t.Delete(below.Path)
	}
	t.remove(n)
	t.deleted = true
}

// IsEmpty reports whether a path is a folder with nothing in it.
func (t *Tree) IsEmpty(path string) bool {
	n := t.nodes[path]
	return n != nil && n.IsDir() && len(n.below) == 0
}

// Entries yields the entries of the tree, each with its path in the tree as its name.
func (t *Tree) Entries() iter.Seq2[layers.Entry, error] {
	return func(yield func(layers.Entry, error) bool) {
		for n := range t.All() {
			h := *n.Entry.Header
			h.Name = n.Path
			n.Entry.Header = &h
			if !yield(n.Entry, nil) {
				return
			}
		}
	}
}
