// Package paths changes owners and modes of what the parts of an image bring, and creates symlinks. It makes a layer that has the changed
// paths again: folders as they are to be, files with their content. It does not know what the parts are.
package paths

import (
	"archive/tar"
	"cmp"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/bmatcuk/doublestar/v4"

	"github.com/pyimg/pyimg/assemble/spec"
	"github.com/pyimg/pyimg/internal/rootpath"
	"github.com/pyimg/pyimg/layers/tree"
)

// Apply changes a header of a path by the entries that cover it. resolve follows the symlinks in a path.
func Apply(entries []spec.Path, resolve func(string) string, name string, h *tar.Header) {
	for _, e := range entries {
		if e.Symlink != "" {
			continue
		}
		if covered, below := covers(e, resolve, name); covered {
			change(h, e, below)
		}
	}
}

// covers reports whether an entry is about a path, and whether it is below the path that the entry names.
func covers(e spec.Path, resolve func(string) string, name string) (covered, below bool) {
	want := rootpath.Clean(e.Path)
	if e.IsGlob() {
		for at := name; at != "." && at != ""; at = path.Dir(at) {
			if is, _ := doublestar.Match(want, at); is {
				return true, at != name
			}
			if !e.Recursive {
				break
			}
		}
		return false, false
	}
	want = resolve(want)
	below = e.Recursive && strings.HasPrefix(name, want+"/")
	return name == want || below, below
}

// change sets what an entry says of owner and mode. A symlink has no mode of its own.
func change(h *tar.Header, e spec.Path, below bool) {
	if e.UID != nil {
		h.Uid, h.Uname = *e.UID, ""
	}
	if e.GID != nil {
		h.Gid, h.Gname = *e.GID, ""
	}
	if h.Typeflag != tar.TypeSymlink {
		h.Mode = cmp.Or(e.ModeOf(h.Typeflag == tar.TypeDir, below), h.Mode)
	}
}

// A member is a path of the layer.
type member struct {
	header tar.Header
	node   tree.Node // that the content is from; for regular files alone
}

// planning finds the members.
type planning struct {
	root  *tree.Tree
	owner func(tree.Node) string // says what a path of the root is from
	at    time.Time
	all   map[string]*member
	notes []string
	errs  []error
}

func (p *planning) fault(format string, args ...any) {
	const most = 20
	if len(p.errs) < most {
		p.errs = append(p.errs, fmt.Errorf(format, args...))
	}
}

// plan returns what is to be in the layer, by path.
func (p *planning) plan(entries []spec.Path) error {
	for i, e := range entries {
		by := fmt.Sprintf("paths[%d] (%s)", i, e.Path)
		switch found := p.matching(e); {
		case e.Symlink != "":
			p.link(by, e)
		case len(found) == 0:
			p.fault("%s: the image has nothing there; correct the path, or leave the entry out", by)
		default:
			for _, n := range found {
				p.change(e, n)
			}
		}
	}
	p.dropUnchanged()
	p.joinHardLinks()
	p.lookBehind(entries)
	return errors.Join(p.errs...)
}

// A match is a node that an entry is about.
type match struct {
	tree.Node
	below bool
}

// matching are the nodes of an entry, sorted by path.
func (p *planning) matching(e spec.Path) []match {
	want := rootpath.Clean(e.Path)
	var found []match
	if !e.IsGlob() {
		n, err := p.root.Lookup(want)
		if err != nil || n.Path == "" {
			return nil
		}
		found = append(found, match{n, false})
		if !e.Recursive {
			return found
		}
		for n := range p.root.Beginning(n.Path + "/") {
			found = append(found, match{n, true})
		}
		return found
	}
	fixed, _ := doublestar.SplitPattern(want)
	for n := range p.root.Beginning(strings.TrimPrefix(fixed+"/", "./")) {
		if covered, below := covers(e, nil, n.Path); covered && n.Path != "" {
			found = append(found, match{n, below})
		}
	}
	return found
}

func (p *planning) change(e spec.Path, n match) {
	m := p.all[n.Path]
	if m == nil {
		h := *n.Entry.Header
		h.Name = n.Path
		if n.IsDir() {
			h.Name += "/"
		}
		m = &member{h, n.Node}
		p.all[n.Path] = m
	}
	change(&m.header, e, n.below)
}

