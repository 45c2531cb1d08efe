package apk

import (
	"fmt"
	"path"
	"strings"
)

const maxLinks = 40 // symlinks followed in one path, as Linux does

// A tree is the file system that apk writes to.
type tree struct {
	nodes map[string]*node // by where they lie; the root itself is not among them
}

// A node is a directory or a file.
type node struct {
	dir  bool
	acl  acl        // of a directory
	file *ownedFile // of a file
}

// An acl is what apk calls so: mode, owner and a checksum over extended attributes.
type acl struct {
	mode     int64
	uid, gid int
	xattrs   string
}

func newTree() *tree { return &tree{nodes: make(map[string]*node)} }

// makeDirs makes a directory and its parents, as --initdb does.
func (t *tree) makeDirs(name string, a acl) {
	if parent := path.Dir(name); parent != "." && t.nodes[parent] == nil {
		t.makeDirs(parent, defaultDirACL())
	}
	t.nodes[name] = &node{dir: true, acl: a}
}

// makeThrough makes a directory and its parents where nothing is, following symlinks. An error comes with the file that
// is in the way.
func (t *tree) makeThrough(name string) (*ownedFile, error) {
	at := ""
	for part := range strings.SplitSeq(name, "/") {
		next := join(at, part)
		if t.nodes[next] == nil {
			t.nodes[next] = &node{dir: true, acl: defaultDirACL()}
		}
		real, err := t.directory(next)
		if err != nil {
			return t.nodes[next].file, err
		}
		at = real
	}
	return nil, nil
}

// directory finds where a directory lies, following symlinks. A symlink's absolute target is
// taken from the root, never from the machine that apk runs on.
func (t *tree) directory(name string) (string, error) {
	at, rest, links := "", name, 0
	for rest != "" {
		var part string
		part, rest, _ = strings.Cut(rest, "/")
		switch part {
		case "", ".":
			continue
		case "..":
			if at = path.Dir(at); at == "." {
				at = ""
			}
			continue
		}
		next := join(at, part)
		n := t.nodes[next]
		switch {
		case n == nil:
			return "", fmt.Errorf("no directory %q", next)
		case n.dir:
			at = next
		case !n.file.isSymlink():
			return "", fmt.Errorf("%q is no directory", next)
		default:
			if links++; links > maxLinks {
				return "", fmt.Errorf("too many symlinks on the way to %q", name)
			}
			target := n.file.header.Linkname
			if strings.HasPrefix(target, "/") {
				at = ""
			}
			rest = target + "/" + rest
		}
	}
	return at, nil
}

// place finds where a new entry of a directory would lie, and what lies there.
func (t *tree) place(name string) (string, *node, error) {
	dir, base := split(name)
	at, err := t.directory(dir)
	if err != nil {
		return "", nil, err
	}
	where := join(at, base)
	return where, t.nodes[where], nil
}

// mkdir makes a directory as mkdir(2) and chown(2) do: the setuid and setgid bits are not taken
// from the mode, and the latter is inherited.
func (t *tree) mkdir(name string, a acl) (*node, error) {
	where, there, err := t.place(name)
	if err != nil {
		return nil, err
	}
	if there != nil {
		return nil, fmt.Errorf("%q exists", where)
	}
	a.mode &= modePermissions | modeSticky
	dir, _ := split(where)
	if parent := t.nodes[dir]; parent != nil {
		a.mode |= parent.acl.mode & modeSetgid
	}
	n := &node{dir: true, acl: a}
	t.nodes[where] = n
	return n, nil
}

// split divides a path at its last slash; the directory of a path without one is "".
func split(name string) (dir, base string) {
	i := strings.LastIndexByte(name, '/')
	return name[:max(i, 0)], name[i+1:]
}

func join(dir, base string) string {
	if dir == "" {
		return base
	}
	return dir + "/" + base
}
