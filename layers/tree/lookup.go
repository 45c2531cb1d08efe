package tree

import (
	"bytes"
	"fmt"
	"io/fs"
	"path"
	"strings"
)

// A walk follows a path through a tree.
type walk struct {
	tree    *Tree
	missing bool // treats a missing path as a folder that will be made; the path must name a folder

	in    *node  // the folder that it has reached
	lost  []byte // the missing part below that folder
	rest  string // the remaining path
	more  bool   // there is a remaining path; it may be empty
	links int    // symlinks followed
	first string // the first of them
	via   string // the last of them, for errors
}

// follow returns the real path of name. If last is set, it also follows a symlink at the end.
func (w *walk) follow(name string, last bool) (string, error) {
	w.in, w.rest, w.more = &w.tree.root, strings.Trim(name, "/"), true
	for w.more {
		var part string
		part, w.rest, w.more = strings.Cut(w.rest, "/")
		switch part {
		case "", ".":
		case "..":
			w.up()
		default:
			if err := w.step(part, last); err != nil {
				return "", err
			}
		}
	}
	return w.at(), nil
}

// at returns the path that the walk has reached.
func (w *walk) at() string {
	if len(w.lost) == 0 {
		return w.in.Path
	}
	return path.Join(w.in.Path, string(w.lost))
}

func (w *walk) up() {
	switch {
	case len(w.lost) > 0:
		w.lost = w.lost[:max(bytes.LastIndexByte(w.lost, '/'), 0)]
	case w.in.above != nil:
		w.in = w.in.above
	}
}

// step goes on to the entry of that name.
func (w *walk) step(name string, last bool) error {
	var n *node
	if len(w.lost) == 0 {
		n = w.in.below[name]
	}
	switch {
	case n == nil && w.missing:
		if len(w.lost) > 0 {
			w.lost = append(w.lost, '/')
		}
		w.lost = append(w.lost, name...)
	case n == nil:
		return w.stuck(fmt.Sprintf("%q is not there", path.Join(w.in.Path, name)))
	case n.IsDir(), !n.isLink() && !w.more && !w.missing, n.isLink() && !last && !w.more && !w.missing:
		w.in = n
	case n.isLink() && (last || w.more):
		return w.jump(n)
	default:
		return w.stuck(fmt.Sprintf("%q of %q is not a folder", n.Path, w.tree.layers[n.Layer]))
	}
	return nil
}

// jump follows a symlink.
func (w *walk) jump(n *node) error {
	target := n.Entry.Header.Linkname
	if w.links++; w.links > maxLinks {
		return w.stuck(fmt.Sprintf("%q is the symlink after %d others, a loop", n.Path, maxLinks))
	}
	if w.first == "" {
		w.first = n.Path
	}
	w.via = fmt.Sprintf("%q -> %q", n.Path, target)
	if strings.HasPrefix(target, "/") {
		w.in = &w.tree.root
	}
	if w.more {
		target += "/" + w.rest
	}
	w.rest, w.more = target, true
	return nil
}

func (w *walk) stuck(why string) error {
	if w.via != "" {
		why += ", where the symlink " + w.via + " leads"
	}
	return fmt.Errorf("%s: %w", why, fs.ErrNotExist)
}

// parent returns the folder of p. The parent of the root is the root.
func parent(p string) string { return strings.TrimSuffix(p[:strings.LastIndexByte(p, '/')+1], "/") }
