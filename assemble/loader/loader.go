// Package loader finds shared libraries in a tree as the loader that a program names does: musl's (ldso/dynlink.c) or glibc's
// (ld.so(8)). It runs nothing and reports nothing: what a library that is not found means is for the caller to say.
package loader

import (
	"path"
	"strings"

	"github.com/pyimg/pyimg/layers"
	"github.com/pyimg/pyimg/layers/tree"
)

// A Root is a root in which loaders search. Its methods remember what they found, so they must not run at the same time.
type Root struct {
	Objects map[string]*Object // the ELF files, by their real paths
	Musl    bool               // the C library is musl
	Env     string             // LD_LIBRARY_PATH

	tree   *tree.Tree
	opened map[string]*Object // by each path that was tried; nil if it has no object
}

// An Object is an ELF file of a root.
type Object struct {
	*layers.ELF
	Path       string // without a leading slash
	Executable bool
}

// NewRoot lists the ELF files of a tree.
func NewRoot(t *tree.Tree, env string) *Root {
	r := &Root{tree: t, Env: env, Objects: make(map[string]*Object), opened: make(map[string]*Object)}
	glibc, musl := false, false
	for n := range t.All() {
		if f := n.Entry.ELF; f != nil {
			r.Objects[n.Path] = &Object{ELF: f, Path: n.Path, Executable: n.Entry.Header.Mode&0o111 != 0}
		}
		if dir, base := path.Split(n.Path); strings.HasPrefix(dir, "lib") || strings.HasPrefix(dir, "usr/lib") {
			musl = musl || strings.HasPrefix(base, "ld-musl-")
			glibc = glibc || strings.HasPrefix(base, "ld-linux") || strings.HasPrefix(base, "ld64.so.")
		}
	}
	r.Musl = musl || !glibc
	return r
}

// Rules say how one loader finds libraries.
type Rules struct {
	root   *Root
	musl   bool
	like   *Object  // a library must have its machine and class; nil: any
	env    []string // of LD_LIBRARY_PATH
	system []string
}

// Rules returns the rules of the loader that a program names, or for "" those of the root's C library.
func (c *Root) Rules(interp string) Rules {
	r := Rules{root: c, musl: c.Musl, env: strings.FieldsFunc(c.Env, func(r rune) bool { return r == ':' || r == ';' })}
	if interp != "" {
		r.musl = strings.HasPrefix(path.Base(interp), "ld-musl-")
	}
	if r.musl {
		r.system = c.muslPath(interp)
	} else {
		r.system = c.glibcPath()
	}
	return r
}

// Like returns the rules for an object: a library must have its machine and class.
func (r Rules) Like(o *Object) Rules {
	r.like = o
	return r
}

// System returns the folders that the loader searches by default.
func (r Rules) System() []string { return r.system }

// muslDefault is musl's search path without an /etc/ld-musl-ARCH.path (ldso/dynlink.c).
func muslDefault() []string { return []string{"/lib", "/usr/local/lib", "/usr/lib"} }

// MuslPath returns the folders in which musl's loader searches the libraries that the file at a path needs: the file's own
// rpath, then musl's default.
func MuslPath(f *layers.ELF, at string) []string {
	own := &Loading{Object: &Object{ELF: f, Path: at}, Origin: path.Dir("/" + at)}
	return append(Rules{musl: true}.RPaths(own), muslDefault()...)
}

// muslPath returns the folders that musl searches after rpaths: those in etc/ld-musl-ARCH.path below the loader's own prefix,
// or the default ones (ldso/dynlink.c, load_library).
func (c *Root) muslPath(interp string) []string {
	if interp == "" {
		for n := range c.tree.All() {
			if strings.HasPrefix(path.Base(n.Path), "ld-musl-") && n.Entry.ELF != nil {
				interp = "/" + n.Path
				break
			}
		}
	}
	arch, _ := strings.CutSuffix(path.Base(interp), ".so.1")
	prefix := path.Dir(path.Dir(interp))
	n, err := c.tree.Lookup(path.Join("/", prefix, "etc", arch+".path"))
	if err != nil || n.Entry.Header.Typeflag == '5' {
		return muslDefault()
	}
	return strings.FieldsFunc(string(n.Entry.Kept), func(r rune) bool { return r == ':' || r == '\n' })
}

