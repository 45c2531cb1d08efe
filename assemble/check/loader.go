package check

import (
	"path"
	"strings"

	"github.com/pyimg/pyimg/layers"
)

// rules say how one loader finds libraries.
type rules struct {
	c      *facts
	musl   bool
	like   *object  // a library must have its machine and class; may be nil
	env    []string // LD_LIBRARY_PATH
	system []string // the folders that the loader searches by default
}

// rules returns the rules of the loader that a program names, or for "" those of the image's C library.
func (c *facts) rules(interp string) rules {
	r := rules{c: c, musl: c.musl, env: strings.FieldsFunc(c.env("LD_LIBRARY_PATH"), func(r rune) bool { return r == ':' || r == ';' })}
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

// muslDefault is musl's search path without an /etc/ld-musl-ARCH.path (ldso/dynlink.c).
func muslDefault() []string { return []string{"/lib", "/usr/local/lib", "/usr/lib"} }

// MuslPath returns the folders in which musl's loader searches the libraries that the file at a path needs: the file's own
// rpath, then musl's default.
func MuslPath(f *layers.ELF, at string) []string {
	own := &loading{object: &object{ELF: f, at: at}, origin: path.Dir("/" + at)}
	return append(rules{musl: true}.rpaths(own), muslDefault()...)
}

// muslPath returns the folders that musl searches after rpaths: those in etc/ld-musl-ARCH.path below the loader's own prefix,
// or the default ones (ldso/dynlink.c, load_library).
func (c *facts) muslPath(interp string) []string {
	if interp == "" {
		for n := range c.Tree.All() {
			if strings.HasPrefix(path.Base(n.Path), "ld-musl-") && n.Entry.ELF != nil {
				interp = "/" + n.Path
				break
			}
		}
	}
	arch, _ := strings.CutSuffix(path.Base(interp), ".so.1")
	prefix := path.Dir(path.Dir(interp))
	n, err := c.Tree.Lookup(path.Join("/", prefix, "etc", arch+".path"))
	if err != nil || n.Entry.Header.Typeflag == '5' {
		return muslDefault()
	}
	return strings.FieldsFunc(string(n.Entry.Kept), func(r rune) bool { return r == ':' || r == '\n' })
}

// glibcPath returns the folders that ldconfig(8) reads for its cache, as far as the image shows: those of ld.so.conf, the usual
// ones and those of multiarch.
func (c *facts) glibcPath() []string {
	dirs := []string{"/lib", "/usr/lib", "/lib64", "/usr/lib64", "/usr/local/lib", "/lib32", "/usr/lib32"}
	for n := range c.Tree.All() {
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

// A loading is an object in a process.
type loading struct {
	*object
	origin string   // the folder of the path by which it was found
	by     *loading // what loaded it; nil for the program
}

// open returns the library at a path, or nil if there is none for the machine.
func (r rules) open(at string) *object {
	o, known := r.c.opened[at]
	if !known {
		if n, err := r.c.Tree.Lookup(at); err == nil {
			o = r.c.objects[n.Path]
		}
		r.c.opened[at] = o
	}
	if o != nil && r.like != nil && (o.Machine != r.like.Machine || o.Class != r.like.Class) {
		return nil
	}
	return o
}

// search finds the library that by needs. It returns the folder in which it found the library, too.
func (r rules) search(name string, by *loading) (*object, string) {
	for _, dirs := range [][]string{r.env, r.rpaths(by), r.system} {
		for _, dir := range dirs {
			if o := r.open(path.Join("/", dir, name)); o != nil {
				return o, dir
			}
		}
	}
	return nil, ""
}

// rpaths returns the folders that objects name themselves. musl treats RUNPATH like RPATH: both count for everything that the
// object loads. In glibc RUNPATH counts only for the object itself, and RPATH does not count then.
func (r rules) rpaths(by *loading) []string {
	var dirs []string
	for l := by; l != nil; l = l.by {
		list := l.RunPath
		switch {
		case len(list) == 0:
			list = l.RPath
		case !r.musl && l != by:
			continue
		}
		dirs = append(dirs, r.expand(list, l.origin)...)
		if !r.musl && l == by && len(l.RunPath) > 0 {
			break
		}
	}
	return dirs
}

// expand replaces $ORIGIN. musl drops a list that has any other variable (fixup_rpath).
func (r rules) expand(list []string, origin string) []string {
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

// itself reports whether the name is a part of the loader itself, so that the process has it already.
func (r rules) itself(name string, interp string) bool {
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
