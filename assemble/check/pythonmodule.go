package check

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/pyimg/pyimg/assemble/python"
)

// A moduleKind is what importlib finds for a name.
type moduleKind int

const (
	noModule        moduleKind = iota
	sourceModule               // or bytecode
	extensionModule            // -m cannot run it
	regularPackage             // a folder with __init__
	namespacePackage
)

// A foundModule is what importlib finds for a name on a search path.
type foundModule struct {
	kind moduleKind
	at   string   // its file; "" if it has none
	dirs []string // where its submodules are
}

// find finds the module that -m runs, as runpy._get_module_details does. The error says why Python would end.
func (p *searchPath) find(name string) (foundModule, error) {
	if strings.HasSuffix(name, ".py") {
		if m, err := p.resolve(strings.TrimSuffix(name, ".py")); err == nil && m.kind == sourceModule {
			return m, fmt.Errorf("%q is a file's name; the module's name is %q", name, strings.TrimSuffix(name, ".py"))
		}
	}
	m, err := p.resolve(name)
	if err != nil || m.kind == sourceModule {
		return m, err
	}
	if m.kind == extensionModule {
		return m, fmt.Errorf("%s is an extension module, which cannot be run", m.at)
	}
	main := p.in(m.dirs, "__main__")
	if main.kind != sourceModule {
		return m, fmt.Errorf("%q is a package without __main__.py", name)
	}
	return main, nil
}

// resolve finds a module by its full name.
func (p *searchPath) resolve(name string) (foundModule, error) {
	const most = 100 // parts; nobody nests packages so deep
	parts := strings.Split(name, ".")
	if len(parts) > most || slices.Contains(parts, "") || strings.Contains(name, "/") {
		return foundModule{}, fmt.Errorf("%q is not a module's name", name)
	}
	m := foundModule{kind: namespacePackage, dirs: p.dirs}
	for i, part := range parts {
		if m.kind != namespacePackage && m.kind != regularPackage {
			return m, fmt.Errorf("%q is not a package", strings.Join(parts[:i], "."))
		}
		if i == 0 && isBuiltin(part) {
			return m, fmt.Errorf("%q is built into Python and cannot be run", part)
		}
		m = p.in(m.dirs, part)
		if m.kind == noModule {
			if i == 0 && isFrozen(part) {
				return foundModule{kind: sourceModule}, nil
			}
			return m, errors.New("no module of that name in " + p.shown())
		}
	}
	return m, nil
}

// shown lists the folders of the path, for a message.
func (p *searchPath) shown() string {
	const most = 6
	if len(p.dirs) <= most {
		return strings.Join(p.dirs, ", ")
	}
	return fmt.Sprintf("%s and %d more folders", strings.Join(p.dirs[:most], ", "), len(p.dirs)-most)
}

// in searches a module in folders, as importlib's FileFinder does: a package comes before an extension module, which comes before
// source. Folders without __init__ make a namespace package if nothing else is found.
func (p *searchPath) in(dirs []string, name string) foundModule {
	var portions []string
	for _, dir := range dirs {
		at := path.Join(dir, name)
		n, err := p.c.Tree.Lookup(at)
		folder := err == nil && n.IsDir()
		if folder {
			if m := p.file(at, "__init__"); m.kind != noModule {
				return foundModule{kind: regularPackage, at: m.at, dirs: []string{at}}
			}
		}
		if m := p.file(dir, name); m.kind != noModule {
			return m
		}
		if folder {
			portions = append(portions, at)
		}
	}
	if len(portions) > 0 {
		return foundModule{kind: namespacePackage, dirs: portions}
	}
	return foundModule{}
}

// file looks for a module's file in one folder.
func (p *searchPath) file(dir, name string) foundModule {
	in, err := p.c.Tree.Lookup(dir)
	if err != nil {
		return foundModule{}
	}
	prefix := path.Join(in.Path, name) + "."
	for n := range p.c.Tree.Beginning(prefix) {
		module, tag, ok := python.ExtensionTag(path.Base(n.Path))
		if ok && module == name && path.Dir(n.Path) == path.Dir(prefix) && p.abi.Imports(tag) && p.c.has(n.Path) {
			return foundModule{kind: extensionModule, at: "/" + n.Path}
		}
	}
	for _, suffix := range []string{".py", ".pyc"} {
		if at := path.Join(dir, name+suffix); p.c.has(at) {
			return foundModule{kind: sourceModule, at: at}
		}
	}
	return foundModule{}
}

// isFrozen reports whether CPython itself contains the module, so that an image may leave out its file (Python/frozen.c).
func isFrozen(name string) bool {
	return slices.Contains([]string{
		"abc", "codecs", "io", "_collections_abc", "_sitebuiltins", "genericpath", "ntpath", "posixpath", "os", "site", "stat",
		"runpy", "importlib", "zipimport", "__hello__", "__hello_alias__", "__phello__", "__phello_alias__",
	}, name)
}

// isBuiltin reports whether every CPython contains the module as C code (Modules/config.c.in); such modules come before all files.
func isBuiltin(name string) bool {
	return slices.Contains([]string{
		"sys", "builtins", "marshal", "posix", "gc", "errno", "itertools", "faulthandler", "atexit", "_imp", "_thread", "_io", "_weakref", "_warnings",
	}, name)
}

// A venv is a virtual environment (PEP 405).
type venv struct {
	prefix string
	home   string // the folder of the Python that it was made with
	system bool   // it also uses the packages of that Python
}

// venv finds the virtual environment of an interpreter: a pyvenv.cfg next to it or one folder above, for the path by which it
// is started and for each symlink from there to the program.
func (c *checker) venv(run pythonRun) *venv {
	const most = 40 // symlinks, as in Linux
	for at, i := run.called, 0; at != "" && i < most; i++ {
		for _, dir := range []string{path.Dir(at), path.Dir(path.Dir(at))} {
			n, err := c.Tree.Lookup(path.Join(dir, "pyvenv.cfg"))
			if err == nil && !n.IsDir() {
				v := readVenv(string(n.Entry.Kept))
				v.prefix = dir
				return &v
			}
		}
		n, err := c.Tree.Lstat(at)
		if err != nil || n.Entry.Header.Linkname == "" || n.Path == run.exe.Path {
			return nil
		}
		to := n.Entry.Header.Linkname
		if !path.IsAbs(to) {
			to = path.Join("/", path.Dir(n.Path), to)
		}
		at = to
	}
	return nil
}

func readVenv(text string) venv {
	v := venv{}
	for line := range strings.Lines(text) {
		key, value, _ := strings.Cut(line, "=")
		switch key, value = strings.ToLower(strings.TrimSpace(key)), strings.TrimSpace(value); key {
		case "home":
			v.home = value
		case "include-system-site-packages":
			v.system = strings.EqualFold(value, "true")
		}
	}
	return v
}

// bases returns the prefixes in which a Python finds its standard library: PYTHONHOME, or else the first folder with one above
// the program, above the home of its virtual environment, or above the usual installations. It returns none if no folder has
// one.
func (c *checker) bases(run pythonRun, home string) []string {
	if home != "" {
		return folders("/", home)
	}
	starts := []string{path.Dir("/" + run.exe.Path)}
	if v := c.venv(run); v != nil && path.IsAbs(v.home) {
		starts = append(starts, v.home)
	}
	for _, start := range append(starts, "/usr/local/bin", "/usr/bin") {
		for dir := start; ; dir = path.Dir(dir) {
			if c.hasLibrary(dir, run.version.folder()) {
				return []string{dir}
			}
			if dir == "/" {
				break
			}
		}
	}
	return nil
}