// glibcPath returns the folders that ldconfig(8) reads for its cache, as far as the image shows: those of ld.so.conf, the usual
// ones and those of multiarch.
func (c *Root) glibcPath() []string {
	dirs := []string{"/lib", "/usr/lib", "/lib64", "/usr/lib64", "/usr/local/lib", "/lib32", "/usr/lib32"}
	for n := range c.tree.All() {
		dir, base := path.Split(n.Path)
		switch {
		case n.Path == "etc/ld.so.conf", dir == "etc/ld.so.conf.d/" && strings.HasSuffix(base, ".conf"):
			for line := range strings.Lines(string(n.Entry.Kept)) {
				if line = strings.TrimSpace(line); path.IsAbs(line) {
					dirs = append(dirs, line)
				}
			}
		case n.IsDir() && (dir == "lib/" || dir == "usr/lib/") && strings.Contains(base, "-linux-gnu"):
			dirs = append(dirs, "/"+n.Path)
		}
	}
	return dirs
}

// A Loading is an object in a process.
type Loading struct {
	*Object
	Origin string   // the folder of the path by which it was found
	By     *Loading // what loaded it; nil for the program
}

// Open returns the library at a path, or nil if there is none for the machine.
func (r Rules) Open(at string) *Object { return r.root.Open(at, r.like) }

// Open returns the ELF file at a path, or nil if there is none with the machine and class of another one; that may be nil.
func (c *Root) Open(at string, like *Object) *Object {
	o, known := c.opened[at]
	if !known {
		if n, err := c.tree.Lookup(at); err == nil {
			o = c.Objects[n.Path]
		}
		c.opened[at] = o
	}
	if o != nil && like != nil && (o.Machine != like.Machine || o.Class != like.Class) {
		return nil
	}
	return o
}

// Search finds the library that by needs. It returns the folder in which it found the library, too.
func (r Rules) Search(name string, by *Loading) (*Object, string) {
	for _, dirs := range [][]string{r.env, r.RPaths(by), r.system} {
		for _, dir := range dirs {
			if o := r.Open(path.Join("/", dir, name)); o != nil {
				return o, dir
			}
		}
	}
	return nil, ""
}

// RPaths returns the folders that objects name themselves. musl treats RUNPATH like RPATH: both count for everything that the
// object loads. In glibc RUNPATH counts only for the object itself, and RPATH does not count then.
func (r Rules) RPaths(by *Loading) []string {
	var dirs []string
	for l := by; l != nil; l = l.By {
		list := l.RunPath
		switch {
		case len(list) == 0:
			list = l.RPath
		case !r.musl && l != by:
			continue
		}
		dirs = append(dirs, r.expand(list, l.Origin)...)
		if !r.musl && l == by && len(l.RunPath) > 0 {
			break
		}
	}
	return dirs
}

// expand replaces $ORIGIN. musl drops a list that has any other variable (fixup_rpath).
func (r Rules) expand(list []string, origin string) []string {
	var dirs []string
	for _, dir := range list {
		dir = strings.NewReplacer("${ORIGIN}", origin, "$ORIGIN", origin).Replace(dir)
		switch {
		case strings.Contains(dir, "$") && r.musl:
			return nil
		case strings.Contains(dir, "$"):
			for _, lib := range []string{"lib", "lib64"} {
				dirs = append(dirs, strings.NewReplacer("${LIB}", lib, "$LIB", lib).Replace(dir))
			}
		case dir != "":
			dirs = append(dirs, dir)
		}
	}
	return dirs
}

// Itself reports whether the name is a part of the loader itself, so that the process has it already.
func (r Rules) Itself(name string, interp string) bool {
	if interp != "" && path.Base(interp) == name {
		return true
	}
	if !r.musl {
		return strings.HasPrefix(name, "ld-linux") || strings.HasPrefix(name, "ld64.so.") || strings.HasPrefix(name, "linux-vdso")
	}
	if strings.HasPrefix(name, "ld-musl-") {
		return true
	}
	for _, own := range []string{"c", "pthread", "rt", "m", "dl", "util", "xnet"} { // ldso/dynlink.c, load_library
		if strings.HasPrefix(name, "lib"+own+".") {
			return true
		}
	}
	return false
}

// Load finds the library for a name that an object needs; a name with a slash is a path. It returns the folder of the path by
// which it found the library, too.
func (r Rules) Load(name string, by *Loading) (*Object, string) {
	if strings.Contains(name, "/") {
		if !r.musl { // musl does not expand such a path
			name = strings.Join(r.expand([]string{name}, by.Origin), "")
		}
		return r.Open(name), path.Dir(name)
	}
	return r.Search(name, by)
}
