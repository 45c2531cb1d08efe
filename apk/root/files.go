package root

import (
	"archive/tar"
	"crypto/sha1"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/pyimg/pyimg/apk"
)

const (
	checksumRecord = "APK-TOOLS.checksum.SHA1" // PAX keys of apk-v2(5)
	xattrRecord    = "SCHILY.xattr."
	keepPrefix     = ".keep_" // abuild's mark of a directory that is meant to be empty
	newSuffix      = ".apk-new"
	maxFaults      = 20 // errors that are reported at once
	maxMemberName  = 4096 - 10
)

func (n *node) device() bool {
	return n.file.typeflag == tar.TypeChar || n.file.typeflag == tar.TypeBlock
}

// ownFiles returns the packages' files at the paths of files that apk writes itself.
func (t *tree) ownFiles() map[*node]bool {
	own := make(map[*node]bool)
	for _, name := range []string{installedFile, scriptsFile, scriptsFile + gzipSuffix, triggersFile, worldFile, archFile} {
		if at, err := t.slot(name); err == nil && at.there != nil {
			own[at.there] = true
		}
	}
	return own
}

// An installer makes a Root.
type installer struct {
	root          *Root
	files         map[string]*ownedFile // the owner of each path, by the name that packages use
	owners        owners
	contents      map[*ownedFile][]byte // of etc/passwd and etc/group
	acls          map[acl]*acl
	verdicts      map[[2]*rootPackage]verdict // the older first
	base          *Base                       // nil for an empty root
	lost          map[string]bool             // paths of the base that were removed, see Root.Gone
	protected     []protectedPath             // see protects
	protectedDirs map[string]bool

	faults []error
	err    error // what could not be read of the base
}

func newInstaller(o Options) (*installer, error) {
	if o.Dialect != apk.Dialect2 && o.Dialect != apk.Dialect3 {
		return nil, fmt.Errorf("installing: unknown dialect %d of apk, expected 2 or 3", o.Dialect)
	}
	t := newTree()
	return &installer{
		root:     &Root{o: o, tree: t, dirs: make(map[string]*sharedDir)},
		files:    make(map[string]*ownedFile),
		contents: make(map[*ownedFile][]byte), acls: make(map[acl]*acl),
		owners: newOwners(o), verdicts: make(map[[2]*rootPackage]verdict), lost: make(map[string]bool), protectedDirs: make(map[string]bool),
	}, nil
}

// current returns the package that is being installed, the last one.
func (in *installer) current() *rootPackage { return in.root.packages[len(in.root.packages)-1] }

func (in *installer) fault(member, reason string) {
	in.addFault(&MemberError{Package: in.current().Package.String(), Member: member, Reason: reason})
}

func (in *installer) addFault(err error) {
	if len(in.faults) < maxFaults {
		in.faults = append(in.faults, err)
	}
}

// install adds one package, in place of old if that is not nil. As apk does, it first unpacks all members under other names and
// then moves them to their places. So it does not follow a symlink of the same package.
func (in *installer) install(index int, p Installed, old *rootPackage) error {
	if p.Control == nil && p.Package.InstalledSize != 0 {
		return fmt.Errorf("installing %s: no control stream", p.Package)
	}
	rp := &rootPackage{
		Installed: p, index: index,
		byName: make(map[string]*ownedDir), files: make(map[string]*ownedFile),
	}
	in.root.packages = append(in.root.packages, rp)
	kept := make(map[*node]bool)
	if rp.unpacked() && p.Members != nil {
		if err := in.unpack(p, rp, kept); err != nil {
			return err
		}
	}
	if old != nil {
		in.purge(old, kept)
	}
	return in.err
}

// unpack adds the files of a package. It notes in kept those at paths that no package had.
func (in *installer) unpack(p Installed, rp *rootPackage, kept map[*node]bool) error {
	for m, err := range p.Members {
		if err != nil {
			return fmt.Errorf("installing %s: %w", p.Package, err)
		}
		in.add(m)
	}
	for _, d := range rp.dirs {
		in.root.shared(d.name).modified = true
		if in.root.o.Dialect == apk.Dialect3 {
			slices.SortStableFunc(d.files, func(a, b *ownedFile) int { return strings.Compare(a.member, b.member) })
		}
		for _, f := range d.files {
			in.commit(f, kept)
		}
	}
	rp.byName, rp.files = nil, nil
	return nil
}

