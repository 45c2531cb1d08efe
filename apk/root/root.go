package root

import (
	"archive/tar"
	"cmp"
	"errors"
	"fmt"
	"iter"
	"path"
	"slices"
	"strings"

	"github.com/pyimg/pyimg/apk"
	"github.com/pyimg/pyimg/internal/exit"
)

// Member is one entry of a package's data tar.
type Member struct {
	Header  *tar.Header
	Records iter.Seq2[string, string] // its PAX records; nil: those of Header
	Content []byte                    // of etc/passwd and etc/group, which have the owners' names; nil for all others
}

// Installed is a package to install, with the members of its archive.
type Installed struct {
	Package *apk.Package
	Control *apk.Control
	Members iter.Seq2[Member, error] // in the order of the archive; may be nil
	Tag     string                   // the tag of its repository, see Solution.Tags; mostly ""
}

// Root is the tree of files that apk would have made. It has headers, not contents, so its memory is proportional to
// the number of paths.
type Root struct {
	o        Options
	packages []*rootPackage
	tree     *tree
	dirs     map[string]*sharedDir // by the name that packages use
	own      map[*node]bool        // packages' files at the paths of files that apk writes itself
	base     *Base                 // nil for a root that was empty
	lost     map[string]bool       // paths of the base that were removed, if only for some time
}

// File is a path of the root that is not a directory.
type File struct {
	Path    string // its path, with other packages' symlinks to directories followed
	Package int    // index of its package
	Member  string // its name in that package's archive, unchanged

	file *ownedFile
}

// Header makes the header of the file, with its final numeric owner, mode and time. The Linkname of a hard link
// (tar.TypeLink) is the name of an earlier regular file in the same archive. Links share owner, mode and time. If another
// package's file has replaced the target, Files does not have the target. The link's content is still that of the
// archive's member.
func (f File) Header() *tar.Header { return f.file.finalHeader() }

// Attributes returns the file's final mode and owner.
func (f File) Attributes() (mode int64, uid, gid int) {
	i := f.file.attributes()
	return i.mode, i.uid, i.gid
}

// Symlink returns the target of a symlink, and "" for other files.
func (f File) Symlink() string {
	if !f.file.isSymlink() {
		return ""
	}
	return f.file.link
}

// Dir is a directory of the root.
type Dir struct {
	Path     string
	Mode     int64 // permissions, with setuid, setgid and sticky bits
	UID, GID int
	Packages []int // indexes of the packages that list it, sorted; empty if apk makes it itself
}

// Skip is a member that is not in the root.
type Skip struct {
	Member string // its name in the archive
	Reason SkipReason
	By     int // index of the package whose file replaced it, or -1
}

// SkipReason says why a member is not in the root. Locks and images contain the values, so they never change their
// meaning.
type SkipReason string

// The reasons to skip a member.
const (
	SkipDotName  SkipReason = "dot-name"  // its name begins with a dot
	SkipType     SkipReason = "type-flag" // apk does not know its type
	SkipKeep     SkipReason = "keep-file" // apk 2 does not install .keep_ files
	SkipReplaced SkipReason = "replaced"  // another package's file is there
	SkipSame     SkipReason = "same-file" // the same file is there under another name
	SkipDevice   SkipReason = "device"    // a device node
	SkipOwn      SkipReason = "apks-own"  // apk writes this file itself
)

// String returns the reason as a sentence for people.
func (r SkipReason) String() string {
	switch r {
	case SkipDotName:
		return "its name begins with a dot"
	case SkipType:
		return "its type flag is unknown"
	case SkipKeep:
		return "apk 2 leaves " + keepPrefix + " files out"
	case SkipReplaced:
		return "another package's file is there"
	case SkipSame:
		return "the same file is there under another name"
	case SkipDevice:
		return "it is a device node, and container runtimes make their own"
	case SkipOwn:
		return "apk writes this file itself"
	}
	return string(r)
}

// PendingScript is a script that apk would have run without --no-scripts.
type PendingScript struct {
	Package string // its name
	Type    string
}

// ConflictError says that two packages have the same path, and neither may replace the other's file.
type ConflictError struct {
	Path           string
	Package, Owner string // NAME-VERSION of the later package and of the earlier one
}

func (e *ConflictError) Error() string {
	return fmt.Sprintf("installing %s: trying to overwrite %q owned by %s, which it does not declare to replace", e.Package, e.Path, e.Owner)
}

// ExitCode is exit.Unverified.
func (e *ConflictError) ExitCode() exit.Code { return exit.Unverified }

// MemberError says why a member of an archive cannot be installed.
type MemberError struct {
	Package string // NAME-VERSION
	Member  string // its name in the archive
	Reason  string
}

func (e *MemberError) Error() string {
	return fmt.Sprintf("installing %s: %q: %s", e.Package, e.Member, e.Reason)
}

