package check

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/pyimg/pyimg/assemble/python"
)

// maxMisnamed bounds how many extension modules of one folder get a finding of their own.
const maxMisnamed = 20

// extensions warns about extension modules that no Python of the image imports, because their names are for another version,
// machine or C library. importlib looks only at the name.
func (c *checker) extensions(libs []stdlib, run pythonRun) {
	importable, misnamed := map[string]bool{}, map[string][]string{}
	roots, found := c.importRoots(libs, run), map[string][]python.ABI{}
	var order []string
	for n := range c.Tree.All() {
		module, tag, is := python.ExtensionTag(path.Base(n.Path))
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
		if slices.ContainsFunc(found[root], func(a python.ABI) bool { return a.Imports(tag) }) {
			importable[path.Join(path.Dir(n.Path), module)] = true
		} else {
			misnamed[root] = append(misnamed[root], n.Path)
		}
	}
	for _, root := range order {
		c.misnamed(root, found[root][0], slices.DeleteFunc(misnamed[root], func(at string) bool {
			module, _, _ := python.ExtensionTag(path.Base(at))
			stem := path.Join(path.Dir(at), module)
			return importable[stem] || c.has(stem+".py") // Debian has one module for each Python; some modules have Python source, too
		}))
	}
}

func (c *checker) misnamed(root string, abi python.ABI, paths []string) {
	const fix = "install the wheel that is built for this Python and platform"
	wants := abi.SOABI
	if wants == "" {
		wants = fmt.Sprintf("cpython-3%d on %s", abi.Minor, c.Platform)
	}
	for _, at := range paths[:min(len(paths), maxMisnamed)] {
		c.find(Warning, "python-extension", "/"+at, fix, "/%s is never imported: the Python of /%s looks for modules of %s, and the file's name is for another version, machine or C library", at, root, wants)
	}
	if more := len(paths) - maxMisnamed; more > 0 {
		c.find(Warning, "python-extension", "/"+root, fix, "/%s has %d more extension modules that are never imported", root, more)
	}
}

// importRoots are the folders in which the image's Pythons look for modules.
type importRoots struct {
	libs  []stdlib
	run   pythonRun
	extra map[string]bool // folders of PYTHONPATH, for the container's Python
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

// of finds the folder of the import path that contains a module, and the Pythons that use that folder. The path of
// site-packages names the Python (pythonX.Y); Debian's python3 is next to the libraries of its Pythons; PYTHONPATH belongs to
// the container's Python.
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

// versioned returns the standard library in a folder, or else all of the version: a virtual environment uses the standard
// library of another folder.
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

// abandoned warns about packages for a Python version that the image does not have, such as those copied from another image.
func (c *checker) abandoned(libs []stdlib) {
	if len(libs) == 0 {
		return
	}
	count := map[string]int{}
	var order []string
	for n := range c.Tree.All() {
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

// versions lists standard libraries for a message.
func versions(libs []stdlib) string {
	var names []string
	for _, l := range libs {
		names = append(names, fmt.Sprintf("/%s", l.dir))
	}
	return strings.Join(names[:min(len(names), 4)], ", ")
}
