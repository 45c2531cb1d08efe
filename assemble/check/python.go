package check

import (
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/pyimg/pyimg/layers/tree"
)

// folder is the name of the version's folder in lib.
func (v pythonVersion) folder() string {
	name := "python" + strconv.Itoa(v.major) + "." + strconv.Itoa(v.minor)
	if v.free {
		name += "t"
	}
	return name
}

// pythonName reads the version from the name of a program, library or folder, such as python3.13 or libpython3.13.so.1.0.
func pythonName(name string) (pythonVersion, bool) {
	rest, is := strings.CutPrefix(strings.TrimPrefix(name, "lib"), "python")
	if !is {
		return pythonVersion{}, false
	}
	rest, _, _ = strings.Cut(rest, ".so")
	rest, free := strings.CutSuffix(rest, "t")
	major, minor, dotted := strings.Cut(rest, ".")
	a, err1 := strconv.ParseUint(major, 10, 16)
	b, err2 := strconv.ParseUint(minor, 10, 16)
	return pythonVersion{int(a), int(b), free}, dotted && err1 == nil && err2 == nil
}

// A pythonRun is the interpreter that the command starts, or the one in PATH.
type pythonRun struct {
	called  string // the path by which it is started, perhaps a symlink
	exe     tree.Node
	version pythonVersion
	known   bool // version is known
}

// python checks Python's environment variables, its standard library, and what it can import.
func (c *checker) python(leads trail) {
	libs := c.libraries
	run, ok := c.interpreter(leads)
	c.extensions(libs, run)
	c.abandoned(libs)
	c.bytecode(libs, run)
	c.distributions()
	if !ok {
		return
	}
	c.mallocOf(run.exe, run.version, run.known)
	c.staticPython(run, leads)
	if !run.known {
		return
	}
	n, v, dir := run.exe, run.version, run.version.folder()
	if home := c.env("PYTHONHOME"); home != "" {
		home, _, _ = strings.Cut(home, ":")
		if !c.hasLibrary(home, dir) {
			c.find(Error, "python-env", absolute(home), "unset it: Python finds its own home",
				"PYTHONHOME is %s, which has no lib/%s/encodings: python3 ends when it starts", home, dir)
		}
	} else if prefix := path.Dir(path.Dir("/" + n.Path)); !c.hasLibrary(prefix, dir) && c.venv(run) == nil {
		c.find(Warning, "python-library", "/"+n.Path, "add its standard library",
			"/%s is a Python %d.%d, but %s/lib/%s/encodings is missing", n.Path, v.major, v.minor, strings.TrimSuffix(prefix, "/"), dir)
	}
}

// interpreter returns the Python that the container runs, or else the one in PATH.
func (c *checker) interpreter(leads trail) (pythonRun, bool) {
	if leads.python != nil {
		return *leads.python, true
	}
	names := []string{"python3", "python"}
	for _, argv := range [][]string{c.Config.Cmd, c.Config.Entrypoint} {
		if len(argv) > 0 && isPythonName(path.Base(argv[0])) {
			names = slices.Insert(names, 0, argv[0])
		}
	}
	for _, name := range names {
		if called, n, err := c.which(name, c.paths); err == nil {
			return c.pythonRun(called, n), true
		}
	}
	return pythonRun{}, false
}

func (c *checker) pythonRun(called string, n tree.Node) pythonRun {
	v, known := c.versionOf(n)
	return pythonRun{called, n, v, known}
}

// versionOf finds out a Python's version from its own name, from the library that it is linked to, or from the standard library
// under its prefix if there is exactly one.
func (c *checker) versionOf(n tree.Node) (pythonVersion, bool) {
	if v, ok := pythonName(path.Base(n.Path)); ok {
		return v, true
	}
	if o := c.Objects[n.Path]; o != nil {
		for _, name := range o.Needed {
			if v, ok := pythonName(name); ok {
				return v, true
			}
		}
	}
	var only []pythonVersion
	for _, lib := range c.libraries {
		if path.Dir(path.Dir(lib.dir)) == path.Dir(path.Dir(n.Path)) {
			only = append(only, lib.version)
		}
	}
	if len(only) == 1 {
		return only[0], true
	}
	return pythonVersion{}, false
}

// staticPython warns about a Python without a loader: it cannot import extension modules, and LD_PRELOAD has no effect.
func (c *checker) staticPython(run pythonRun, leads trail) {
	o := c.Objects[run.exe.Path]
	if o == nil || !static(o) {
		return
	}
	at, modules := "/"+run.exe.Path, 0
	for n := range c.Tree.All() {
		if isExtension(n.Path) {
			modules++
		}
	}
	if modules > 0 {
		c.find(Warning, "python-static", at, "use a Python that is linked dynamically",
			"%s is linked statically: it cannot import the %d extension modules (.so) in the image", at, modules)
	}
	if preload := c.env("LD_PRELOAD"); preload != "" && leads.program.Path != run.exe.Path {
		c.find(Warning, "preload", at, "use a Python that is linked dynamically, or unset LD_PRELOAD",
			"%s is linked statically: LD_PRELOAD has no effect, so no allocator is loaded", at)
	}
}

func (c *checker) hasLibrary(prefix, dir string) bool {
	for _, lib := range []string{"lib", "lib64"} {
		if _, err := c.Tree.Lookup(path.Join("/", prefix, lib, dir, "encodings")); err == nil {
			return true
		}
	}
	zip := strings.Replace(dir, ".", "", 1) + ".zip" // python313.zip
	_, err := c.Tree.Lookup(path.Join("/", prefix, "lib", zip))
	return err == nil
}

// mallocOf checks PYTHONMALLOC: Python ends when it starts if it does not know the name (Python/preconfig.c).
func (c *checker) mallocOf(n tree.Node, v pythonVersion, known bool) {
	value := c.env("PYTHONMALLOC")
	name := strings.TrimSuffix(value, "_debug")
	switch {
	case value == "":
	case name == "mimalloc" && known && v.major == 3 && v.minor < 13:
		c.find(Error, "python-malloc", "/"+n.Path, "use CPython 3.13 or newer, or choose another allocator",
			"PYTHONMALLOC is %s, which CPython knows from 3.13 on; /%s is %d.%d and ends when it starts", value, n.Path, v.major, v.minor)
	case !slices.Contains([]string{"default", "debug", "malloc", "pymalloc", "mimalloc"}, name):
		c.find(Error, "python-malloc", "/"+n.Path, "unset it", "PYTHONMALLOC is %q, which no CPython knows: Python ends when it starts", value)
	}
}
