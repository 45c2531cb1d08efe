package python

import (
	"debug/elf"
	"slices"
	"strconv"
	"strings"
)

// ExtensionTag splits the file name of an extension module into the module's name and the tag of the Pythons that it is for:
// "cpython-313-x86_64-linux-musl", "abi3", or "" for any. ok is false for other libraries.
func ExtensionTag(base string) (module, tag string, ok bool) {
	stem, is := strings.CutSuffix(base, ".so")
	module, tag, _ = strings.Cut(stem, ".")
	if !is || module == "" || strings.HasPrefix(module, "lib") && tag == "" {
		return "", "", false
	}
	known := tag == "" || slices.ContainsFunc([]string{"abi3", "cpython-", "pypy", "graalpy"}, func(kind string) bool { return strings.HasPrefix(tag, kind) })
	return module, tag, known
}

// An ABI decides which extension modules a CPython imports.
type ABI struct {
	Minor        int
	FreeThreaded bool
	SOABI        string      // as sysconfig has it; "" if not known
	Machine      elf.Machine // EM_NONE if it does not matter
	Musl         bool        // the C library is musl, otherwise glibc
}

// Imports reports whether this CPython looks for modules with the tag. It looks for its own tag, that of the stable ABI, and no
// tag. See importlib.machinery.EXTENSION_SUFFIXES and Python/dynload_shlib.c.
func (a ABI) Imports(tag string) bool {
	switch tag {
	case "":
		return true
	case "abi3":
		return !a.FreeThreaded
	case "abi3t":
		return a.Minor >= 15
	}
	if a.SOABI != "" {
		return tag == a.SOABI
	}
	rest, is := strings.CutPrefix(tag, "cpython-")
	version, platform, _ := strings.Cut(rest, "-")
	if !is || !slices.Contains(a.versions(), version) {
		return false
	}
	machine, libc, _ := strings.Cut(platform, "-linux-")
	return platform == "" || (a.Machine == elf.EM_NONE || machine == tagMachine(a.Machine)) && a.links(libc)
}

// versions returns how a tag may write this version: 313, 313t without the global lock, 37m with the old allocator flag.
func (a ABI) versions() []string {
	v := "3" + strconv.Itoa(a.Minor)
	switch {
	case a.FreeThreaded:
		return []string{v + "t"}
	case a.Minor < 8:
		return []string{v + "m"}
	}
	return []string{v}
}

// links reports whether the C library in a tag is the ABI's. Until 3.11 CPython wrote gnu for musl, too (bpo-43112).
func (a ABI) links(libc string) bool {
	gnu, musl := strings.HasPrefix(libc, "gnu"), strings.HasPrefix(libc, "musl")
	if a.Musl {
		return musl || gnu && a.Minor < 11
	}
	return gnu
}

// tagMachine is the machine's name in PLATFORM_TRIPLET of CPython's configure.ac.
func tagMachine(m elf.Machine) string {
	switch m {
	case elf.EM_386:
		return "i386"
	case elf.EM_PPC64:
		return "powerpc64le"
	}
	return Machine(m)
}

// IsOptional reports whether the file is an extension module of the standard library that distributions and official images ship
// without its library on purpose. Such modules are for terminals, windows or old formats, and Python works without them.
// Modules such as _ssl, _sqlite3, zlib or _ctypes are not optional.
func IsOptional(p string) bool {
	dir, base, _ := cutLast(p, "/")
	module, _, ok := ExtensionTag(base)
	return ok && strings.HasSuffix("/"+dir, "/lib-dynload") && slices.Contains([]string{
		"_tkinter", "_curses", "_curses_panel", "readline", "_gdbm", "_dbm", "nis", "_crypt", "_uuid", "ossaudiodev",
	}, module)
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return "", s, false
}
