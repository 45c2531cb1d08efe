package check

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/pyimg/pyimg/assemble/python"
	"github.com/pyimg/pyimg/layers/tree"
)

// maxStdlibs bounds how many standard libraries of one image are checked: only a hostile image has more.
const maxStdlibs = 64

// stdlibs finds the standard libraries among the paths of an image.
func stdlibs(t *tree.Tree) []stdlib {
	var libs []stdlib
	soabi := map[string]string{}
	for n := range t.All() {
		base := n.Path[strings.LastIndexByte(n.Path, '/')+1:]
		switch {
		case base == "os.py" || base == "os.pyc":
			dir := path.Dir(n.Path)
			if v, ok := pythonName(path.Base(dir)); ok && len(libs) < maxStdlibs && !slices.ContainsFunc(libs, func(l stdlib) bool { return l.dir == dir }) {
				libs = append(libs, stdlib{version: v, dir: dir})
			}
		case strings.HasPrefix(base, "_sysconfigdata_") && !strings.HasPrefix(base, "_sysconfigdata_d_") && n.Entry.Kept != nil:
			if vars, err := python.Parse(n.Entry.Kept); err == nil {
				soabi[path.Dir(n.Path)] = vars["SOABI"]
			}
		}
	}
	for i, lib := range libs {
		libs[i].soabi = soabi[lib.dir]
		libs[i].version.free = lib.version.free || strings.HasPrefix(soabi[lib.dir], fmt.Sprintf("cpython-%d%dt", lib.version.major, lib.version.minor))
	}
	return libs
}

// abi returns the ABI that decides which extension modules the Python of a standard library imports.
func (c *checker) abi(lib stdlib) python.ABI {
	return python.ABI{Minor: lib.version.minor, FreeThreaded: lib.version.free, SOABI: lib.soabi, Machine: c.Machine, Musl: c.Musl}
}
