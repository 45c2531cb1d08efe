package python

import (
	"archive/tar"
	"cmp"
	"debug/elf"
	"fmt"
	"iter"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/pyimg/pyimg/layers"
)

// Report describes the files of a runtime.
type Report struct {
	Prefix     string      `json:"prefix"`               // the folder that has everything, such as /usr/local; "/" if there are several
	Arch       string      `json:"arch,omitempty"`       // as uname -m has it
	Libc       string      `json:"libc,omitempty"`       // musl or glibc; "" if no file is linked to either
	Python     *Build      `json:"python,omitempty"`     // nil if there is no CPython
	Allocators []Allocator `json:"allocators,omitempty"` // libraries to preload
	TLS        []TLS       `json:"tls,omitempty"`        // of the programs and libraries that have thread-local variables
	Bundled    []Bundled   `json:"bundled,omitempty"`    // libraries that it brings with it
	Needs      []string    `json:"needs,omitempty"`      // sonames that its files need and that it does not contain
	Stripped   bool        `json:"stripped"`             // no file has a symbol table
	Files      int         `json:"files"`
	Size       int64       `json:"size"` // of all files, in bytes
	Tests      Share       `json:"tests"`
	Bytecode   Share       `json:"bytecode"`
	Dirs       []Dir       `json:"directories"` // the largest first
	Notes      []string    `json:"notes,omitempty"`
}

// An Allocator is a library that exports malloc.
type Allocator struct {
	Name string `json:"name"` // jemalloc, mimalloc, or the file's name
	Path string `json:"path"`
}

// A Share is a part of the files.
type Share struct {
	Files int   `json:"files"`
	Size  int64 `json:"size"` // in bytes
}

func (s *Share) add(n int64) { s.Files++; s.Size += n }

// A Dir is a folder with everything below it.
type Dir struct {
	Path string `json:"path"`
	Share
}

// Read makes the report of the entries of a layer or a tree. Their paths may start at a root or at the runtime's own folder.
func Read(entries iter.Seq2[layers.Entry, error]) (Report, error) {
	r := reader{dirs: make(map[string]*Share), stripped: true, held: make(map[string]bool), wanted: make(map[string]bool)}
	for e, err := range entries {
		if err != nil {
			return Report{}, err
		}
		r.entry(e)
	}
	return r.report(), nil
}

type reader struct {
	out      Report
	stripped bool
	machines []string
	libcs    []string
	sysPath  string // of _sysconfigdata
	sys      []byte
	others   []string // paths of further ones
	version  string   // of patchlevel.h
	stdlib   string   // lib/python3.13 with the folders above it
	dirs     map[string]*Share
	held     map[string]bool // base names of everything but folders
	wanted   map[string]bool
}

func (r *reader) entry(e layers.Entry) {
	p, h := e.Path(), e.Header
	if h.Typeflag == tar.TypeDir || p == "" {
		return
	}
	r.held[path.Base(p)] = true
	size := int64(0)
	if h.Typeflag == tar.TypeReg {
		size = h.Size
	}
	r.out.Files++
	r.out.Size += size
	r.count(p, size)
	if IsTest(p) {
		r.out.Tests.add(size)
	}
	if IsBytecode(p) {
		r.out.Bytecode.add(size)
	}
	r.python(p, e.Kept)
	r.components(p, e.Kept)
	if e.ELF != nil {
		r.elf(p, e)
	}
}

// count adds a file to the folder that contains it, or in the standard library to the folder one level below that.
func (r *reader) count(p string, size int64) {
	dir := path.Dir(p)
	if lib, rest, ok := cutStdlib(p); ok {
		dir = lib
		if sub, _, below := strings.Cut(rest, "/"); below {
			dir += "/" + sub
		}
	}
	if r.dirs[dir] == nil {
		r.dirs[dir] = new(Share)
	}
	r.dirs[dir].add(size)
}

// cutStdlib splits a path below lib/python3.X into that folder and the rest.
func cutStdlib(p string) (lib, rest string, ok bool) {
	const name = "lib/python3."
	i := strings.Index("/"+p, "/"+name)
	if i < 0 {
		return "", "", false
	}
	minor, rest, ok := strings.Cut(p[i+len(name):], "/")
	return p[:i+len(name)] + minor, rest, ok && minor != "" && strings.Trim(minor, "0123456789t") == ""
}

// python notes the files from which the Python's version and build are read.
func (r *reader) python(p string, kept []byte) {
	base := path.Base(p)
	switch {
	case strings.HasPrefix(base, "_sysconfigdata") && strings.HasSuffix(base, ".py") && kept != nil:
		if r.sysPath != "" {
			r.others = append(r.others, "/"+p)
			return
		}
		r.sysPath, r.sys = p, kept
		r.stdlib = path.Dir(p)
	case base == "patchlevel.h" && kept != nil && r.version == "":
		if m := regexp.MustCompile(`(?m)^#define\s+PY_VERSION\s+"([0-9][0-9a-z.+]{0,20})"`).FindSubmatch(kept); m != nil {
			r.version = string(m[1])
		}
	case base == "os.py" && r.stdlib == "":
		if lib, rest, ok := cutStdlib(p); ok && rest == base {
			r.stdlib = lib
		}
	}
}

