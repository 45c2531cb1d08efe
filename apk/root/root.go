package root

import (
	"archive/tar"
	"cmp"
	"errors"
	"fmt"
	"iter"
	"path"
	"slices"

	"github.com/pyimg/pyimg/apk"
	"github.com/pyimg/pyimg/internal/exit"
)

// Member is one entry of a package's data tar.
type Member struct {
	Header  *tar.Header
	Content []byte // of etc/passwd and etc/group, which have the owners' names; nil for all others
}

// Installed is a package to install, with the members of its archive.
type Installed struct {
	Package *apk.Package
	Control *apk.Control
	Members iter.Seq2[Member, error] // in the order of the archive; may be nil
	Tag     string                   // the tag of its repository, see Solution.Tags; mostly ""
}

// Options are the dialect, the architecture and additional accounts.
type Options struct {
	Dialect apk.Dialect
	Arch    string // for etc/apk/arch
	// Passwd and Group are lines of passwd(5) and group(5) for accounts that the root has in addition to those of its
	// packages. Install looks up owners there that the packages' own files do not have.
	Passwd, Group string
}

// Root is the tree of files that apk would have made. It has headers, not contents, so its memory is proportional to
// the number of paths.
type Root struct {
	o        Options
	packages []*rootPackage
	tree     *tree
	dirs     map[string]*sharedDir // by the name that packages use
	own      map[*node]bool        // packages' files at the paths of files that apk writes itself
}

// File is a path of the root that is not a directory.
type File struct {
	Path    string // its path, with other packages' symlinks to directories followed
	Package int    // index of its package
	Member  string // its name in that package's archive, unchanged

	// Header is the member's header, with the file's final numeric owner, mode and time. The Linkname of a hard link
	// (tar.TypeLink) is the name of an earlier regular file in the same archive. Links share owner, mode and time. If
	// another package's file has replaced the target, Files does not have the target. The link's content is still that
	// of the archive's member.
	Header *tar.Header
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
	Package int // index of its package
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
	if o.Dialect != apk.Dialect2 && o.Dialect != apk.Dialect3 {
		return nil, fmt.Errorf("installing: unknown dialect %d of apk, expected 2 or 3", o.Dialect)
	}
	in := newInstaller(o)
	for i, p := range packages {
		if err := in.install(i, p); err != nil {
			return nil, err
		}
	}
	in.makeDatabaseDirs()
	if len(in.faults) > 0 {
		return nil, errors.Join(in.faults...)
	}
	in.settleDirs()
	in.root.own = in.root.tree.ownFiles()
	return in.root, nil
}

// Files yields all paths of the root that are not directories, sorted. It leaves out device nodes. They do not belong
// in an image: runtimes make their own, and rootless ones cannot make these.
func (r *Root) Files() iter.Seq[File] {
	return func(yield func(File) bool) {
		for name, n := range r.tree.all() {
			if n.dir || n.device() || r.own[n] {
				continue
			}
			if !yield(File{Path: name, Package: n.file.pkg, Member: n.file.header.Name, Header: n.file.finalHeader()}) {
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
			if !n.dir {
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
			owners[dir] = append(owners[dir], o.pkg)
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
	p := r.packages[i]
	skips := slices.Clone(p.skips)
	for _, d := range p.dirs {
		for _, f := range d.files {
			if reason := f.absent(r); reason != "" {
				skips = append(skips, Skip{Member: f.header.Name, Reason: reason, By: -1})
			}
		}
	}
	slices.SortStableFunc(skips, func(a, b Skip) int { return cmp.Compare(a.Member, b.Member) })
	return skips
}

// PendingScripts returns the scripts that apk would have run, in its order: first those of installation, then the
// triggers whose globs match a directory.
func (r *Root) PendingScripts() []PendingScript {
	var scripts, triggers []PendingScript
	for i, p := range r.packages {
		for _, s := range p.scripts() {
			switch {
			case s.Type == "pre-install" || s.Type == "post-install":
				scripts = append(scripts, PendingScript{Package: i, Type: s.Type})
			case s.Type == "trigger" && r.triggered(p.triggers()):
				triggers = append(triggers, PendingScript{Package: i, Type: s.Type})
			}
		}
	}
	return append(scripts, triggers...)
}

func (r *Root) triggered(globs []string) bool {
	for name := range r.dirs {
		for _, g := range globs {
			if ok, err := path.Match(g, "/"+name); ok && err == nil {
				return true
			}
		}
	}
	return false
}
