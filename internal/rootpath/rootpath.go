// Package rootpath follows the symlinks in paths of a root, within that root. [Follow] does it for any tree of folders, and
// [Links] for paths of which only the symlinks are known.
package rootpath

import (
	"path"
	"strings"
)

// Links are the symlinks of a root. Every other path counts as a folder, whether it exists or not. Resolving a path costs time
// proportional to the lengths of the path and of the targets, however many symlinks there are and however deep they are.
type Links struct{ root linkNode }

// A linkNode is a symlink or a folder above one.
type linkNode struct {
	below  map[string]*linkNode
	target string // "" where it is not a symlink
}

// Set adds a symlink.
func (l *Links) Set(p, target string) {
	n := &l.root
	for part := range strings.SplitSeq(p, "/") {
		next := n.below[part]
		if next == nil {
			if n.below == nil {
				n.below = make(map[string]*linkNode)
			}
			next = new(linkNode)
			n.below[part] = next
		}
		n = next
	}
	n.target = target
}

// Resolve follows the symlinks among the elements of a path, also the last one. A path in a loop stays as it is.
func (l *Links) Resolve(p string) string {
	p = Clean(p)
	if !l.has(p) {
		return p
	}
	w := &linkWalk{root: &l.root}
	if _, err := Follow(w, &l.root, p); err != nil {
		return p
	}
	return strings.Join(w.names, "/")
}

// has reports whether an element of a path is a symlink. Most paths have none.
func (l *Links) has(p string) bool {
	n := &l.root
	for part := range strings.SplitSeq(p, "/") {
		if n = n.below[part]; n == nil {
			return false
		}
		if n.target != "" {
			return true
		}
	}
	return false
}

// A linkWalk implements Dirs for a path through Links. A place is a node, or nil for a folder without symlinks below it.
type linkWalk struct {
	root  *linkNode
	names []string    // the path so far
	nodes []*linkNode // for each name, the folder that it is in
}

func (w *linkWalk) Root() *linkNode {
	w.names, w.nodes = w.names[:0], w.nodes[:0]
	return w.root
}

func (w *linkWalk) Up(at *linkNode) *linkNode {
	last := len(w.names) - 1
	if last < 0 {
		return at
	}
	at = w.nodes[last]
	w.names, w.nodes = w.names[:last], w.nodes[:last]
	return at
}

func (w *linkWalk) Enter(at *linkNode, name string, _ bool) (Entry[*linkNode], error) {
	var n *linkNode
	if at != nil {
		n = at.below[name]
	}
	if n != nil && n.target != "" {
		return Entry[*linkNode]{Link: true, Target: n.target}, nil
	}
	w.names, w.nodes = append(w.names, name), append(w.nodes, at)
	return Entry[*linkNode]{To: n}, nil
}

// Clean returns a member's path in the image, without slashes at its ends; "" is the root.
func Clean(name string) string {
	if isClean(name) { // almost every name is
		return name
	}
	return strings.TrimPrefix(path.Clean("/"+name), "/")
}

// isClean reports whether a name is a path as Clean returns it, other than the root's.
func isClean(name string) bool {
	for more := true; more; {
		var part string
		if part, name, more = strings.Cut(name, "/"); part == "" || part == "." || part == ".." {
			return false
		}
	}
	return true
}