// link creates a symlink, and the folders above it that are missing.
func (p *planning) link(by string, e spec.Path) {
	name := p.real(rootpath.Clean(e.Path))
	h := tar.Header{Typeflag: tar.TypeSymlink, Name: name, Linkname: e.Symlink, Mode: 0o777, ModTime: p.at}
	change(&h, e, false)
	old, err := p.root.Lstat(name)
	switch have := old.Entry.Header; {
	case p.all[name] != nil && p.all[name].header.Typeflag == tar.TypeSymlink:
		p.fault("%s: an entry before it is about the same path", by)
		return
	case err != nil:
	case have.Typeflag == tar.TypeSymlink && have.Linkname == e.Symlink && have.Uid == h.Uid && have.Gid == h.Gid:
		return // it is there
	case old.IsDir() && !p.root.IsEmpty(name):
		p.fault("%s: there is a folder of %s with something in it, which a symlink cannot replace", by, p.owner(old))
		return
	case !e.Replace:
		p.fault("%s: there is a file of %s; choose another path, or take its place with replace: true", by, p.owner(old))
		return
	}
	p.all[name] = &member{header: h}
	for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
		if _, err := p.root.Lookup(dir); err == nil || p.all[dir] != nil {
			break
		}
		p.all[dir] = &member{header: tar.Header{Typeflag: tar.TypeDir, Name: dir + "/", Mode: 0o755, ModTime: p.at}}
	}
}

// real is a path with the symlinks among the folders above it followed.
func (p *planning) real(name string) string {
	dir, rest := path.Dir(name), path.Base(name)
	for dir != "." {
		if n, err := p.root.Lookup(dir); err == nil {
			return path.Join(n.Path, rest)
		}
		dir, rest = path.Dir(dir), path.Join(path.Base(dir), rest)
	}
	return rest
}

// dropUnchanged drops what is already as it is to be.
func (p *planning) dropUnchanged() {
	maps.DeleteFunc(p.all, func(_ string, m *member) bool {
		if m.node.Entry.Header == nil || m.node.Implied {
			return false
		}
		old := m.node.Entry.Header
		return m.header.Mode&0o7777 == old.Mode&0o7777 && m.header.Uid == old.Uid && m.header.Gid == old.Gid
	})
}

// source is where the content of a changed file is: the layer, and the path of the member there.
type source struct {
	layer int
	path  string
}

func (m *member) source() source {
	if m.node.Entry.Header.Typeflag == tar.TypeLink {
		return source{m.node.Layer, m.node.Entry.Target()}
	}
	return source{m.node.Layer, m.node.Entry.Path()}
}

// hasContent reports whether the member is a file of the root, which has to be read.
func (m *member) hasContent() bool {
	if m.node.Entry.Header == nil {
		return false
	}
	kind := m.node.Entry.Header.Typeflag
	return kind == tar.TypeReg || kind == tar.TypeLink
}

// joinHardLinks refuses other attributes for names of one file.
func (p *planning) joinHardLinks() {
	first := make(map[source]*member)
	for _, name := range slices.Sorted(maps.Keys(p.all)) {
		m := p.all[name]
		if !m.hasContent() {
			continue
		}
		other := first[m.source()]
		if other == nil {
			first[m.source()] = m
			continue
		}
		if a, b := other.header, m.header; a.Uid != b.Uid || a.Gid != b.Gid || a.Mode&0o7777 != b.Mode&0o7777 {
			p.fault("paths: /%s and /%s are one file with two names (hard links), which has one owner and one mode; give both the same", a.Name, b.Name)
		}
	}
}

// lookBehind notes symlinks that lead to nothing.
func (p *planning) lookBehind(entries []spec.Path) {
	for i, e := range entries {
		if e.Symlink == "" {
			continue
		}
		dir := path.Dir(rootpath.Clean(e.Path))
		target := rootpath.Clean(e.Symlink)
		if !path.IsAbs(e.Symlink) {
			target = rootpath.Clean(path.Join("/", p.real(path.Join(dir, "x")), "..", e.Symlink))
		}
		if _, err := p.root.Lookup(target); err != nil && p.all[target] == nil {
			p.notes = append(p.notes, fmt.Sprintf("paths[%d] (%s): the symlink leads to /%s, which the image does not have", i, e.Path, target))
		}
	}
}
