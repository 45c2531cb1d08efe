package root

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"

	"github.com/pyimg/pyimg/apk"
)

// layBase makes the installer's tree that of the base, and its packages those of the base's database.
func (in *installer) layBase() error {
	foreign := &rootPackage{index: -1, Installed: Installed{Package: new(apk.Package)}}
	for name, h := range in.base.root.All {
		if name = strings.Trim(name, "/"); name == "" {
			continue
		}
		at, err := in.root.tree.slot(name)
		if err != nil {
			return fmt.Errorf("laying out the root: %w", err)
		}
		a := acl{mode: h.Mode & modeAll, uid: h.Uid, gid: h.Gid}
		if h.Typeflag == tar.TypeDir {
			at.in.put(at.name, &node{directory: &directory{there: true, acl: a}})
			continue
		}
		f := newOwnedFile(foreign, nil, name, h, in.shareACL(a))
		f.header, f.below = h, true
		f.setSum(Member{Header: h}.checksum())
		at.in.put(at.name, &node{file: f})
	}
	for _, name := range []string{passwdFile, groupFile} {
		if content, err := in.base.root.Read(name); err == nil {
			in.owners.committed(name, content)
		}
	}
	for i, record := range in.base.records {
		if err := in.layPackage(in.base.Packages[i], record); err != nil {
			return fmt.Errorf("reading apk's database, package %s: %w", in.base.Packages[i].Name, err)
		}
	}
	return nil
}

// layPackage adds a package of the database.
func (in *installer) layPackage(p InstalledPackage, record []byte) error {
	r := recordReader{installer: in, pkg: &rootPackage{index: -1, byName: make(map[string]*ownedDir)}}
	info := apk.Info{Package: p.Package, Replaces: p.Replaces, Triggers: in.base.triggers[p.Checksum]}
	var head strings.Builder
	for line := range bytes.Lines(record) {
		text := strings.TrimSuffix(string(line), "\n")
		field, value, _ := strings.Cut(text, ":")
		if strings.Contains("FMRaZ", field) {
			if err := r.file(field, value); err != nil {
				return fmt.Errorf("%.80q: %w", text, err)
			}
			continue
		}
		if field == "q" {
			info.ReplacesPriority, _ = strconv.Atoi(value)
		}
		head.WriteString(text + "\n")
	}
	r.pkg.record = head.String()
	r.pkg.Installed = Installed{Package: &p.Package, Control: &apk.Control{Info: info, Checksum: p.Checksum, Scripts: in.base.scripts[p.Checksum]}}
	in.root.packages = append(in.root.packages, r.pkg)
	for _, d := range r.pkg.dirs {
		if in.root.o.Dialect == apk.Dialect3 {
			slices.SortStableFunc(d.files, func(a, b *ownedFile) int { return strings.Compare(a.member, b.member) })
			in.claim3(in.root.dirs[d.name], d)
		} else {
			in.root.dirs[d.name].settle(d.acl)
		}
	}
	return nil
}

// A recordReader reads the files of one package of the database.
type recordReader struct {
	*installer
	pkg  *rootPackage
	dir  *ownedDir
	last *ownedFile
}

func (r *recordReader) file(field, value string) error {
	switch field {
	case "F":
		if reason := unsafeName(value); value != "" && reason != "" {
			return errors.New(reason)
		}
		r.dir, r.last = r.ownDir(r.pkg, value), nil
		return nil
	case "R":
		if r.dir == nil || strings.Contains(value, "/") || unsafeName(value) != "" {
			return errors.New("it is no file of a folder")
		}
		r.last = &ownedFile{pkg: r.pkg, dir: r.dir, member: join(r.dir.name, value), acl: r.shareACL(defaultFileACL()), below: true}
		r.dir.files = append(r.dir.files, r.last)
		if old := r.files[r.last.path()]; old != nil {
			old.replaced = true
		}
		r.files[r.last.path()] = r.last
		return nil
	case "Z":
		sum, err := apk.ParseChecksum(value)
		if err != nil || r.last == nil {
			return nil //nolint:nilerr // a checksum of another kind fits no file
		}
		r.last.setSum(sum[:])
		return nil
	}
	a, err := parseACL(value)
	switch {
	case err != nil:
		return err
	case field == "M" && r.dir != nil:
		r.dir.acl = a
	case field == "a" && r.last != nil:
		r.last.acl = r.shareACL(a)
	default:
		return errors.New("it belongs to nothing")
	}
	return nil
}