func (r *reader) elf(p string, e layers.Entry) {
	r.tls(p, e)
	r.library(p, e)
	f := e.ELF
	if f.Symtab {
		r.stripped = false
	}
	r.machines = append(r.machines, Machine(f.Machine))
	switch {
	case f.GLIBC():
		r.libcs = append(r.libcs, "glibc")
	case strings.Contains(f.Interp, "ld-musl-") || slices.ContainsFunc(f.Needed, isMusl):
		r.libcs = append(r.libcs, "musl")
	}
	for _, n := range f.Needed {
		if !isMusl(n) {
			r.wanted[n] = true
		}
	}
	if f.Malloc && f.Type == elf.ET_DYN && f.Interp == "" && e.Header.Typeflag == tar.TypeReg && !strings.HasPrefix(path.Base(p), "ld-musl-") {
		r.out.Allocators = append(r.out.Allocators, Allocator{allocatorName(path.Base(p)), "/" + p})
	}
}

func isMusl(soname string) bool {
	return soname == "libc.so" || strings.HasPrefix(soname, "libc.musl-")
}

func allocatorName(base string) string {
	for _, name := range []string{"jemalloc", "mimalloc"} {
		if strings.HasPrefix(base, "lib"+name) {
			return name
		}
	}
	return base
}

// Machine returns a machine's name as uname -m prints it.
func Machine(m elf.Machine) string {
	switch m {
	case elf.EM_X86_64:
		return "x86_64"
	case elf.EM_AARCH64:
		return "aarch64"
	case elf.EM_ARM:
		return "arm"
	case elf.EM_386:
		return "x86"
	case elf.EM_PPC64:
		return "ppc64le"
	case elf.EM_S390:
		return "s390x"
	case elf.EM_RISCV:
		return "riscv64"
	case elf.EM_LOONGARCH:
		return "loongarch64"
	}
	return m.String()
}

func (r *reader) report() Report {
	out := &r.out
	out.Stripped = r.stripped
	slices.Sort(r.machines)
	slices.Sort(r.libcs)
	machines, libcs := slices.Compact(r.machines), slices.Compact(r.libcs)
	out.Arch, out.Libc = strings.Join(machines, "+"), strings.Join(libcs, "+")
	if len(machines) > 1 {
		out.note("its files are for several machines: %s", strings.Join(machines, ", "))
	}
	for n := range r.wanted {
		if !r.held[n] {
			out.Needs = append(out.Needs, n)
		}
	}
	slices.Sort(out.Needs)
	slices.SortFunc(out.Allocators, func(a, b Allocator) int { return cmp.Compare(a.Path, b.Path) })
	for dir, share := range r.dirs {
		out.Dirs = append(out.Dirs, Dir{path.Join("/", dir), *share})
	}
	slices.SortFunc(out.Dirs, func(a, b Dir) int { return cmp.Or(cmp.Compare(b.Size, a.Size), cmp.Compare(a.Path, b.Path)) })
	out.Prefix = r.prefix()
	r.own()
	r.build()
	return *out
}

// prefix returns the folder above lib/python3.X or above the allocator's lib, or else the folder that has everything.
func (r *reader) prefix() string {
	if r.stdlib != "" {
		return path.Join("/", path.Dir(path.Dir(r.stdlib)))
	}
	if len(r.out.Allocators) > 0 {
		return path.Dir(path.Dir(r.out.Allocators[0].Path))
	}
	return "/"
}

// build describes how the Python was built. Data that cannot be read is no error: only sysconfig needs it, and Python starts
// without it.
func (r *reader) build() {
	if r.stdlib == "" {
		return
	}
	r.out.Python = &Build{Version: strings.TrimPrefix(path.Base(r.stdlib), "python"), Verdict: "unknown: there is no _sysconfigdata to read"}
	if r.sysPath == "" {
		return
	}
	vars, err := Parse(r.sys)
	if err != nil {
		r.out.Python.Verdict = "unknown: its _sysconfigdata cannot be read"
		r.out.note("/%s: %v", r.sysPath, err)
		return
	}
	b := NewBuild(vars)
	if strings.HasPrefix(r.version, b.Version+".") {
		b.Version = r.version
	}
	r.out.Python = b
	out := &r.out
	for _, p := range r.others {
		out.note("%s belongs to another CPython, which this report leaves out", p)
	}
	if b.Prefix != "" && b.Prefix != out.Prefix {
		out.note("its sysconfig names the prefix %s, but its files are in %s", b.Prefix, out.Prefix)
	}
	if len(b.Leftovers) > 0 {
		out.note("its sysconfig names folders of the build machine: %s", strings.Join(b.Leftovers, ", "))
	}
	if out.Libc == "musl" && b.ThreadStackSize == 0 {
		out.note("no stack size for threads is set, so they have musl's 128 KiB: deep recursion in a thread crashes; threading.stack_size() sets another size")
	}
}

func (r *Report) note(format string, args ...any) {
	r.Notes = append(r.Notes, fmt.Sprintf(format, args...))
}

// IsTest reports whether a file belongs to CPython's own test suites, which only CPython's developers run: test folders of the
// standard library, and the extension modules for them. It is false for the tests of installed packages.
func IsTest(p string) bool {
	_, rest, ok := cutStdlib(p)
	if !ok || strings.HasPrefix(rest, "site-packages/") {
		return false
	}
	parts := strings.Split(rest, "/")
	for _, dir := range parts[:len(parts)-1] {
		if dir == "test" || dir == "tests" || dir == "idle_test" {
			return true
		}
	}
	base := parts[len(parts)-1]
	return parts[0] == "lib-dynload" && (strings.HasPrefix(base, "_test") || strings.HasPrefix(base, "_ctypes_test") || strings.HasPrefix(base, "_xxtestfuzz"))
}

// IsBytecode reports whether a file is a compiled module.
func IsBytecode(p string) bool { return strings.HasSuffix(p, ".pyc") }
