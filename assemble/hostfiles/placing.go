package hostfiles

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"

	"github.com/pyimg/pyimg/assemble/lock"
	"github.com/pyimg/pyimg/assemble/paths"
	"github.com/pyimg/pyimg/assemble/spec"
	"github.com/pyimg/pyimg/internal/rootpath"
	"github.com/pyimg/pyimg/layers"
	"github.com/pyimg/pyimg/layers/local"
	"github.com/pyimg/pyimg/layers/tree"
)

// Empty reports whether the spec asks for no file and no folder.
func (f *Found) Empty() bool {
	for _, e := range f.entries {
		if len(e.items) > 0 || len(e.each) > 0 {
			return false
		}
	}
	return true
}

// Layer makes the layer of a platform's files, on top of the layers of a tree; owner says what a path of the tree is from. It also returns
// the folders whose owner and mode the spec says.
func (f *Found) Layer(ctx context.Context, platform spec.Platform, under *tree.Tree, owner func(tree.Node) string, o layers.MakeOptions, store *layers.Store,
) (lock.Layer, map[string]bool, error) {
	p := placing{owner: owner, under: under, links: new(rootpath.Links), at: make(map[string]item), paths: f.paths}
	members, err := p.place(f.of(platform))
	if err != nil {
		return lock.Layer{}, nil, err
	}
	blob, err := local.Make(ctx, store, f.folder, members, o)
	if err != nil {
		return lock.Layer{}, nil, fmt.Errorf("making the layer of the spec's files: %w", err)
	}
	return lock.NewLayer(blob, LayerName, []lock.Reason{lock.NewReason(lock.ReasonGenerated)}, nil), p.stated(), nil
}

// A placing finds the paths of files in one platform's image.
type placing struct {
	owner func(tree.Node) string // says what a path of under is from
	under *tree.Tree             // the layers below
	links *rootpath.Links        // symlinks of these, and of the files
	at    map[string]item
	paths []spec.Path // that change owners and modes
	errs  []error
}

// place lists the layer's members, sorted, folders before what is in them. Paths through symlinks, of the layers below
// or of the files themselves, are written where these lead.
func (p *placing) place(items []item) ([]local.Member, error) {
	for n := range p.under.All() {
		if h := n.Entry.Header; h.Typeflag == tar.TypeSymlink {
			p.links.Set(n.Path, h.Linkname)
		}
	}
	isLink := func(i item) bool { return i.header.Typeflag == tar.TypeSymlink }
	for _, i := range items {
		if isLink(i) {
			p.links.Set(p.resolve(i), i.header.Linkname)
		}
	}
	for _, i := range items {
		p.put(p.resolve(i), i)
	}
	p.addParents()
	var members []local.Member
	for _, name := range slices.Sorted(maps.Keys(p.at)) {
		i := p.at[name]
		if !p.settle(name, i) {
			continue
		}
		h := i.header
		paths.Apply(p.paths, p.links.Resolve, name, &h)
		if h.Name = name; h.Typeflag == tar.TypeDir {
			h.Name += "/"
		}
		members = append(members, local.Member{Header: &h, From: i.from})
	}
	return members, errors.Join(p.errs...)
}

// resolve is the real path of an item. A folder may be there as a symlink to one.
func (p *placing) resolve(i item) string {
	name := i.header.Name
	if i.header.Typeflag == tar.TypeDir {
		return p.links.Resolve(name)
	}
	return path.Join(p.links.Resolve(path.Dir(name)), path.Base(name))
}

func (p *placing) fault(format string, args ...any) {
	const most = 20
	if len(p.errs) < most {
		p.errs = append(p.errs, fmt.Errorf(format, args...))
	}
}

// put notes an item at a path. A folder may come twice, with the same owner and mode; otherwise dirs, which comes first,
// decides.
func (p *placing) put(name string, i item) {
	old, taken := p.at[name]
	h, o := i.header, old.header
	folders := h.Typeflag == tar.TypeDir && o.Typeflag == tar.TypeDir
	switch {
	case name == "": // the root is there
	case !taken:
		p.at[name] = i
	case folders && (old.stated && !i.stated || h.Mode == o.Mode && h.Uid == o.Uid && h.Gid == o.Gid):
	case folders:
		p.fault("/%s is %d:%d with mode %04o by %s, and %d:%d with %04o by %s; say under dirs what it is to be",
			name, o.Uid, o.Gid, o.Mode, old.by, h.Uid, h.Gid, h.Mode, i.by)
	default:
		p.fault("/%s comes from %s and from %s; exclude it from one of them", name, old.by, i.by)
	}
}

// addParents adds the folders that nothing else makes.
func (p *placing) addParents() {
	for _, name := range slices.Sorted(maps.Keys(p.at)) {
		i := p.at[name]
		for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
			if _, made := p.at[dir]; made {
				break
			}
			h := tar.Header{Typeflag: tar.TypeDir, Mode: defaultDirMode, ModTime: i.header.ModTime}
			p.at[dir] = item{by: i.by, header: h}
		}
	}
}

// settle compares an item with what the layers below have at its path. A folder that is there stays as it is, unless dirs
// says what it is to be: a file in /tmp does not change the attributes of /tmp. False leaves the path out.
func (p *placing) settle(name string, i item) bool {
	n, err := p.under.Lstat(name)
	if err != nil {
		return true // nothing is there
	}
	folder := i.header.Typeflag == tar.TypeDir
	if folder && n.IsDir() {
		return i.stated || n.Implied
	}
	if !i.replace {
		p.fault("/%s of %s is also in %s; leave it out, or take its place with replace: true", name, i.by, p.owner(n))
	}
	return true
}

// stated are the folders that dirs says something of.
func (p *placing) stated() map[string]bool {
	stated := make(map[string]bool)
	for name, i := range p.at {
		stated[name] = i.stated
	}
	return stated
}
