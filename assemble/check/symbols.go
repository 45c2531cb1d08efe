package check

import (
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/pyimg/pyimg/assemble/loader"
	"github.com/pyimg/pyimg/assemble/python"
	"github.com/pyimg/pyimg/layers/elf"
)

// maxUnresolved bounds how many of an object's symbols a finding names.
const maxUnresolved = 3

// unresolved reports extension modules, and libraries next to them, that need a symbol which no ELF file of the image has: a loader
// refuses them, and Python cannot import what loads them. musl looks at no version of a symbol, and neither does this check. A symbol
// counts as found wherever it is, since a program may load anything before.
func (c *checker) unresolved(w wants) {
	lacking := make(map[string]bool) // objects whose libraries are missing, which has been said
	for k := range w.unmet {
		lacking[k.at] = lacking[k.at] || !w.met[k]
	}
	asking := make(map[*loader.Object][]string)
	wanted := make(map[uint32]bool) // hashes of names that nothing has
	for _, o := range c.Objects {
		if len(o.Imports) == 0 || lacking[o.Path] || !c.loadable(o) {
			continue
		}
		asking[o] = o.Imports
		for _, name := range o.Imports {
			wanted[elf.Hash(name)] = true
		}
	}
	if len(wanted) == 0 || !c.resolve(wanted) {
		return
	}
	for _, o := range slices.SortedFunc(maps.Keys(asking), func(a, b *loader.Object) int { return strings.Compare(a.Path, b.Path) }) {
		names := slices.DeleteFunc(slices.Clone(asking[o]), func(name string) bool { return !wanted[elf.Hash(name)] })
		if len(names) > 0 {
			c.unresolvedIn(o, names)
		}
	}
}

// loadable reports whether a Python of the image may load an object: it is for this machine and C library, and its name is one that
// Python looks for.
func (c *checker) loadable(o *loader.Object) bool {
	if !c.fits(o) || isMaterial(o.Path) || o.Err != "" || o.Interp != "" || c.Musl && o.GLIBC() {
		return false
	}
	_, tag, is := python.ExtensionTag(path.Base(o.Path))
	return !is || tag == "" || slices.ContainsFunc(c.libraries, func(lib stdlib) bool { return c.abi(lib).Imports(tag) })
}

// resolve takes out of wanted what the image's ELF files have. It returns false if the image lacks a C library or a Python, or if one
// of its libraries cannot be read: much is missing then, or nothing is known.
func (c *checker) resolve(wanted map[uint32]bool) bool {
	libc, cpython := elf.Hash("malloc"), elf.Hash("Py_GetVersion")
	hasLibc, hasPython := false, false
	for _, o := range c.Objects {
		if !c.fits(o) {
			continue
		}
		if (o.Opaque || o.Err != "") && !isMaterial(o.Path) {
			return false
		}
		for h := range o.Exports.All() {
			hasLibc, hasPython = hasLibc || h == libc, hasPython || h == cpython
			delete(wanted, h)
		}
	}
	return hasLibc && hasPython
}

func (c *checker) unresolvedIn(o *loader.Object, names []string) {
	severity := Warning
	module, _, is := python.ExtensionTag(path.Base(o.Path))
	if initializer := elf.Hash("PyInit_" + module); c.Musl && is && slices.Contains(slices.Collect(o.Exports.All()), initializer) {
		severity = Error // Python loads it to import it, and what is missing is missing whatever was loaded before
	}
	after := ""
	if python.IsOptional(o.Path) {
		severity, after = Warning, ", so this optional module of Python cannot be imported"
	} else if is {
		after = ": Python cannot import it"
	}
	what := "the symbol " + names[0]
	if n := len(names); n > 1 {
		what = "the symbols " + strings.Join(names[:min(n, maxUnresolved)], ", ")
		if n > maxUnresolved {
			what += " and others"
		}
	}
	fix := "add the library that has it, or use another build"
	if c.Musl {
		fix = "use a build for Alpine's musl, or add the library that has it"
	}
	c.find(severity, "elf-symbol", "/"+o.Path, fix, "/%s needs %s, which no library of the image has%s", o.Path, what, after)
}
