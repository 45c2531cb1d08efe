// Package rootpath follows the symlinks of a root in paths.
package rootpath

import (
	"path"
	"strings"
)

// Links are the symlinks of a root. Resolving a path costs time proportional to the path's length, however many
// symlinks there are and however deep they are.
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

// Resolve follows the symlinks among the elements of a path, also the last one.
func (l *Links) Resolve(p string) string {
	const maxLinks, maxPath = 40, 4096 // the limits of Linux, see path_resolution(7)
	p = Clean(p)
	for range maxLinks {
		at, rest, target := l.first(p)
		if target == "" || len(p) > maxPath {
			break
		}
		if !strings.HasPrefix(target, "/") {
			target = path.Join("/", path.Dir(at), target)
		}
		p = Clean(path.Join(target, rest))
	}
	return p
}

// first returns the first symlink among the elements of a path, and the elements after it. target is "" where there is
// no symlink.
func (l *Links) first(p string) (at, rest, target string) {
	n := &l.root
	for start := 0; start < len(p); {
		part, _, _ := strings.Cut(p[start:], "/")
		end := start + len(part)
		if n = n.below[part]; n == nil {
			break
		}
		if n.target != "" {
			return p[:end], p[end:], n.target
		}
		start = end + 1
	}
	return p, "", ""
}

// Clean returns a member's path in the image, without slashes at its ends; "" is the root.
func Clean(name string) string { return strings.TrimPrefix(path.Clean("/"+name), "/") }
