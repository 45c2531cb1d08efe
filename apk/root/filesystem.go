package root

import (
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
)

const maxLinks = 40 // symlinks followed in one path, as Linux does

// maxTargets bounds the sum of the symlink targets in one path, in bytes. Real paths have some hundred.
const maxTargets = 16 << 10

// A tree is the file system that apk writes to. The cost of a look-up grows with the length of the path only.
type tree struct{ root *node }

// A node is a directory or a file.
type node struct {
	dir   bool
	there bool       // of a directory: the base has it
	acl   acl        // of a directory
	file  *ownedFile // of a file
	name  string
	above *node            // its directory; nil for the root
	below map[string]*node // of a directory, by name
}

// An acl is what apk calls an ACL: mode, owner and a checksum of extended attributes.
type acl struct {
	mode     int64
	uid, gid int
	xattrs   string
}

func newTree() *tree { return &tree{root: &node{dir: true, acl: defaultDirACL()}} }

// put makes an entry of a directory. It replaces an entry with the same name.
func (n *node) put(name string, entry *node) *node {
	if n.below == nil {
		n.below = make(map[string]*node)
	}
	entry.name, entry.above = name, n
	n.below[name] = entry
	return entry
}

// all yields all nodes but the root, sorted by path.
func (t *tree) all() iter.Seq2[string, *node] {
	return func(yield func(string, *node) bool) {
		nodes := make(map[string]*node)
		for todo := []placed{{"", t.root}}; len(todo) > 0; {
			at := todo[len(todo)-1]
			todo = todo[:len(todo)-1]
			for name, n := range at.node.below {
				p := join(at.path, name)
				nodes[p] = n
				todo = append(todo, placed{p, n})
			}
		}
		for _, p := range slices.Sorted(maps.Keys(nodes)) {
			if !yield(p, nodes[p]) {
				return
			}
		}
	}
}

// placed is a node with its path.
type placed struct {
	path string
	node *node
}

// makeDirs makes a directory and its parents, as --initdb does.
func (t *tree) makeDirs(name string, a acl) {
	n := t.root
	for part := range strings.SplitSeq(name, "/") {
		next := n.below[part]
		if next == nil {
			next = n.put(part, &node{dir: true, acl: defaultDirACL()})
		}
		n = next
	}
	n.acl = a
}

// makeThrough makes a directory and its missing parents. It follows symlinks. An error comes with the file that is in
// the way.
func (t *tree) makeThrough(name string) (*ownedFile, error) {
	at := t.root
	for part := range strings.SplitSeq(name, "/") {
		next := at.below[part]
		if next == nil {
			next = at.put(part, &node{dir: true, acl: defaultDirACL()})
		}
		real, err := t.walk(at, part)
		if err != nil {
			return next.file, err
		}
		at = real
	}
	return nil, nil
}

// directory finds a directory and follows symlinks. An absolute target starts at this root, never at the root of the
// machine.
func (t *tree) directory(name string) (*node, error) { return t.walk(t.root, name) }

// walk is directory for a path that starts at a given directory.
func (t *tree) walk(at *node, name string) (*node, error) {
	rest, links, targets := name, 0, 0
	for rest != "" {
		var part string
		part, rest, _ = strings.Cut(rest, "/")
		switch part {
		case "", ".":
			continue
		case "..":
			if at.above != nil {
				at = at.above
			}
			continue
		}
		next := at.below[part]
		switch {
		case next == nil:
			return nil, fmt.Errorf("no directory %q", join(at.path(), part))
		case next.dir:
			at = next
		case !next.file.isSymlink():
			return nil, fmt.Errorf("%q is not a directory", join(at.path(), part))
		default:
			target := next.file.header.Linkname
			links, targets = links+1, targets+len(target)
			if links > maxLinks || targets > maxTargets {
				return nil, fmt.Errorf("too many symlinks on the way to %q", name)
			}
			if strings.HasPrefix(target, "/") {
				at = t.root
			}
			rest = target + "/" + rest
		}
	}
	return at, nil
}

// path returns the node's path.
func (n *node) path() string {
	var parts []string
	for ; n.above != nil; n = n.above {
		parts = append(parts, n.name)
	}
	slices.Reverse(parts)
	return strings.Join(parts, "/")
}

// slot finds the directory entry for a path, and the node that is there.
func (t *tree) slot(name string) (slot, error) {
	dir, base := split(name)
	at, err := t.directory(dir)
	if err != nil {
		return slot{}, err
	}
	return slot{at, base, at.below[base]}, nil
}

// A slot is an entry of a directory. It may be empty.
type slot struct {
	in    *node
	name  string
	there *node // nil if the slot is empty
}

func (p slot) path() string { return join(p.in.path(), p.name) }

// mkdir makes a directory as mkdir(2) and chown(2) do: it ignores the setuid and setgid bits of the mode, and inherits
// the setgid bit.
func (t *tree) mkdir(name string, a acl) (*node, error) {
	at, err := t.slot(name)
	if err != nil {
		return nil, err
	}
	if at.there != nil {
		return nil, fmt.Errorf("%q exists", at.path())
	}
	a.mode &= modePermissions | modeSticky
	a.mode |= at.in.acl.mode & modeSetgid
	return at.in.put(at.name, &node{dir: true, acl: a}), nil
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
