package root

import (
	"archive/tar"
	"bytes"
	"crypto/sha1"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"maps"
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

// An ownedFile is a file of one package.
type ownedFile struct {
	pkg     int
	dir     *ownedDir
	name    string // within dir
	header  *tar.Header
	content []byte // of etc/passwd and etc/group
	acl     acl    // as the database says
	sum     []byte // SHA-1; nil where the archive has none
	inode   *inode
	// replaced says that another package owns its path now, and the database does not list it.
	replaced bool
}

// An inode is the part of files that hard links share.
type inode struct {
	mode     int64
	uid, gid int
	modTime  time.Time
}

func (f *ownedFile) path() string { return join(f.dir.name, f.name) }

func (f *ownedFile) isSymlink() bool { return f.header.Typeflag == tar.TypeSymlink }

func (f *ownedFile) finalHeader() *tar.Header {
	h := *f.header
	h.Mode, h.Uid, h.Gid, h.ModTime = f.inode.mode, f.inode.uid, f.inode.gid, f.inode.modTime
	return &h
}

// absent says why a file that the database lists is not in Root.Files, or "".
func (f *ownedFile) absent(r *Root) SkipReason {
	at, err := r.tree.slot(f.path())
	n := at.there
	switch {
	case err != nil || n == nil || n.file != f:
		return "" // skip was called when another file replaced it
	case n.device():
		return SkipDevice
	case r.own[n]:
		return SkipOwn
	}
	return ""
}

func (n *node) device() bool {
	return n.file.header.Typeflag == tar.TypeChar || n.file.header.Typeflag == tar.TypeBlock
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
	root     *Root
	files    map[string]*ownedFile // the owner of each path, by the name that packages use
	owners   owners
	verdicts map[[2]int]verdict // by packages, the older first
	faults   []error
}

func newInstaller(o Options) *installer {
	t := newTree()
	makeInitialDirs(t, o.Dialect)
	return &installer{
		root:   &Root{o: o, tree: t, dirs: make(map[string]*sharedDir)},
		files:  make(map[string]*ownedFile),
		owners: newOwners(o), verdicts: make(map[[2]int]verdict),
	}
}

func (in *installer) current() *rootPackage { return in.root.packages[len(in.root.packages)-1] }

func (in *installer) fault(m Member, reason string) {
	in.addFault(&MemberError{Package: in.current().Package.String(), Member: m.Header.Name, Reason: reason})
}

func (in *installer) addFault(err error) {
	if len(in.faults) < maxFaults {
		in.faults = append(in.faults, err)
	}
}

// install adds one package. As apk does, it first unpacks all members under other names and then moves them to their
// places. So it does not follow a symlink of the same package.
func (in *installer) install(index int, p Installed) error {
	if p.Control == nil && p.Package.InstalledSize != 0 {
		return fmt.Errorf("installing %s: no control stream", p.Package)
	}
	rp := &rootPackage{
		Installed: p, index: index,
		byName: make(map[string]*ownedDir), files: make(map[string]*ownedFile),
	}
	in.root.packages = append(in.root.packages, rp)
	if !rp.unpacked() || p.Members == nil {
		return nil
	}
	for m, err := range p.Members {
		if err != nil {
			return fmt.Errorf("installing %s: %w", p.Package, err)
		}
		in.add(m)
	}
	for _, d := range rp.dirs {
		if in.root.o.Dialect == apk.Dialect3 {
			slices.SortStableFunc(d.files, func(a, b *ownedFile) int { return strings.Compare(a.name, b.name) })
		}
		for _, f := range d.files {
			in.commit(f)
		}
	}
	rp.byName, rp.files = nil, nil
	return nil
}

// add unpacks a member.
func (in *installer) add(m Member) {
	name := m.Header.Name
	if strings.HasPrefix(name, ".") {
		in.current().skip(m, SkipDotName, -1)
		return
	}
	if m.Header.Typeflag == tar.TypeDir {
		name = strings.TrimSuffix(name, "/")
	}
	if reason := unsafeName(name); reason != "" {
		in.fault(m, reason)
		return
	}
	switch m.Header.Typeflag {
	case tar.TypeDir:
		in.addDir(name, m)
	case tar.TypeReg, tar.TypeCont, tar.TypeLink, tar.TypeSymlink, tar.TypeChar, tar.TypeBlock, tar.TypeFifo:
		in.addFile(name, m)
	default:
		in.current().skip(m, SkipType, -1)
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
		p.skip(m, SkipKeep, -1)
		return
	}
	own := p.byName[dir]
	if own == nil && dir != "" {
		in.fault(m, "no directory entry for it in the archive")
		return
	}
	if own == nil {
		own = in.ownDir("")
	}
	f := &ownedFile{pkg: p.index, dir: own, name: base, header: m.Header, content: m.Content, acl: in.aclOf(m.Header)}
	if reason := in.prepareFile(f); reason != "" {
		in.fault(m, reason)
		return
	}
	if old := in.files[name]; old != nil {
		switch in.replacesFile(old.pkg, p.index) {
		case keepOld:
			p.skip(m, SkipReplaced, old.pkg)
			return
		case neither:
			in.addFault(&ConflictError{Path: name, Package: p.Package.String(), Owner: in.root.packages[old.pkg].Package.String()})
			return
		}
	}
	own.files = append(own.files, f)
	p.files[name] = f
}

// prepareFile finds a file's checksum and inode. It says why the file cannot be installed, or "".
func (in *installer) prepareFile(f *ownedFile) string {
	p := in.current()
	if p.files[f.path()] != nil {
		return "listed twice in the archive"
	}
	if _, err := in.root.tree.directory(f.dir.name); err != nil {
		return err.Error()
	}
	h := f.header
	if h.Typeflag == tar.TypeLink {
		return in.prepareLink(f)
	}
	f.inode = &inode{mode: f.acl.mode, uid: f.acl.uid, gid: f.acl.gid, modTime: h.ModTime}
	if f.isSymlink() {
		f.inode.mode = modePermissions
	}
	if text := h.PAXRecords[checksumRecord]; text != "" {
		sum, err := hex.DecodeString(text)
		if err == nil && len(sum) == sha1.Size {
			f.sum = sum
		}
	}
	hashed := h.Typeflag == tar.TypeReg || h.Typeflag == tar.TypeCont || f.isSymlink() && in.root.o.Dialect == apk.Dialect2
	if f.sum == nil && hashed {
		return "no checksum for it in the archive (" + checksumRecord + ", which abuild adds)"
	}
	return ""
}

// prepareLink finds a hard link's target. It changes the target as link(2), chown(2) and chmod(2) on the link do.
func (in *installer) prepareLink(f *ownedFile) string {
	target := in.current().files[f.header.Linkname]
	// apk 2 does not find a target in the root directory itself.
	rooted := in.root.o.Dialect == apk.Dialect3 || strings.Contains(f.header.Linkname, "/")
	if target == nil || !rooted {
		return fmt.Sprintf("the archive has no earlier file %q, the target of this hard link", f.header.Linkname)
	}
	if t := target.header.Typeflag; t != tar.TypeReg && t != tar.TypeCont && t != tar.TypeLink {
		return fmt.Sprintf("the target %q of this hard link is not a regular file", f.header.Linkname)
	}
	f.sum = target.sum
	f.inode = target.inode
	f.inode.link(f.acl, f.header.ModTime)
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

// commit moves a file to its place and makes its package the owner of the path.
func (in *installer) commit(f *ownedFile) {
	at, err := in.root.tree.slot(f.path())
	there, name := at.there, at.name
	if err != nil || there != nil && there.dir {
		reason := "a directory lies there"
		if err != nil {
			reason = err.Error()
		}
		in.fault(Member{Header: f.header}, reason)
		return
	}
	old := in.files[f.path()]
	if old != nil {
		old.replaced = true
	}
	in.files[f.path()] = f
	switch {
	case f.dir.protected() && configured(in.root.o.Dialect, at.path()):
		name += newSuffix
	case there == nil:
	case f.dir.protected() && there.file != old:
		if bytes.Equal(there.file.sum, f.sum) {
			in.current().skip(Member{Header: f.header}, SkipSame, there.file.pkg)
			return
		}
		name += newSuffix
	default:
		// If the file is there under another name, through a symlink, the database keeps both.
		in.root.packages[there.file.pkg].skip(Member{Header: there.file.header}, SkipReplaced, f.pkg)
	}
	at.in.put(name, &node{file: f})
	in.owners.committed(join(at.in.path(), name), f.content)
}

// protected reports whether apk keeps an unknown file in this directory as the administrator's, and writes the
// package's file next to it. These are apk's built-in protected paths.
func (d *ownedDir) protected() bool { return d.name == "etc" || strings.HasPrefix(d.name, "etc/") }

// configured reports whether --initdb makes a file at this path before the packages come, as apk 2 does.
func configured(d apk.Dialect, where string) bool {
	return d == apk.Dialect2 && (where == worldFile || where == archFile)
}

// aclOf returns a member's attributes as the database has them.
func (in *installer) aclOf(h *tar.Header) acl {
	return acl{
		mode:   h.Mode & modeAll,
		uid:    in.owners.user(h.Uname, h.Uid),
		gid:    in.owners.group(h.Gname, h.Gid),
		xattrs: xattrChecksum(h.PAXRecords),
	}
}

// xattrChecksum returns the checksum of extended attributes, "" if there are none. It is over the names and values,
// sorted by name, each after its length.
func xattrChecksum(records map[string]string) string {
	var hashed []byte
	for _, key := range slices.Sorted(maps.Keys(records)) {
		if name, ok := strings.CutPrefix(key, xattrRecord); ok {
			for _, s := range []string{name, records[key]} {
				hashed = binary.BigEndian.AppendUint32(hashed, uint32(len(s)))
				hashed = append(hashed, s...)
			}
		}
	}
	if hashed == nil {
		return ""
	}
	return apk.Checksum(sha1.Sum(hashed)).String()
}

// isControl reports whether r is a control character. apk does not accept these in names, and they must not reach a
// terminal.
func isControl(r rune) bool { return r < 0x20 || r == 0x7f }
