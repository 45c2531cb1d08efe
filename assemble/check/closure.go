package check

import (
	"cmp"
	"debug/elf"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/pyimg/pyimg/assemble/loader"
	"github.com/pyimg/pyimg/assemble/python"
)

// A want is a library that an object needs by name.
type want struct {
	at   string // the object's path
	name string
}

// wants are the results of the simulated loaders.
type wants struct {
	met     map[want]bool             // found in at least one process
	unmet   map[want][]*loader.Object // not found, with the programs that cannot start without it
	names   map[string]bool           // names of libraries that programs have loaded
	origins map[string]bool           // folders that programs' own rpaths name: dlopen(3) searches them, too
	loaded  map[*loader.Object]bool   // libraries that some program loads when it starts

	started   map[string]bool // paths of programs that the image's command starts
	preloaded map[string]bool // paths of libraries that LD_PRELOAD names
}

// closure checks each ELF file: its machine, its C library, its loader, and that the loader finds the libraries that it needs.
func (c *checker) closure(leads trail, preloaded map[string]bool) {
	w := wants{map[want]bool{}, map[want][]*loader.Object{}, map[string]bool{}, map[string]bool{}, map[*loader.Object]bool{}, leads.started, preloaded}
	var programs, libraries []*loader.Object
	for _, at := range slices.Sorted(maps.Keys(c.Objects)) {
		o := c.Objects[at]
		switch {
		case !c.usable(o, w.started[o.Path]):
		case o.Interp != "":
			programs = append(programs, o)
		case o.Dynamic && o.Type == elf.ET_DYN:
			libraries = append(libraries, o)
		}
	}
	byInterp := map[string]loader.Rules{}
	for _, o := range programs {
		if _, err := c.Tree.Lookup(o.Interp); err != nil {
			c.noLoader(o, w.started[o.Path], err)
			continue
		}
		r, ok := byInterp[o.Interp]
		if !ok {
			r = c.Rules(o.Interp)
			byInterp[o.Interp] = r
		}
		w.simulate(r.Like(o), o, o)
	}
	for _, o := range libraries {
		if !w.loaded[o] {
			r, ok := byInterp[""]
			if !ok {
				r = c.Rules("")
				byInterp[""] = r
			}
			w.simulate(r.Like(o), o, nil)
		}
	}
	c.report(w)
	c.unresolved(w)
}

// usable checks what needs no search. It returns false for an object whose libraries need no search, such as one for another
// machine.
func (c *checker) usable(o *loader.Object, started bool) bool {
	at := "/" + o.Path
	if o.Type == elf.ET_REL || o.Type == elf.ET_CORE || strings.HasSuffix(o.Path, ".debug") || strings.HasPrefix(o.Path, "usr/lib/debug/") {
		return false // for linkers and debuggers, not for the loader
	}
	exposed := c.inPath(o.Path) && o.Executable || c.inSystem(o.Path) || isExtension(o.Path) || started
	severity := Note
	if exposed {
		severity = Error
	}
	switch {
	case o.Err != "":
		c.find(max(severity, Warning), "elf-damaged", at, "replace the file", "%s begins like an ELF file but cannot be read as one: %s", at, o.Err)
		return false
	case !c.fits(o):
		if o.Interp != "" && c.compatible(o) {
			severity = Note
		}
		c.find(severity, "elf-machine", at, "use a build for "+c.Platform, "%s is for %s with %d bits, but %s needs %s with %d",
			at, o.Machine, o.Class, c.Platform, c.Machine, c.Bits)
		return false
	case c.Musl && o.GLIBC() && !c.bridged(o):
		if !exposed && !isMaterial(o.Path) {
			severity = Warning
		}
		c.find(severity, "elf-glibc", at, "use a build for musl (a musllinux wheel, an Alpine package)",
			"%s is built for glibc (%s), but the image has musl", at, glibcSign(o))
		return false
	}
	return true
}

// compatible reports whether a program is a 32-bit one whose loader the image has: most 64-bit kernels run those.
func (c *checker) compatible(o *loader.Object) bool {
	_, err := c.Tree.Lookup(o.Interp)
	return err == nil && o.Class == 32 && c.Bits == 64
}

// bridged reports whether the image can load an object built for glibc, with gcompat's or glibc's own loader.
func (c *checker) bridged(o *loader.Object) bool {
	if o.Interp != "" {
		_, err := c.Tree.Lookup(o.Interp)
		return err == nil
	}
	for at := range c.Objects {
		if base := path.Base(at); strings.HasPrefix(base, "ld-linux") || strings.HasPrefix(base, "libgcompat.so") {
			return true
		}
	}
	return false
}

func glibcSign(o *loader.Object) string {
	if i := path.Base(o.Interp); strings.HasPrefix(i, "ld-linux") || strings.HasPrefix(i, "ld64.so.") || i == "ld.so.1" {
		return "its loader is " + o.Interp
	}
	return "it needs libc.so.6"
}

