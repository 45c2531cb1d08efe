package check

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/pyimg/pyimg/assemble/python"
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
			if vars, err := python.Parse(n.Entry.Kept); err == nil {
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
func (c *checker) abi(lib stdlib) python.ABI {
	return python.ABI{Minor: lib.version.minor, FreeThreaded: lib.version.free, SOABI: lib.soabi, Machine: c.Machine, Musl: c.musl}
}
