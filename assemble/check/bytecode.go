package check

import (
	"fmt"
	"path"
	"strings"

	"github.com/pyimg/pyimg/assemble/python"
)

// bytecode warns about a Python that has to compile what it imports when it starts.
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
			when = fmt.Sprintf("the user %s may not write there, and each start compiles what it imports", c.user.label())
		} else if c.env("PYTHONDONTWRITEBYTECODE") != "" {
			when = "PYTHONDONTWRITEBYTECODE is set, and each start compiles what it imports"
		}
		c.find(Warning, "python-bytecode", "/"+lib.dir, "set bytecode in the spec, or compile the modules where the runtime or the image is built: python3 -m compileall --invalidation-mode unchecked-hash /"+lib.dir,
			"%d of the %d modules in /%s have no bytecode (.pyc): %s, about 0.01 s of CPU for Python alone and 0.5 s for asyncio, ssl, json, email, logging and unittest",
			sources-compiled, sources, lib.dir, when)
	}
}

// isRun reports whether the image has an interpreter for the standard library.
func (c *checker) isRun(lib stdlib, run pythonRun) bool {
	if run.known && run.version.minor == lib.version.minor {
		return true
	}
	for at, o := range c.Objects {
		if v, ok := pythonName(path.Base(at)); ok && o.Executable && v.minor == lib.version.minor && !strings.Contains(path.Base(at), ".so") {
			return true
		}
	}
	return false
}

// compiled counts the modules below a standard library, without tests, and how many of them have bytecode that its Python
// reads (PEP 3147, PEP 488).
func (c *checker) compiled(lib stdlib) (sources, compiled int) {
	suffix := fmt.Sprintf(".cpython-%d%d", lib.version.major, lib.version.minor)
	cached := map[string]bool{}
	var modules []string
	in := lib.dir + "/"
	prefix := strings.Trim(c.env("PYTHONPYCACHEPREFIX"), "/")
	for n := range c.Tree.All() {
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
		case strings.HasSuffix(at, ".py") && !python.IsTest(at) && !n.IsDir():
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
