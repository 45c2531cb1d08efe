package sound

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/pyimg/pyimg/assemble/cpython"
)

// A stdlib is a standard library of the image.
type stdlib struct {
	version pythonVersion
	dir     string // usr/local/lib/python3.13
	soabi   string // of its _sysconfigdata; "" where that does not say
}

// maxStdlibs bounds how many standard libraries of one image are looked at; more are made to cost time.
const maxStdlibs = 64

// stdlibs are the standard libraries of the image, by path.
func (c *checker) stdlibs() []stdlib {
	if c.libraries != nil {
		return c.libraries
	}
	c.libraries = []stdlib{}
	soabi := map[string]string{}
	for _, n := range c.nodes {
		dir, base := path.Dir(n.Path), path.Base(n.Path)
		switch {
		case base == "os.py" || base == "os.pyc":
			if v, ok := pythonName(path.Base(dir)); ok && len(c.libraries) < maxStdlibs && !slices.ContainsFunc(c.libraries, func(l stdlib) bool { return l.dir == dir }) {
				c.libraries = append(c.libraries, stdlib{version: v, dir: dir})
			}
		case strings.HasPrefix(base, "_sysconfigdata_") && !strings.HasPrefix(base, "_sysconfigdata_d_") && n.Entry.Kept != nil:
			if vars, err := cpython.Parse(n.Entry.Kept); err == nil {
				soabi[dir] = vars["SOABI"]
			}
		}
	}
	for i, lib := range c.libraries {
		c.libraries[i].soabi = soabi[lib.dir]
		c.libraries[i].version.free = lib.version.free || strings.HasPrefix(soabi[lib.dir], fmt.Sprintf("cpython-%d%dt", lib.version.major, lib.version.minor))
	}
	return c.libraries
}

// abi says which extension modules the Python of a standard library imports.
func (c *checker) abi(lib stdlib) cpython.ABI {
	return cpython.ABI{Minor: lib.version.minor, FreeThreaded: lib.version.free, SOABI: lib.soabi, Machine: c.Machine, Musl: c.musl}
}

// maxMisnamed bounds how many extension modules of one folder are named one by one.
const maxMisnamed = 20

// extensions warns of extension modules that no Python of the image looks for, by what their names say: they are for another
// version, machine or C library. importlib goes by the name alone.
func (c *checker) extensions(libs []stdlib, run pythonRun) {
	importable, misnamed := map[string]bool{}, map[string][]string{}
	roots, found := c.importRoots(libs, run), map[string][]cpython.ABI{}
	var order []string
	for _, n := range c.nodes {
		module, tag, is := cpython.ExtensionTag(path.Base(n.Path))
		if !is || n.IsDir() || isMaterial(n.Path) {
			continue
		}
		root, owners := roots.of(n.Path)
		if len(owners) == 0 {
			continue
		}
		if found[root] == nil {
			order = append(order, root)
			for _, lib := range owners {
				found[root] = append(found[root], c.abi(lib))
			}
		}
		if slices.ContainsFunc(found[root], func(a cpython.ABI) bool { return a.Imports(tag) }) {
			importable[path.Join(path.Dir(n.Path), module)] = true
		} else {
			misnamed[root] = append(misnamed[root], n.Path)
		}
	}
	for _, root := range order {
		c.misnamed(root, found[root][0], slices.DeleteFunc(misnamed[root], func(at string) bool {
			module, _, _ := cpython.ExtensionTag(path.Base(at))
			stem := path.Join(path.Dir(at), module)
			return importable[stem] || c.has(stem+".py") // Debian has one for each Python, and some have the source, too
		}))
	}
}

func (c *checker) misnamed(root string, abi cpython.ABI, paths []string) {
	const fix = "install the wheel that is built for this Python and platform"
	wants := abi.SOABI
	if wants == "" {
		wants = fmt.Sprintf("cpython-3%d on %s", abi.Minor, c.Platform)
	}
	for _, at := range paths[:min(len(paths), maxMisnamed)] {
		c.find(Warning, "python-extension", "/"+at, fix, "/%s is never imported: the Python of /%s looks for modules of %s, and its name says another version, machine or C library", at, root, wants)
	}
	if more := len(paths) - maxMisnamed; more > 0 {
		c.find(Warning, "python-extension", "/"+root, fix, "/%s has %d more extension modules that are never imported", root, more)
	}
}

// importRoots are the folders in which Pythons of the image look for modules.
type importRoots struct {
	libs  []stdlib
	run   pythonRun
	extra map[string]bool // those of PYTHONPATH, which the container's Python has
}

func (c *checker) importRoots(libs []stdlib, run pythonRun) importRoots {
	r := importRoots{libs, run, map[string]bool{}}
	for _, dir := range folders(c.Config.WorkingDir, c.env("PYTHONPATH")) {
		if n, err := c.Tree.Lookup(dir); err == nil && n.Path != "" && run.known {
			r.extra[n.Path] = true
		}
	}
	return r
}

// of finds the folder of the import path that a module is in, and the Pythons that it belongs to: site-packages and the like
// below pythonX.Y say it themselves; Debian's python3 is next to the libraries of its Pythons; PYTHONPATH belongs to the
// container's Python.
func (r importRoots) of(at string) (root string, owners []stdlib) {
	parts := strings.Split(at, "/")
	for i := 1; i < len(parts)-1; i++ {
		if !isPackages(parts[i]) && parts[i] != "lib-dynload" {
			continue
		}
		root = strings.Join(parts[:i+1], "/")
		if v, versioned := pythonName(parts[i-1]); versioned {
			return root, r.versioned(v, path.Dir(root))
		} else if parts[i-1] == "python3" {
			return root, r.owners(func(l stdlib) bool { return path.Dir(l.dir) == path.Dir(path.Dir(root)) })
		}
	}
	for dir := path.Dir(at); dir != "."; dir = path.Dir(dir) {
		if r.extra[dir] {
			return dir, r.versioned(r.run.version, "")
		}
	}
	return "", nil
}

