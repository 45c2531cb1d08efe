package tree

import (
	"archive/tar"
	"fmt"
	"iter"
	"path"
	"slices"

	"github.com/pyimg/pyimg/internal/exit"
	"github.com/pyimg/pyimg/layers"
)

const (
	// maxLinks is how many symlinks one look-up follows, as in Linux.
	maxLinks = 40
	// maxOddities bounds what is told of layers that do not lie well over each other, kind by kind: many harmless ones do
	// not hide a bad one.
	maxOddities = 10_000
)

// A Tree is what a container sees of layers that lie over each other: for each path the entry of the last layer that
// has it. It needs memory for paths, not for contents.
type Tree struct {
	layers []string         // names
	nodes  map[string]*node // by path
	root   node             // also where no layer has an entry for it
	decide func(path string, old, new int) (bool, error)

	sorted []string // paths, as they were when All was last called
	added  []string // since then
	slab   []node   // nodes to come, made many at a time
}

// A Layer is a layer of a Tree.
type Layer struct {
	Name    string // for errors
	Entries iter.Seq2[layers.Entry, error]
}

// A Node is a path of a Tree.
type Node struct {
	Path  string // where it is, with the symlinks that its name in the archive leads through resolved
	Layer int    // whose entry it is
	Entry layers.Entry
	// Through is the symlink of this tree below which the entry's own name lies, or "". Runtimes disagree on such
	// entries: docker and podman replace the symlink by a folder, umoci follows it. The tree follows it.
	Through string
	// Implied says that no layer has the folder, only what lies in it. Entry is made up then: mode 0755, root's.
	Implied bool
}

// IsDir reports whether the node is a folder.
func (n Node) IsDir() bool { return n.Entry.Header.Typeflag == tar.TypeDir }

func (n Node) isLink() bool { return n.Entry.Header.Typeflag == tar.TypeSymlink }

// A ConflictError says that layers do not lie over each other: a path is a folder in one of them and something else in
// another.
type ConflictError struct {
	Path string // in the root
	Err  error  // which layers
}

func (e *ConflictError) Error() string { return e.Err.Error() }
func (e *ConflictError) Unwrap() error { return e.Err }

// ExitCode is that of a failed verification.
func (e *ConflictError) ExitCode() exit.Code { return exit.Unverified }

// A node is what is at a path, with its place among the others: to walk a path costs what its length is.
type node struct {
	Node
	above *node            // the folder that it is in; nil for the root
	below map[string]*node // what is in it, by name
}

// New lays layers over each other, the first lowest.
//
// A folder's later entry replaces its attributes. Where anything else would replace or be replaced, decide is asked
// whether the new entry does so; it sees the path and the two layers' numbers. Without decide a later file replaces an
// earlier one, and a path that is a folder in one layer and something else in another is an error. A folder that holds
// anything is never replaced, and nothing lies below what is neither a folder nor a symlink to one: both are errors that
// name the layers.
func New(ls []Layer, decide func(path string, old, new int) (keepNew bool, err error)) (*Tree, error) {
	t := &Tree{nodes: make(map[string]*node, treeSize), decide: decide}
	for _, l := range ls {
		if err := t.Add(l); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// treeSize is for how many paths a tree has room at first, those of a small CPython image.
const treeSize = 8192

// Add lays a layer over the tree, as New would have as the last. After an error the tree is of no use.
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
	if err := layers.CheckMember(entry.Header); err != nil {
		return fmt.Errorf("member %q: %w", entry.Header.Name, err)
	}
	n := Node{Path: entry.Path(), Layer: layer, Entry: entry}
	if n.Path == "" {
		if root := t.nodes[""]; root != nil {
			root.Node = n
			return nil
		}
		t.put(n) // nothing counts the root's children: it is never replaced
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

// replaces decides whether n takes the place of old.
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

// resolveParent finds the folder that n lies in, following symlinks, and makes the folders that no layer has.
func (t *Tree) resolveParent(n *Node) error {
	dir, base := parent(n.Path), path.Base(n.Path)
	if dir == "" {
		return nil
	}
	if in := t.nodes[dir]; in != nil && in.IsDir() {
		return nil // nearly always; a node's own parents are folders
	}
	w := walk{tree: t, missing: true}
	real, err := w.follow(dir, true)
	if err != nil {
		return &ConflictError{n.Path, fmt.Errorf("finding the folder of %q: %w", n.Path, err)}
	}
	n.Path, n.Through = path.Join(real, base), w.first
	t.imply(real, n.Layer)
	return nil
}

// imply makes the folder dir and those above it where no layer has them so far.
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

// put adds a node whose parent is there.
func (t *Tree) put(n Node) {
	if n.Path == "" {
		t.root.Node = n
		t.nodes[""] = &t.root
		t.added = append(t.added, "")
		return
	}
	if len(t.slab) == 0 {
		t.slab = make([]node, 256)
	}
	at := &t.slab[0]
	t.slab = t.slab[1:]
	at.Node = n
	t.nodes[n.Path] = at
	t.added = append(t.added, n.Path)
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

// remove removes a node that nothing is in.
func (t *Tree) remove(n *node) {
	delete(t.nodes, n.Path)
	delete(n.above.below, path.Base(n.Path))
}

// Len is how many nodes there are.
func (t *Tree) Len() int { return len(t.nodes) }

// All yields the nodes sorted by path, byte by byte. The root is among them where a layer has an entry for it. The tree
// must not be added to meanwhile, nor All be called by two at once for the first time since.
func (t *Tree) All() iter.Seq[Node] {
	return func(yield func(Node) bool) {
		t.sort()
		for _, p := range t.sorted {
			if !yield(t.nodes[p].Node) {
				return
			}
		}
	}
}

// sort merges the paths that were added into the sorted ones. No path goes once it has been sorted.
func (t *Tree) sort() {
	if len(t.added) == 0 {
		return
	}
	t.added = slices.DeleteFunc(t.added, func(p string) bool { return t.nodes[p] == nil }) // a whiteout's
	slices.Sort(t.added)
	t.added = slices.Compact(t.added)
	merged := make([]string, 0, len(t.sorted)+len(t.added))
	for old, added := t.sorted, t.added; len(old)+len(added) > 0; {
		if len(added) == 0 || len(old) > 0 && old[0] < added[0] {
			merged, old = append(merged, old[0]), old[1:]
		} else {
			merged, added = append(merged, added[0]), added[1:]
		}
	}
	t.sorted, t.added = merged, nil
}

// Lookup returns the node that path names, with all symlinks followed: an absolute target starts at the tree's root, and
// nothing leads above that. The error says which link dangles or loops, and is fs.ErrNotExist.
func (t *Tree) Lookup(path string) (Node, error) { return t.find(path, true) }

// Lstat returns the node that path names, itself where it is a symlink; those on the way are followed.
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