// ExitCode is exit.Unverified.
func (e *MemberError) ExitCode() exit.Code { return exit.Unverified }

// Install makes the root that "apk add --initdb --no-scripts" makes of an empty directory and these packages, in this
// order. If apk would report errors, Install returns them joined: a *ConflictError or a *MemberError for each.
func Install(packages []Installed, o Options) (*Root, error) {
	in, err := newInstaller(o)
	if err != nil {
		return nil, err
	}
	makeInitialDirs(in.root.tree, o.Dialect)
	for i, p := range packages {
		if err := in.install(i, p, nil); err != nil {
			return nil, err
		}
	}
	in.makeDatabaseDirs()
	return in.finish()
}

func (in *installer) finish() (*Root, error) {
	if len(in.faults) > 0 {
		return nil, errors.Join(in.faults...)
	}
	in.settleDirs()
	in.root.own = in.root.tree.ownFiles()
	return in.root, in.err
}

// Files yields all paths of the root that are not directories, sorted. It leaves out device nodes. They do not belong
// in an image: runtimes make their own, and rootless ones cannot make these.
func (r *Root) Files() iter.Seq[File] {
	return func(yield func(File) bool) {
		for name, n := range r.tree.all() {
			if n.isDir() || n.file.below || n.device() || r.own[n] {
				continue
			}
			if !yield(File{Path: name, Package: n.owner(), Member: n.file.member, file: n.file}) {
				return
			}
		}
	}
}

// Dirs yields all directories of the root but the root itself, sorted.
func (r *Root) Dirs() iter.Seq[Dir] {
	return func(yield func(Dir) bool) {
		owners := r.dirOwners()
		for name, n := range r.tree.all() {
			if !n.isDir() {
				continue
			}
			if !yield(Dir{Path: name, Mode: n.acl.mode, UID: n.acl.uid, GID: n.acl.gid, Packages: owners[n]}) {
				return
			}
		}
	}
}

// dirOwners maps directories to the packages that list them, under any name.
func (r *Root) dirOwners() map[*node][]int {
	owners := make(map[*node][]int)
	for name, d := range r.dirs {
		dir, err := r.tree.directory(name)
		if err != nil {
			continue // another package's file has its name
		}
		for _, o := range d.instances {
			if o.pkg.index >= 0 {
				owners[dir] = append(owners[dir], o.pkg.index)
			}
		}
	}
	for dir, list := range owners {
		slices.Sort(list)
		owners[dir] = slices.Compact(list)
	}
	return owners
}

// Skipped returns the members of package i that are not in the root, sorted by name.
func (r *Root) Skipped(i int) []Skip {
	p := r.packages[slices.IndexFunc(r.packages, func(p *rootPackage) bool { return p.index == i })]
	skips := slices.Clone(p.skips)
	for _, d := range p.dirs {
		for _, f := range d.files {
			if reason := f.absent(r); reason != "" {
				skips = append(skips, Skip{Member: f.member, Reason: reason, By: -1})
			}
		}
	}
	slices.SortStableFunc(skips, func(a, b Skip) int { return cmp.Compare(a.Member, b.Member) })
	return skips
}

// PendingScripts returns the scripts that apk would have run, in its order: first those of installation, upgrade and removal,
// then the triggers whose globs match a directory.
func (r *Root) PendingScripts() []PendingScript {
	var scripts, triggers []PendingScript
	for _, p := range r.packages {
		when := p.moment(r.packages)
		for _, s := range p.scripts() {
			switch {
			case when != "" && strings.HasSuffix(s.Type, when):
				scripts = append(scripts, PendingScript{Package: p.Package.Name, Type: s.Type})
			case s.Type == "trigger" && !p.gone && r.triggered(p):
				triggers = append(triggers, PendingScript{Package: p.Package.Name, Type: s.Type})
			}
		}
	}
	return append(scripts, triggers...)
}

// moment says at the end of which types of scripts apk runs now: "-install", "-upgrade", "-deinstall" or none.
func (p *rootPackage) moment(all []*rootPackage) string {
	same := func(o *rootPackage) bool { return o != p && o.Package.Name == p.Package.Name }
	switch {
	case p.index >= 0 && slices.ContainsFunc(all, same):
		return "-upgrade"
	case p.index >= 0:
		return "-install"
	case p.gone && !slices.ContainsFunc(all, same):
		return "-deinstall"
	}
	return ""
}

// triggered reports whether a package's trigger runs. That of a package that was there already looks at changed folders alone.
func (r *Root) triggered(p *rootPackage) bool {
	for name, d := range r.dirs {
		if d.refs == 0 || p.index < 0 && !d.modified {
			continue
		}
		for _, g := range p.triggers() {
			if ok, err := path.Match(g, "/"+name); ok && err == nil {
				return true
			}
		}
	}
	return false
}
