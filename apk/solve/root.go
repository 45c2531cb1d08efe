package solve

import "github.com/pyimg/pyimg/apk"

// Root is what a root has already.
type Root struct {
	World    []apk.Dependency // etc/apk/world
	Packages []Installed      // in the order of the database
}

// Installed is a package that a root has.
type Installed struct {
	*apk.Package
	Tag string // the tag of the repository that it was installed from; mostly ""
}

// index makes an index of what the root has; nil of an empty root.
func (r Root) index() (*apk.Index, error) {
	if len(r.Packages) == 0 {
		return nil, nil
	}
	return apk.NewIndex(nil, "", func(yield func(*apk.Package) bool) {
		for _, p := range r.Packages {
			if !yield(p.Package) {
				return
			}
		}
	})
}

// addRoot numbers the names and the packages of a root. apk reads the world first.
func (c *catalog) addRoot(r Root, x *apk.Index, known checksumSet) error {
	for _, d := range r.World {
		c.intern(d.Name)
		c.addTag(d.Tag)
		if len(c.tags) > maxRepositories {
			return tooManyTags()
		}
	}
	c.addAll(x, 0, 0, known)
	for id := range c.packages {
		q := &c.packages[id]
		q.isThere = true
		q.tag = uint8(c.addTag(r.Packages[q.place].Tag))
		if len(c.tags) > maxRepositories {
			return tooManyTags()
		}
		c.installed = append(c.installed, int32(id))
	}
	return nil
}