// parseACL reads UID:GID:MODE[:CHECKSUM].
func parseACL(value string) (acl, error) {
	parts := strings.SplitN(value, ":", 4)
	if len(parts) < 3 {
		return acl{}, errors.New("expected UID:GID:MODE")
	}
	uid, err1 := strconv.ParseUint(parts[0], 10, 31)
	gid, err2 := strconv.ParseUint(parts[1], 10, 31)
	mode, err3 := strconv.ParseUint(parts[2], 8, 16)
	if err1 != nil || err2 != nil || err3 != nil {
		return acl{}, errors.New("expected UID:GID:MODE")
	}
	a := acl{mode: int64(mode) & modeAll, uid: int(uid), gid: int(gid)}
	if len(parts) == 4 {
		a.xattrs = parts[3]
	}
	return a, nil
}

// purge removes a package's files, and folders that nothing is left in. Files that kept has stay: they are the new version's,
// under another name.
func (in *installer) purge(p *rootPackage, kept map[*node]bool) {
	p.gone = true
	apk3 := in.root.o.Dialect == apk.Dialect3
	for _, d := range p.dirs {
		protected := in.protects(d.name)
		in.root.shared(d.name).modified = true
		for _, f := range d.files {
			if f.replaced {
				continue
			}
			at, err := in.root.tree.slot(f.path())
			if err == nil && at.there != nil && !at.there.isDir() && (!apk3 || !kept[at.there]) && (!protected || !in.changed(at, f)) {
				in.remove(at)
			}
			if fresh, err := in.root.tree.slot(f.path() + newSuffix); apk3 && protected && err == nil && fresh.there != nil && !fresh.there.isDir() {
				in.remove(fresh)
			}
			delete(in.files, f.path())
		}
		in.dropDir(d)
	}
}

// remove removes the entry of a directory.
func (in *installer) remove(at slot) {
	if n := at.there; n.isDir() && n.there || !n.isDir() && n.file.below || in.lost[at.path()] {
		in.lost[at.path()] = true
	}
	delete(at.in.below, at.name)
}

// dropDir takes a directory from its package, and removes it if no other package has it and it is empty.
func (in *installer) dropDir(d *ownedDir) {
	shared := in.root.dirs[d.name]
	shared.instances = slices.DeleteFunc(shared.instances, func(o *ownedDir) bool { return o == d })
	if shared.owner == d {
		shared.owner = nil
		for _, o := range shared.instances {
			if shared.owner == nil || replacesDir(shared.owner.pkg, o.pkg) {
				shared.owner = o
			}
		}
		if shared.owner != nil && shared.node != nil {
			shared.node.acl = shared.owner.acl
		}
	}
	if in.root.o.Dialect == apk.Dialect2 {
		in.noticeDir(d.name)
	}
	in.unrefer(d.name)
}

// noticeDir looks at a directory before it may be removed, as apk 2 does: from then on it may change its attributes.
func (in *installer) noticeDir(name string) {
	shared := in.root.dirs[name]
	if shared.created || name == "" || shared.settled == nil {
		return
	}
	if at, err := in.root.tree.slot(name); err == nil && at.there != nil {
		shared.created, shared.node = true, in.asExpected(name, *shared.settled)
	}
}

func (in *installer) unrefer(name string) {
	shared := in.root.dirs[name]
	if shared.refs--; shared.refs > 0 {
		return
	}
	if name != "" {
		if at, err := in.root.tree.slot(name); err == nil && at.there != nil && at.there.isDir() && len(at.there.below) == 0 {
			in.remove(at)
		}
		parent, _ := split(name)
		in.unrefer(parent)
	}
	shared.created, shared.node, shared.owner, shared.settled = false, nil, nil, nil
}

// Gone yields the paths of the base that are not in the root any more, sorted. Of a folder that is gone it yields only the
// folder.
func (r *Root) Gone() iter.Seq[string] {
	return func(yield func(string) bool) {
		paths := make([]string, 0, len(r.lost))
		for p := range r.lost {
			paths = append(paths, p)
		}
		slices.Sort(paths)
		for _, p := range paths {
			dir, base := split(p)
			at, err := r.tree.directory(dir)
			if err != nil || at.path() != dir || at.below[base] != nil {
				continue // its folder is gone, too, or something is there again
			}
			if !yield(p) {
				return
			}
		}
	}
}

// Below yields the paths of the base that are not directories and are still there as they were, sorted.
func (r *Root) Below() iter.Seq2[string, *tar.Header] {
	return func(yield func(string, *tar.Header) bool) {
		if r.base == nil {
			return
		}
		for name, n := range r.tree.all() {
			if !n.isDir() && n.file.below && !yield(name, n.file.header) {
				return
			}
		}
	}
}

// InBase reports whether the base has a file of the database with this content. An architecture that is there stays, as with apk.
func (r *Root) InBase(name string, content []byte) bool {
	if r.base == nil {
		return false
	}
	old, err := r.base.root.Read(name)
	return err == nil && (name == archFile || bytes.Equal(old, content))
}
