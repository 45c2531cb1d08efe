// Package rootpath follows symlinks in the paths of a root that is not unpacked.
// Package rootpath follows the symlinks of a root in paths.
package rootpath

import (
	"path"
	"strings"
)

// Links are the symlinks of a root, by the elements of their paths: to follow those of a path costs what its length is,
// however many there are and however deep they are.
type Links struct{ root linkNode }

// A linkNode is a symlink, or what is above one.
type linkNode struct {
	below  map[string]*linkNode
	target string // "" for what is no symlink
}

// Set notes a symlink.
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

// Resolve follows the symlinks among the elements of a path, the last one included.
func (l *Links) Resolve(p string) string {
	const maxLinks, maxPath = 40, 4096 // as Linux, see path_resolution(7)
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

// first is the first symlink among the elements of a path, and what follows it; target is "" where there is none.
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

// Clean is a member's path in the image, without slashes at its ends; "" for the root.
func Clean(name string) string { return strings.TrimPrefix(path.Clean("/"+name), "/") }
