package root

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/pyimg/pyimg/apk"
)

// Permission bits of a tar header's mode, see tar(5).
const (
	modePermissions = 0o777
	modeSticky      = 0o1000
	modeSetgid      = 0o2000
	modeSetuid      = 0o4000
	modeAll         = modePermissions | modeSticky | modeSetgid | modeSetuid
)

func defaultDirACL() acl  { return acl{mode: 0o755} }
func defaultFileACL() acl { return acl{mode: 0o644} }

// initialDirs returns the directories that "apk add --initdb" makes before the first package. apk 3 makes none. (apk also
// mounts proc while it works. That leaves a directory that no image needs.)
func initialDirs(d apk.Dialect) map[string]acl {
	if d == apk.Dialect3 {
		return nil
	}
	return map[string]acl{
		"etc/apk": defaultDirACL(), "lib/apk/db": defaultDirACL(),
		"tmp": {mode: 0o1777}, "dev": defaultDirACL(),
		"var/cache/apk": defaultDirACL(), "var/cache/misc": defaultDirACL(),
	}
}

// makeDatabaseDirs makes the folders of the files that apk writes after the last package. apk 2 has made them before
// the first one. apk 3 follows symlinks of packages, such as lib -> usr/lib of a /usr-merged root.
func (in *installer) makeDatabaseDirs() {
	for _, name := range []string{databaseDir, configDir} {
		if f, err := in.root.tree.makeThrough(name); err != nil {
			in.addFault(&MemberError{Package: in.root.packages[f.pkg].Package.String(), Member: f.header.Name,
				Reason: fmt.Sprintf("apk writes below %q: %v", name, err)})
		}
	}
	if root := in.root.tree.root; in.root.o.Dialect == apk.Dialect3 && root.below["var"] == nil {
		root.put("var", &node{dir: true, acl: defaultDirACL()}) // the folder of apk's log; an image does not need the log
	}
}

// A sharedDir is a directory by the name that packages use, as in the database.
type sharedDir struct {
	instances []*ownedDir // one of each package that lists it, in install order
	created   bool        // the file system has been checked, and the directory made if it was missing
	node      *node       // set if apk made the directory, and so may change its attributes
	owner     *ownedDir   // Dialect3: the attributes are this one's
}

// An ownedDir is a directory of one package.
type ownedDir struct {
	pkg   int
	name  string
	acl   acl
	files []*ownedFile // in the order in which the database lists them
}

// addDir installs a directory member.
func (in *installer) addDir(name string, m Member) {
	a := in.aclOf(m.Header)
	if in.root.o.Dialect == apk.Dialect2 {
		in.addDir2(name, a)
	} else {
		in.addDir3(name, a)
	}
}

// addDir2 makes the directory. settleDirs sets its attributes after the last package.
func (in *installer) addDir2(name string, a acl) {
	d := in.ownDir(name)
	d.acl = a
	shared := in.root.dirs[name]
	if shared.created || name == "" {
		return
	}
	shared.created = true
	if n, err := in.root.tree.mkdir(name, a); err == nil {
		shared.node = n
	}
	// On an error something is there already, or there is no parent. The latter is reported for the files in it.
}

// settleDirs sets the attributes of the directories that apk 2 made. The lowest uid wins, then the lowest gid, with its
// mode; if the owners are equal, the modes are ANDed. Directories that were there before (from --initdb, or of another
// package under a symlink) keep their attributes.
func (in *installer) settleDirs() {
	if in.root.o.Dialect != apk.Dialect2 {
		return
	}
	for _, shared := range in.root.dirs {
		if shared.node == nil {
			continue
		}
		settled := shared.instances[0].acl
		for _, d := range shared.instances[1:] {
			switch c := cmp.Or(cmp.Compare(d.acl.uid, settled.uid), cmp.Compare(d.acl.gid, settled.gid)); {
			case c < 0:
				settled = d.acl
			case c == 0:
				settled.mode &= d.acl.mode
			}
		}
		shared.node.acl = settled
	}
}

// addDir3 makes the directory and decides at once which package's attributes it gets.
func (in *installer) addDir3(name string, a acl) {
	d := in.ownDir(name)
	d.acl = a
	shared := in.root.dirs[name]
	if shared.owner == nil || in.replacesDir(shared.owner.pkg, d.pkg) {
		if shared.owner != nil && shared.owner.acl != a && shared.node != nil {
			shared.node.acl = a // chmod(2) sets all bits, unlike mkdir(2)
		}
		shared.owner = d
	}
	in.prepare3(name, shared.owner.acl)
}

// prepare3 makes the directory, and parents that no package lists, unless something is there.
func (in *installer) prepare3(name string, a acl) {
	shared := in.root.shared(name)
	if name == "" || shared.created {
		return
	}
	shared.created = true
	parent, _ := split(name)
	in.prepare3(parent, defaultDirACL())
	if n, err := in.root.tree.mkdir(name, a); err == nil {
		shared.node = n
	}
}

// replacesDir reports whether package b's attributes of a directory replace those of package a. It compares
// replaces_priority, then whether a package has the name of their common origin, then the names.
func (in *installer) replacesDir(a, b int) bool {
	pa, pb := in.root.packages[a], in.root.packages[b]
	if pa == pb {
		return true
	}
	if c := cmp.Compare(pa.replacesPriority(), pb.replacesPriority()); c != 0 {
		return c < 0
	}
	if origin := pa.Package.Origin; origin != "" && origin == pb.Package.Origin {
		switch origin {
		case pa.Package.Name:
			return false
		case pb.Package.Name:
			return true
		}
	}
	return pa.Package.Name > pb.Package.Name
}

// ownDir finds or makes the directory of the current package.
func (in *installer) ownDir(name string) *ownedDir {
	p := in.current()
	if d := p.byName[name]; d != nil {
		return d
	}
	d := &ownedDir{pkg: p.index, name: name, acl: defaultDirACL()}
	p.dirs = append(p.dirs, d)
	p.byName[name] = d
	shared := in.root.shared(name)
	shared.instances = append(shared.instances, d)
	return d
}

// shared finds or makes the directory that packages have in common.
func (r *Root) shared(name string) *sharedDir {
	d := r.dirs[name]
	if d == nil {
		d = new(sharedDir)
		r.dirs[name] = d
	}
	return d
}

func makeInitialDirs(t *tree, d apk.Dialect) {
	dirs := initialDirs(d)
	for _, name := range slices.Sorted(maps.Keys(dirs)) {
		t.makeDirs(name, dirs[name])
	}
}
