package layers

import (
	"fmt"
	"io/fs"
	"path"
	"strings"
)

// A walk follows a path through a tree.
type walk struct {
	tree    *Tree
	missing bool // what is not there is taken for a folder that will be made, and the path must be a folder's

	at    string   // where it is
	rest  []string // the parts still to go
	links int      // symlinks followed
	first string   // the first of them
	via   string   // the last of them, for errors
}

// follow returns the real path of name; last is whether a symlink at its end is followed, too.
func (w *walk) follow(name string, last bool) (string, error) {
	w.rest = strings.Split(strings.Trim(name, "/"), "/")
	for len(w.rest) > 0 {
		part := w.rest[0]
		w.rest = w.rest[1:]
		switch part {
		case "", ".":
		case "..":
			w.at = parent(w.at)
		default:
			if err := w.step(path.Join(w.at, part), last); err != nil {
				return "", err
			}
		}
	}
	return w.at, nil
}

// step goes on to next, a path below a real one.
func (w *walk) step(next string, last bool) error {
	n := w.tree.nodes[next]
	end := len(w.rest) == 0
	switch {
	case n == nil && w.missing, n != nil && n.IsDir():
		w.at = next
	case n == nil:
		return w.stuck(fmt.Sprintf("%q is not there", next))
	case n.isLink() && (last || !end):
		return w.jump(next, n.Entry.Header.Linkname)
	case end && !w.missing:
		w.at = next
	default:
		return w.stuck(fmt.Sprintf("%q of %q is not a folder", next, w.tree.layers[n.Layer]))
	}
	return nil
}

// jump follows a symlink.
func (w *walk) jump(link, target string) error {
	if w.links++; w.links > maxLinks {
		return w.stuck(fmt.Sprintf("%q is the symlink after %d others, a loop", link, maxLinks))
	}
	if w.first == "" {
		w.first = link
	}
	w.via = fmt.Sprintf("%q -> %q", link, target)
	if strings.HasPrefix(target, "/") {
		w.at = ""
	}
	w.rest = append(strings.Split(target, "/"), w.rest...)
	return nil
}

func (w *walk) stuck(why string) error {
	if w.via != "" {
		why += ", where the symlink " + w.via + " leads"
	}
	return fmt.Errorf("%s: %w", why, fs.ErrNotExist)
}

// parent returns the folder that holds p; that of the root is the root.
func parent(p string) string { return strings.TrimSuffix(p[:strings.LastIndexByte(p, '/')+1], "/") }