func isPackages(name string) bool { return name == "site-packages" || name == "dist-packages" }

// versioned is the standard library in a folder, else those of the version: a virtual environment has the library of another
// folder.
func (r importRoots) versioned(v pythonVersion, dir string) []stdlib {
	if own := r.owners(func(l stdlib) bool { return l.dir == dir }); len(own) > 0 {
		return own
	}
	return r.owners(func(l stdlib) bool {
		return l.version.major == v.major && l.version.minor == v.minor && (!v.free || l.version.free)
	})
}

func (r importRoots) owners(is func(stdlib) bool) []stdlib {
	var libs []stdlib
	for _, l := range r.libs {
		if is(l) {
			libs = append(libs, l)
		}
	}
	return libs
}

// abandoned warns of packages for a Python that the image does not have, such as those copied from an image with another
// version.
func (c *checker) abandoned(libs []stdlib) {
	if len(libs) == 0 {
		return
	}
	count := map[string]int{}
	var order []string
	for _, n := range c.nodes {
		if n.IsDir() || !strings.HasSuffix(n.Path, ".py") && !strings.HasSuffix(n.Path, ".so") || isMaterial(n.Path) {
			continue
		}
		parts := strings.Split(n.Path, "/")
		for i := 1; i < len(parts)-1; i++ {
			v, versioned := pythonName(parts[i-1])
			if !versioned || !isPackages(parts[i]) {
				continue
			}
			if !slices.ContainsFunc(libs, func(l stdlib) bool { return l.version.major == v.major && l.version.minor == v.minor }) {
				root := strings.Join(parts[:i+1], "/")
				if count[root]++; count[root] == 1 {
					order = append(order, root)
				}
			}
			break
		}
	}
	for _, root := range order[:min(len(order), maxMisnamed)] {
		c.find(Warning, "python-packages", "/"+root, "install them for the Python of the image",
			"/%s has %d modules that no Python of the image imports: it has %s", root, count[root], versions(libs))
	}
}

// versions lists standard libraries for a person.
func versions(libs []stdlib) string {
	var names []string
	for _, l := range libs {
		names = append(names, fmt.Sprintf("/%s", l.dir))
	}
	return strings.Join(names[:min(len(names), 4)], ", ")
}

// bytecode warns of a Python that compiles what it imports, at its start.
func (c *checker) bytecode(libs []stdlib, run pythonRun) {
	for _, lib := range libs {
		if !c.isRun(lib, run) {
			continue
		}
		sources, compiled := c.compiled(lib)
		if compiled*2 >= sources {
			continue
		}
		when := "the first start in each container compiles what it imports"
		if dir, err := c.Tree.Lookup(lib.dir); err == nil && !c.user.may(dir, mayWrite|mayExecute) {
			when = fmt.Sprintf("the user %s may not write there, and each start compiles what it imports", c.user.who())
		} else if c.env("PYTHONDONTWRITEBYTECODE") != "" {
			when = "PYTHONDONTWRITEBYTECODE is set, and each start compiles what it imports"
		}
		c.find(Warning, "python-bytecode", "/"+lib.dir, "compile it where the runtime or the image is made: python3 -m compileall --invalidation-mode unchecked-hash /"+lib.dir,
			"%d of the %d modules in /%s have no bytecode (.pyc): %s, about 0.01 s of CPU for Python alone and 0.5 s for asyncio, ssl, json, email, logging and unittest",
			sources-compiled, sources, lib.dir, when)
	}
}

// isRun reports whether the image has a program for the standard library.
func (c *checker) isRun(lib stdlib, run pythonRun) bool {
	if run.known && run.version.minor == lib.version.minor {
		return true
	}
	for at, o := range c.objects {
		if v, ok := pythonName(path.Base(at)); ok && o.executable && v.minor == lib.version.minor && !strings.Contains(path.Base(at), ".so") {
			return true
		}
	}
	return false
}

// compiled counts the modules below a standard library, tests left out, and those of which there is bytecode that its Python
// reads (PEP 3147, PEP 488).
func (c *checker) compiled(lib stdlib) (sources, compiled int) {
	suffix := fmt.Sprintf(".cpython-%d%d", lib.version.major, lib.version.minor)
	cached := map[string]bool{}
	var modules []string
	in := lib.dir + "/"
	prefix := strings.Trim(c.env("PYTHONPYCACHEPREFIX"), "/")
	for _, n := range c.nodes {
		at := n.Path
		if prefix != "" {
			at = strings.TrimPrefix(at, prefix+"/")
		}
		switch {
		case !strings.HasPrefix(at, in):
		case strings.HasSuffix(at, ".pyc"):
			dir, name := path.Dir(at), strings.TrimSuffix(path.Base(at), ".pyc")
			if prefix == "" {
				dir = strings.TrimSuffix(dir, "/__pycache__")
			}
			module, found := strings.CutSuffix(strings.TrimSuffix(name, "t"), suffix)
			cached[dir+"/"+module] = found || cached[dir+"/"+module]
		case strings.HasSuffix(at, ".py") && !cpython.IsTest(at) && !n.IsDir():
			modules = append(modules, strings.TrimSuffix(at, ".py"))
		}
	}
	for _, m := range modules {
		if cached[m] {
			compiled++
		}
	}
	return len(modules), compiled
}
