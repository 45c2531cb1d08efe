package check

import (
	"slices"

	"github.com/pyimg/pyimg/apk/root"
)

// maxOwners bounds how many owners of one path are compared with each other; apk itself leaves one.
const maxOwners = 16

// owners checks apk's database: a file has one owner, or owners of which apk lets one overwrite the other's file. Tools that
// write the database without apk (apko, for one) list such a file under both.
func (c *checker) owners() {
	if err := c.packagesErr; err != nil {
		c.find(Warning, "apk-database", "/lib/apk/db/installed", "make the image anew", "apk's database cannot be read: %v", err)
		return
	}
	first := map[string]int{}
	shared := map[string][]int{} // all owners, where there are several
	var paths []string
	for i, p := range c.packages {
		for _, at := range p.Paths {
			switch other, ok := first[at]; {
			case !ok:
				first[at] = i
			case shared[at] == nil:
				paths, shared[at] = append(paths, at), []int{other, i}
			case len(shared[at]) < maxOwners:
				shared[at] = append(shared[at], i)
			}
		}
	}
	for _, at := range paths {
		if a, b, conflict := c.strangers(shared[at]); conflict {
			c.find(Error, "package-conflict", "/"+at, "leave one of them out",
				"/%s belongs to the packages %s and %s, of which neither replaces the other: one has overwritten the other's file", at, a.Name, b.Name)
		}
	}
}

// strangers finds two owners of a path that apk would not have let share it. Where one package may share it with each of
// the others, it had the file when the others came, or has taken it from them.
func (c *checker) strangers(owners []int) (a, b root.InstalledPackage, conflict bool) {
	for _, i := range owners {
		alien := slices.IndexFunc(owners, func(j int) bool { return !c.packages[i].MayShare(c.packages[j]) })
		if alien < 0 {
			return a, b, false
		}
		if !conflict {
			a, b, conflict = c.packages[i], c.packages[owners[alien]], true
		}
	}
	return a, b, conflict
}
