package root

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

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
			in.addFault(&MemberError{Package: f.pkg.Package.String(), Member: f.member,
				Reason: fmt.Sprintf("apk writes below %q: %v", name, err)})
		}
	}
	if root := in.root.tree.root; in.root.o.Dialect == apk.Dialect3 && root.below["var"] == nil {
		root.put("var", newDirectory(defaultDirACL())) // the folder of apk's log; an image does not need the log
	}
}

// A sharedDir is a directory by the name that packages use, as in the database.
type sharedDir struct {
	instances []*ownedDir // one of each package that lists it, in install order
	refs      int         // instances, and directories in it that have some
	created   bool        // the file system has been checked, and the directory made if it was missing
	node      *node       // set if apk made the directory, or found it as expected, and so may change its attributes
	owner     *ownedDir   // Dialect3: the attributes are this one's
	settled   *acl        // Dialect2: the attributes of all instances so far
	modified  bool        // apk worked on files in it
}

// An ownedDir is a directory of one package.
type ownedDir struct {
	pkg   *rootPackage
	name  string
	acl   acl
	files []*ownedFile // in the order in which the database lists them
}

// addDir installs a directory member.
func (in *installer) addDir(name string, m Member) {
	a := *in.aclOf(m)
	if in.root.o.Dialect == apk.Dialect2 {
		in.addDir2(name, a)
	} else {
		in.addDir3(name, a)
	}
}

// addDir2 makes the directory. settleDirs sets its attributes after the last package.
func (in *installer) addDir2(name string, a acl) {
	d := in.ownDir(in.current(), name)
	in.prepare2(name, a)
	d.acl = a
	in.root.dirs[name].settle(a)
}

// prepare2 makes the directory, unless something is there. If that is a directory as the database has it, its attributes may
// change later.
func (in *installer) prepare2(name string, a acl) {
	shared := in.root.shared(name)
	if shared.created || name == "" {
		return
	}
	shared.created = true
	if n, err := in.root.tree.mkdir(name, a); err == nil {
		shared.node = n
		return
	}
	if shared.settled != nil {
		shared.node = in.asExpected(name, *shared.settled)
	}
}

// asExpected returns the directory if it has these attributes, else nil.
func (in *installer) asExpected(name string, want acl) *node {
	at, err := in.root.tree.slot(name)
	if n := at.there; err == nil && n != nil && n.isDir() && n.acl.mode == want.mode && n.acl.uid == want.uid && n.acl.gid == want.gid {
		return n
	}
	return nil
}

// settle adds the attributes of one package's directory: the lowest uid wins, then the lowest gid, with its mode; if the owners
// are equal, the modes are ANDed.
func (d *sharedDir) settle(a acl) {
	if d.settled == nil {
		d.settled = &a
		return
	}
	switch c := cmp.Or(cmp.Compare(a.uid, d.settled.uid), cmp.Compare(a.gid, d.settled.gid)); {
	case c < 0:
		d.settled = &a
	case c == 0:
		d.settled.mode &= a.mode
	}
}

// settleDirs sets the attributes of the directories that apk 2 made, or found as it expected. Directories that were there before
// (from --initdb, or of another package under a symlink) keep their attributes.
func (in *installer) settleDirs() {
	if in.root.o.Dialect != apk.Dialect2 {
		return
	}
	for _, shared := range in.root.dirs {
		if shared.node == nil {
			continue
		}
		if len(shared.instances) > 0 {
			shared.settled = nil
		}
		for _, d := range shared.instances {
			shared.settle(d.acl)
		}
		shared.node.acl = *shared.settled
	}
}

// addDir3 makes the directory and decides at once which package's attributes it gets.
func (in *installer) addDir3(name string, a acl) {
	d := in.ownDir(in.current(), name)
	d.acl = a
	shared := in.root.dirs[name]
	var expected *acl
	if shared.owner != nil {
		was := shared.owner.acl
		expected = &was
	}
	in.claim3(shared, d)
	in.prepare3(name, expected, shared.owner.acl)
}

// claim3 gives the directory the attributes of one package's, if that one replaces the owner.
func (in *installer) claim3(shared *sharedDir, d *ownedDir) {
	if shared.owner != nil && !replacesDir(shared.owner.pkg, d.pkg) {
		return
	}
	if shared.owner != nil && shared.owner.acl != d.acl && shared.node != nil {
		shared.node.acl = d.acl // chmod(2) sets all bits, unlike mkdir(2)
	}
	shared.owner = d
}

// prepare3 makes the directory, and parents that no package lists. If a directory is there with the expected attributes, they
// may change later.
func (in *installer) prepare3(name string, expected *acl, a acl) {
	shared := in.root.shared(name)
	if name == "" || shared.created {
		return
	}
	shared.created = true
	parent, _ := split(name)
	usual := defaultDirACL()
	in.prepare3(parent, &usual, usual)
	if n, err := in.root.tree.mkdir(name, a); err == nil {
		shared.node = n
	} else if expected != nil {
		shared.node = in.asExpected(name, *expected)
	}
}

// replacesDir reports whether package b's attributes of a directory replace those of package a. It compares
// replaces_priority, then whether a package has the name of their common origin, then the names.
func replacesDir(a, b *rootPackage) bool {
	switch {
	case a == b, a.Package.Name == b.Package.Name:
		return true
	case a.going || b.going:
		return a.going
	}
	if c := cmp.Compare(a.replacesPriority(), b.replacesPriority()); c != 0 {
		return c < 0
	}
	if origin := a.Package.Origin; origin != "" && origin == b.Package.Origin {
		switch origin {
		case a.Package.Name:
			return false
		case b.Package.Name:
			return true
		}
	}
	return a.Package.Name > b.Package.Name
}

// maxUnsorted is how many directories apk 3 appends to a package's sorted ones before it sorts them all.
const maxUnsorted = 32

// ownDir finds or makes the directory of a package, which the database then lists.
func (in *installer) ownDir(p *rootPackage, name string) *ownedDir {
	if p.selected != nil && p.selected.name == name {
		return p.selected
	}
	byName := func(a, b *ownedDir) int { return strings.Compare(a.name, b.name) }
	if in.root.o.Dialect == apk.Dialect3 && p.unsorted > maxUnsorted {
		slices.SortFunc(p.dirs, byName)
		p.unsorted = 0
	}
	d := p.byName[name]
	if d == nil {
		d = &ownedDir{pkg: p, name: name, acl: defaultDirACL()}
		if n := len(p.dirs); p.unsorted > 0 || n > 0 && byName(d, p.dirs[n-1]) < 0 {
			p.unsorted++
		}
		p.dirs = append(p.dirs, d)
		p.byName[name] = d
		shared := in.root.refer(name)
		shared.instances = append(shared.instances, d)
	}
	p.selected = d
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

// refer counts one more directory of a package, or in a directory.
func (r *Root) refer(name string) *sharedDir {
	d := r.shared(name)
	if d.refs == 0 && name != "" {
		parent, _ := split(name)
		r.refer(parent)
	}
	d.refs++
	return d
}

func makeInitialDirs(t *tree, d apk.Dialect) {
	dirs := initialDirs(d)
	for _, name := range slices.Sorted(maps.Keys(dirs)) {
		t.makeDirs(name, dirs[name])
	}
}
