package root

import (
	"archive/tar"
	"crypto/sha1"
	"time"
)

// An ownedFile is a file of one package.
type ownedFile struct {
	pkg      *rootPackage
	dir      *ownedDir   // nil for a file that was there before and is in no package
	member   string      // its name in the archive, and its path by the name that packages use
	link     string      // the target of a link
	header   *tar.Header // of a file that was there before; a package's file needs none, and there may be hundreds of thousands
	acl      *acl        // as the database says; files share it
	size     int64
	modTime  time.Time
	inode    *inode          // nil where the file has no hard links
	sum      [sha1.Size]byte // of its content
	summed   bool            // sum is known
	below    bool            // it is a file that was there before
	typeflag byte
	// replaced says that another package owns its path now, and the database does not list it.
	replaced bool
}

// An inode is the part of files that hard links share.
type inode struct {
	mode     int64
	uid, gid int
	modTime  time.Time
}

func newOwnedFile(pkg *rootPackage, dir *ownedDir, path string, h *tar.Header, a *acl) *ownedFile {
	return &ownedFile{pkg: pkg, dir: dir, member: path, link: h.Linkname, acl: a, size: h.Size, modTime: h.ModTime, typeflag: h.Typeflag}
}

func (f *ownedFile) path() string { return f.member }

// name returns the file's name within its directory.
func (f *ownedFile) name() string {
	_, base := split(f.member)
	return base
}

func (f *ownedFile) setSum(sum []byte) {
	if len(sum) == sha1.Size {
		f.sum, f.summed = [sha1.Size]byte(sum), true
	}
}

func (f *ownedFile) isSymlink() bool { return f.typeflag == tar.TypeSymlink }

// attributes returns the file's inode, or what it would be without hard links.
func (f *ownedFile) attributes() inode {
	if f.inode != nil {
		return *f.inode
	}
	i := inode{mode: f.acl.mode, uid: f.acl.uid, gid: f.acl.gid, modTime: f.modTime}
	if f.isSymlink() {
		i.mode = modePermissions
	}
	return i
}

func (f *ownedFile) finalHeader() *tar.Header {
	i := f.attributes()
	return &tar.Header{Typeflag: f.typeflag, Name: f.member, Linkname: f.link, Size: f.size, Mode: i.mode, Uid: i.uid, Gid: i.gid, ModTime: i.modTime}
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
