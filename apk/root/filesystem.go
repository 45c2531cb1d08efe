package root

import (
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/pyimg/pyimg/internal/rootpath"
)

// A tree is the file system that apk writes to. The cost of a look-up grows with the length of the path only.
type tree struct{ root *node }

// A node is a directory or a file.
type node struct {
	*directory            // nil for a file
	file       *ownedFile // of a file
	name       string
	above      *node // its directory; nil for the root
}

// A directory is what only directories have.
type directory struct {
	there bool // the base has it
	acl   acl
	below map[string]*node // by name
}

func newDirectory(a acl) *node { return &node{directory: &directory{acl: a}} }

func (n *node) isDir() bool { return n.directory != nil }

// An acl is what apk calls an ACL: mode, owner and a checksum of extended attributes.
type acl struct {
	mode     int64
	uid, gid int
	xattrs   string
}

func newTree() *tree { return &tree{root: newDirectory(defaultDirACL())} }

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
		t.root.each("", yield)
	}
}

// each yields what is below a directory, sorted by path. A slash sorts after some bytes that a name may have, so entries
// such as "a-b" come between "a" and "a/b". It reports whether yield wants more.
func (n *node) each(dir string, yield func(string, *node) bool) bool {
	keys := make([]string, 0, len(n.below))
	for name, entry := range n.below {
		keys = append(keys, name)
		if entry.isDir() && len(entry.below) > 0 {
			keys = append(keys, name+"/")
		}
	}
	slices.Sort(keys)
	for _, key := range keys {
		name, contents := strings.CutSuffix(key, "/")
		entry := n.below[name]
		if contents && !entry.each(entry.pathIn(dir), yield) || !contents && !yield(entry.pathIn(dir), entry) {
			return false
		}
	}
	return true
}

// pathIn is join of the directory's path and the node's name. A file is mostly where its archive has it, and then needs no
// new string.
func (n *node) pathIn(dir string) string {
	if n.file != nil {
		if member, name := split(n.file.member); member == dir && name == n.name {
			return n.file.member
		}
	}
	return join(dir, n.name)
}

// makeDirs makes a directory and its parents, as --initdb does.
func (t *tree) makeDirs(name string, a acl) {
	n := t.root
	for part := range strings.SplitSeq(name, "/") {
		next := n.below[part]
		if next == nil {
			next = n.put(part, newDirectory(defaultDirACL()))
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
			next = at.put(part, newDirectory(defaultDirACL()))
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
	at, err := rootpath.Follow(directories{t}, at, name)
	if errors.Is(err, rootpath.ErrLoop) {
		return nil, fmt.Errorf("%w on the way to %q", err, name)
	}
	if err != nil {
		return nil, err
	}
	return at, nil
}

// directories implements rootpath.Dirs for the file system that apk writes to: what is not there is an error, as it is for apk.
type directories struct{ *tree }

func (d directories) Root() *node { return d.root }

func (d directories) Up(at *node) *node {
	if at.above == nil {
		return at
	}
	return at.above
}

func (d directories) Enter(at *node, name string, _ bool) (rootpath.Entry[*node], error) {
	next := at.below[name]
	switch {
	case next == nil:
		return rootpath.Entry[*node]{}, fmt.Errorf("no directory %q", join(at.path(), name))
	case next.isDir():
		return rootpath.Entry[*node]{To: next}, nil
	case next.file.isSymlink():
		return rootpath.Entry[*node]{Link: true, Target: next.file.link}, nil
	}
	return rootpath.Entry[*node]{}, fmt.Errorf("%q is not a directory", join(at.path(), name))
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
	return at.in.put(at.name, newDirectory(a)), nil
}