// add unpacks a member.
func (in *installer) add(m Member) {
	name := m.Header.Name
	if strings.HasPrefix(name, ".") {
		in.current().skip(name, SkipDotName, -1)
		return
	}
	if m.Header.Typeflag == tar.TypeDir {
		name = strings.TrimSuffix(name, "/")
	}
	if reason := unsafeName(name); reason != "" {
		in.fault(m.Header.Name, reason)
		return
	}
	switch m.Header.Typeflag {
	case tar.TypeDir:
		in.addDir(name, m)
	case tar.TypeReg, tar.TypeCont, tar.TypeLink, tar.TypeSymlink, tar.TypeChar, tar.TypeBlock, tar.TypeFifo:
		in.addFile(name, m)
	default:
		in.current().skip(name, SkipType, -1)
	}
}

// unsafeName says what is wrong with a path, or "". A line break in a path would forge entries of the database.
func unsafeName(name string) string {
	switch {
	case len(name) > maxMemberName:
		return "a longer name than any file may have"
	case strings.HasPrefix(name, "/"):
		return "an absolute name"
	case strings.ContainsFunc(name, isControl):
		return "a control character in its name"
	}
	for part := range strings.SplitSeq(name, "/") {
		if part == "" || part == "." || part == ".." {
			return "a name that is not plain: an empty, . or .. part in it"
		}
	}
	return ""
}

// addFile unpacks a member that is not a directory, unless another package's file stays.
func (in *installer) addFile(name string, m Member) {
	p := in.current()
	dir, base := split(name)
	if in.root.o.Dialect == apk.Dialect2 && strings.HasPrefix(base, keepPrefix) && len(base) > len(keepPrefix) {
		p.skip(name, SkipKeep, -1)
		return
	}
	if p.byName[dir] == nil && dir != "" {
		in.fault(name, "no directory entry for it in the archive")
		return
	}
	own := in.ownDir(p, dir)
	f := newOwnedFile(p, own, name, m.Header, in.aclOf(m))
	if reason := in.prepareFile(f, m); reason != "" {
		in.fault(name, reason)
		return
	}
	if old := in.files[name]; old != nil {
		switch in.replacesFile(old.pkg, p) {
		case keepOld:
			p.skip(name, SkipReplaced, old.pkg.index)
			return
		case neither:
			in.addFault(&ConflictError{Path: name, Package: p.Package.String(), Owner: old.pkg.Package.String()})
			return
		}
	}
	own.files = append(own.files, f)
	p.files[name] = f
	if m.Content != nil {
		in.contents[f] = m.Content
	}
}

// prepareFile finds a file's checksum and, for a hard link, its inode. It says why the file cannot be installed, or "".
func (in *installer) prepareFile(f *ownedFile, m Member) string {
	p := in.current()
	if p.files[f.path()] != nil {
		return "listed twice in the archive"
	}
	if _, err := in.root.tree.directory(f.dir.name); err != nil {
		return err.Error()
	}
	if f.typeflag == tar.TypeLink {
		return in.prepareLink(f)
	}
	f.setSum(m.checksum())
	hashed := f.typeflag == tar.TypeReg || f.typeflag == tar.TypeCont || f.isSymlink() && in.root.o.Dialect == apk.Dialect2
	if !f.summed && hashed {
		return "no checksum for it in the archive (" + checksumRecord + ", which abuild adds)"
	}
	return ""
}

