package check

import (
	"slices"

	"github.com/pyimg/pyimg/apk/root"
)

// maxOwners bounds how many owners of one path are compared with each other; apk itself writes one.
const maxOwners = 16

// owners checks in apk's database that apk's rules let the owners of a file share it. apk itself lists one owner; tools that
// write the database without apk, such as apko, list all.
func (c *checker) owners() {
	if err := c.packagesErr; err != nil {
		c.find(Warning, "apk-database", "/lib/apk/db/installed", "build the image again", "apk's database cannot be read: %v", err)
		return
	}
	files := 0
	for _, p := range c.packages {
		files += len(p.Paths)
	}
	first := make(map[string]int, files)
	shared := map[string][]int{} // paths with several owners
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
				"/%s belongs to the packages %s and %s, and neither replaces the other: one has overwritten the other's file", at, a.Name, b.Name)
		}
	}
}

// strangers finds two owners of a path that may not share it by apk's rules. If one package may share it with each of the
// others, there is no conflict: it had the file before the others came, or took it from them.
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
