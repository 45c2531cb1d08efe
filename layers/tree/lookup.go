package tree

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"github.com/pyimg/pyimg/internal/rootpath"
)

// A walk follows a path through a tree. Unlike other walks it can go on where nothing is, since layers may hold paths whose
// folders they do not have, and its errors name layers and symlinks.
type walk struct {
	tree    *Tree
	missing bool // treats a missing path as a folder that will be made; the path must name a folder
	last    bool // follows a symlink at the end of the path

	lost  []byte // the missing part below the folder that it has reached
	first string // the first symlink that it followed
	via   *node  // the last one, for errors
}

// follow returns the real path of name. If last is set, it also follows a symlink at the end.
func (w *walk) follow(name string, last bool) (string, error) {
	w.last = last
	in, err := rootpath.Follow(w, &w.tree.root, strings.Trim(name, "/"))
	if errors.Is(err, rootpath.ErrLoop) {
		err = w.stuck(fmt.Sprintf("%q is the symlink after %d others, a loop", w.via.Path, rootpath.MaxLinks))
	}
	if err != nil {
		return "", err
	}
	if len(w.lost) == 0 {
		return in.Path, nil
	}
	return path.Join(in.Path, string(w.lost)), nil
}

// Root implements rootpath.Dirs.
func (w *walk) Root() *node { return &w.tree.root }

// Up implements rootpath.Dirs.
func (w *walk) Up(at *node) *node {
	switch {
	case len(w.lost) > 0:
		w.lost = w.lost[:max(bytes.LastIndexByte(w.lost, '/'), 0)]
	case at.above != nil:
		return at.above
	}
	return at
}

// Enter implements rootpath.Dirs.
func (w *walk) Enter(at *node, name string, last bool) (rootpath.Entry[*node], error) {
	var n *node
	if len(w.lost) == 0 {
		n = at.below[name]
	}
	isEnd := last && !w.missing
	switch {
	case n == nil && w.missing:
		if len(w.lost) > 0 {
			w.lost = append(w.lost, '/')
		}
		w.lost = append(w.lost, name...)
		return rootpath.Entry[*node]{To: at}, nil
	case n == nil:
		return rootpath.Entry[*node]{}, w.stuck(fmt.Sprintf("%q is not there", path.Join(at.Path, name)))
	case n.isLink() && (w.last || !last):
		if w.first == "" {
			w.first = n.Path
		}
		w.via = n
		return rootpath.Entry[*node]{Link: true, Target: n.Entry.Header.Linkname}, nil
	case n.IsDir(), isEnd:
		return rootpath.Entry[*node]{To: n}, nil
	}
	return rootpath.Entry[*node]{}, w.stuck(fmt.Sprintf("%q of %q is not a folder", n.Path, w.tree.layers[n.Layer]))
}

func (w *walk) stuck(why string) error {
	if w.via != nil {
		why += fmt.Sprintf(", where the symlink %q -> %q leads", w.via.Path, w.via.Entry.Header.Linkname)
	}
	return fmt.Errorf("%s: %w", why, fs.ErrNotExist)
}

// parent returns the folder of p. The parent of the root is the root.
func parent(p string) string { return strings.TrimSuffix(p[:strings.LastIndexByte(p, '/')+1], "/") }