// prepareLink finds a hard link's target. It changes the target as link(2), chown(2) and chmod(2) on the link do.
func (in *installer) prepareLink(f *ownedFile) string {
	target := in.current().files[f.link]
	// apk 2 does not find a target in the root directory itself.
	rooted := in.root.o.Dialect == apk.Dialect3 || strings.Contains(f.link, "/")
	if target == nil || !rooted {
		return fmt.Sprintf("the archive has no earlier file %q, the target of this hard link", f.link)
	}
	if t := target.typeflag; t != tar.TypeReg && t != tar.TypeCont && t != tar.TypeLink {
		return fmt.Sprintf("the target %q of this hard link is not a regular file", f.link)
	}
	if target.inode == nil {
		shared := target.attributes()
		target.inode = &shared
	}
	f.sum, f.summed = target.sum, target.summed
	f.inode = target.inode
	f.inode.link(*f.acl, f.modTime)
	return ""
}

func (i *inode) link(a acl, modTime time.Time) {
	i.uid, i.gid, i.modTime = a.uid, a.gid, modTime
	if a.mode&^modePermissions != 0 {
		i.mode = a.mode // apk sets the mode only if chown(2) may have cleared a bit
		return
	}
	i.mode &^= modeSetuid
	if i.mode&0o010 != 0 {
		i.mode &^= modeSetgid
	}
}

// commit moves a file to its place and makes its package the owner of the path. It notes in kept a file at a path that no
// package had.
func (in *installer) commit(f *ownedFile, kept map[*node]bool) {
	at, err := in.root.tree.slot(f.path())
	there, name := at.there, at.name
	if err != nil || there != nil && there.isDir() {
		reason := "a directory is there"
		if err != nil {
			reason = err.Error()
		}
		in.fault(f.member, reason)
		return
	}
	old := in.files[f.path()]
	if old != nil {
		old.replaced = true
	}
	in.files[f.path()] = f
	protected := in.protects(f.dir.name)
	switch {
	case protected && in.base == nil && configured(in.root.o.Dialect, at.path()):
		name += newSuffix
	case there == nil:
	case protected && in.changed(at, old):
		if in.same(at, f) {
			f.pkg.skip(f.member, SkipSame, there.owner())
			in.keep(there, old, kept)
			return
		}
		name += newSuffix
	default:
		// If the file is there under another name, through a symlink, the database keeps both.
		there.file.pkg.skip(there.file.member, SkipReplaced, f.pkg.index)
	}
	in.keep(at.in.put(name, &node{file: f}), old, kept)
	if name == path.Base(passwdFile) || name == path.Base(groupFile) {
		in.owners.committed(join(at.in.path(), name), in.contents[f])
	}
}

// keep notes a file at a path that no package had: it may be a file of the package's former version under another name.
func (in *installer) keep(n *node, old *ownedFile, kept map[*node]bool) {
	if old == nil {
		kept[n] = true
	}
}

// changed reports whether the file that is there is not the one that the database has for its path.
func (in *installer) changed(at slot, known *ownedFile) bool {
	if known == nil {
		return true
	}
	return at.there.file != known && !in.same(at, known)
}

// same reports whether the file that is there has the checksum of f.
func (in *installer) same(at slot, f *ownedFile) bool {
	sum, known := in.sumOf(at.there)
	return known && f.summed && sum == f.sum
}

// sumOf returns the checksum of a file as apk figures it, and false where it has none.
func (in *installer) sumOf(n *node) (sum [sha1.Size]byte, known bool) {
	f := n.file
	switch {
	case f.summed:
		return f.sum, true
	case f.isSymlink():
		return sha1.Sum([]byte(f.link)), true
	case !f.below || n.device() || in.err != nil:
		return sum, false
	}
	read, err := in.base.root.SHA1(n.path())
	if err != nil {
		in.err = fmt.Errorf("reading /%s of the root: %w", n.path(), err)
	}
	f.setSum(read)
	return f.sum, f.summed
}

// owner returns the index of the package that the file is from, or -1.
func (n *node) owner() int { return n.file.pkg.index }

// configured reports whether --initdb makes a file at this path before the packages come, as apk 2 does.
func configured(d apk.Dialect, where string) bool {
	return d == apk.Dialect2 && (where == worldFile || where == archFile)
}

// isControl reports whether r is a control character. apk does not accept these in names, and they must not reach a
// terminal.
func isControl(r rune) bool { return r < 0x20 || r == 0x7f }