// noLoader reports a program whose loader is missing: execve(2) refuses it with a misleading "no such file or directory".
func (c *checker) noLoader(o *loader.Object, started bool, err error) {
	severity := Warning
	if started || c.inPath(o.Path) {
		severity = Error
	}
	if isMaterial(o.Path) {
		severity = Note
	}
	fix := "add the C library that it was built for"
	if strings.HasPrefix(path.Base(o.Interp), "ld-musl-") {
		fix = "add musl, or use a build that names musl's loader by its standard path"
	}
	c.find(severity, "elf-interpreter", "/"+o.Path, fix, "/%s cannot start: its loader %s is missing: %v", o.Path, o.Interp, err)
}

// simulate loads what root needs, breadth first as both loaders do. program is nil if root is a library that only dlopen(3)
// loads, from a program that is not known.
func (w *wants) simulate(r loader.Rules, root, program *loader.Object) {
	interp := ""
	first := &loader.Loading{Object: root, Origin: path.Dir("/" + root.Path)}
	if program != nil {
		interp = program.Interp
		for _, dir := range r.RPaths(first) {
			w.origins[dir] = true
		}
	}
	names := map[string]bool{}
	in := map[*loader.Object]bool{root: true}
	for queue := []*loader.Loading{first}; len(queue) > 0; queue = queue[1:] {
		l := queue[0]
		for _, name := range l.Needed {
			if names[name] || r.Itself(name, interp) {
				w.met[want{l.Path, name}] = true
				continue
			}
			o, origin := r.Load(name, l)
			if o == nil {
				w.miss(want{l.Path, name}, program)
				continue
			}
			w.met[want{l.Path, name}], names[name] = true, true
			if program != nil {
				w.names[name], w.loaded[o] = true, true
			}
			if !in[o] {
				in[o] = true
				queue = append(queue, &loader.Loading{Object: o, Origin: origin, By: l})
			}
		}
	}
}

func (w *wants) miss(k want, program *loader.Object) {
	programs := w.unmet[k]
	if program != nil {
		programs = append(programs, program)
	}
	w.unmet[k] = programs // report needs the key even if there are no programs
}

// report turns the libraries that were not found into findings.
func (c *checker) report(w wants) {
	keys := slices.SortedFunc(maps.Keys(w.unmet), func(a, b want) int {
		return cmp.Or(strings.Compare(a.at, b.at), strings.Compare(a.name, b.name))
	})
	for _, k := range keys {
		if programs := w.unmet[k]; len(programs) > 0 {
			c.ended(k, programs, w.started)
		} else if !w.met[k] && !w.lent(k, c) {
			c.missing(k, w.preloaded)
		}
	}
}

// ended reports programs that cannot start.
func (c *checker) ended(k want, programs []*loader.Object, started map[string]bool) {
	severity := Note
	for _, p := range programs {
		switch s := Warning; {
		case started[p.Path] || c.Musl && !isMaterial(p.Path):
			severity = Error
		case !isMaterial(p.Path):
			severity = min(severity, s)
		}
	}
	who := ""
	if p := programs[0]; p.Path != k.at || len(programs) > 1 {
		who = fmt.Sprintf(": /%s cannot start", p.Path)
		if more := len(programs) - 1; more > 0 {
			who += fmt.Sprintf(", nor can %d others", more)
		}
	}
	c.find(severity, "elf-needed", "/"+k.at, c.provider(k), "/%s needs %s, which its loader does not find%s%s", k.at, k.name, c.elsewhere(k), who)
}

// missing reports a library that cannot be loaded.
func (c *checker) missing(k want, preloaded map[string]bool) {
	severity, after := Error, ""
	switch there := c.elsewhere(k) != ""; {
	case python.IsOptional(k.at):
		severity, after = Warning, ": this optional module of Python cannot be imported"
	case preloaded[k.at] && c.Musl: // musl then ends every process
	case isMaterial(k.at), there && !c.inSystem(k.at) && !isExtension(k.at):
		severity = Note
	case !c.Musl, there: // a program may load the needed library first
		severity = Warning
	}
	c.find(severity, "elf-needed", "/"+k.at, c.provider(k), "/%s needs %s, which no loader in the image finds%s%s", k.at, k.name, c.elsewhere(k), after)
}

// lent reports whether a program that loads the object at run time may supply the library: a program has loaded one of that
// name itself, or a program's rpath finds it.
func (w wants) lent(k want, c *checker) bool {
	if w.names[k.name] {
		return true
	}
	for dir := range w.origins {
		if c.Open(path.Join("/", dir, k.name), c.Objects[k.at]) != nil {
			return true
		}
	}
	return false
}

// elsewhere names a file of the wanted name in another folder, for a message, or returns "".
func (c *checker) elsewhere(k want) string {
	for _, at := range c.byName[k.name] {
		if t, err := c.Tree.Lookup(at); err == nil && c.Objects[t.Path] != nil && c.Objects[t.Path].Machine == c.Objects[k.at].Machine {
			return fmt.Sprintf(" (there is /%s, but its folder is not searched)", at)
		}
	}
	return ""
}

func (c *checker) provider(k want) string {
	if c.Musl {
		return "add the package that provides so:" + k.name + ", or exclude the file"
	}
	return "add the package that has " + k.name + ", or leave the file out"
}
