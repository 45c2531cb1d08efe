package python

import (
	"archive/tar"
	"cmp"
	"path"
	"slices"
	"strings"

	"github.com/pyimg/pyimg/layers"
	"github.com/pyimg/pyimg/sbom"
)

// A TLS is how the code of the interpreter, of libpython or of an allocator reaches its thread-local variables, see
// elf.Facts.TLSModel.
type TLS struct {
	Path    string `json:"path"`
	Model   string `json:"model,omitempty"` // as gcc's -ftls-model names it; "" if its own code uses none
	Initial int    `json:"initial_exec_relocations"`
	Dynamic int    `json:"dynamic_relocations"` // of calls of __tls_get_addr or of a descriptor's function
}

// A Bundled is a library that a runtime brings with it, as a file of its own or linked into another file.
type Bundled struct {
	Name    string `json:"name"`
	Version string `json:"version,omitempty"`
	Path    string `json:"path"` // of the library, or of the bill of materials that names it
}

// Links reports whether the Python has a library in its own files, by the bill of materials of the recipe that built it: an allocator that
// is linked into the interpreter is no file to preload. Bills of other programs below the same prefix do not count.
func (r Report) Links(name string) bool {
	return r.Python != nil && slices.ContainsFunc(r.Bundled, func(b Bundled) bool {
		return b.Name == name && strings.HasPrefix(b.Path, path.Join(r.Prefix, "share/sbom/cpython-"))
	})
}

// tls notes the file's thread-local variables.
func (r *reader) tls(p string, e layers.Entry) {
	if f := e.ELF; f.TLS.Has && e.Header.Typeflag == tar.TypeReg {
		r.out.TLS = append(r.out.TLS, TLS{"/" + p, f.TLSModel(), f.TLS.Initial, f.TLS.Dynamic})
	}
}

// library notes a library for others. Extension modules have no soname.
func (r *reader) library(p string, e layers.Entry) {
	base := path.Base(p)
	if e.ELF.Soname == "" || e.ELF.Interp != "" || e.Header.Typeflag != tar.TypeReg || ofPackage(p) || strings.HasPrefix(base, "libpython") || strings.HasPrefix(base, "ld-musl-") {
		return
	}
	r.out.Bundled = append(r.out.Bundled, Bundled{Name: e.ELF.Soname, Path: "/" + p})
}

// components notes the libraries that a bill of materials in the runtime names. That of an image as a whole names all that is in it.
func (r *reader) components(p string, kept []byte) {
	if kept == nil || ofPackage(p) || sbom.OfImage(p) || !strings.HasSuffix(p, ".cdx.json") && !strings.HasSuffix(p, ".spdx.json") {
		return
	}
	all, err := sbom.Read(kept)
	if err != nil {
		r.out.note("/%s: %v", p, err)
	}
	for _, c := range all {
		r.out.Bundled = append(r.out.Bundled, Bundled{c.Name, c.Version, "/" + p})
	}
}

// ofPackage reports whether a file belongs to a Python package that is installed in the runtime.
func ofPackage(p string) bool { return strings.Contains(p, "-packages/") }

// own keeps of the notes on thread-local variables and on libraries those that are the runtime's: an image has more.
func (r *reader) own() {
	out := &r.out
	below := func(p string) bool { return out.Prefix == "/" || strings.HasPrefix(p, out.Prefix+"/") }
	isAllocator := func(p string) bool {
		return slices.ContainsFunc(out.Allocators, func(a Allocator) bool { return a.Path == p })
	}
	out.TLS = slices.DeleteFunc(out.TLS, func(t TLS) bool {
		base := path.Base(t.Path)
		isPython := below(t.Path) && (strings.HasPrefix(base, "python") || strings.HasPrefix(base, "libpython"))
		return !isPython && !isAllocator(t.Path)
	})
	slices.SortFunc(out.TLS, func(a, b TLS) int { return cmp.Compare(a.Path, b.Path) })
	// Below /usr are a distribution's packages. Files that are not below a Python or an allocator may be anybody's.
	shared := out.Prefix == "/usr" || out.Prefix == "/" && r.stdlib == ""
	out.Bundled = slices.DeleteFunc(out.Bundled, func(b Bundled) bool { return shared || !below(b.Path) || isAllocator(b.Path) })
	if len(out.Bundled) == 0 {
		out.Bundled = nil
	}
	slices.SortFunc(out.Bundled, func(a, b Bundled) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Path, b.Path)) })
}
