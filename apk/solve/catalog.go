package solve

import (
	"fmt"
	"math/bits"
	"slices"

	"github.com/pyimg/pyimg/apk"
	"github.com/pyimg/pyimg/apk/internal/table"
)

// none means "no name" or "no package" in place of an index into a catalog's tables.
const none = -1

// maxRepositories bounds the indexes (apk has 32) and the tags: both are kept as bit sets.
const maxRepositories = 64

// maxNames bounds the names in all indexes together, and with them how deep the solver's
// recursion may go; all of Alpine's repositories of one branch have less than 300,000.
const maxNames = 1 << 20

// Bounds on the names that one package provides, and on that number times the number of names that it depends on: for
// each of the latter the solver lists the former. Alpine's packages provide some hundreds at most, and those that do depend
// on few.
const (
	maxProvides = 1 << 14
	maxPairs    = 1 << 18
)

// A catalog has all packages of the indexes in a form for the solver: names, packages and tags are numbers. After
// newCatalog only the world's own names are added.
type catalog struct {
	dialect  apk.Dialect
	packages []catalogPackage
	wants    []want           // of all packages, see dependsOf
	offers   []offer          // so, too
	refused  map[int32]string // by package: why apk would never install it; most packages are not in it
	indexes  []*apk.Index
	texts    []table.Texts // by index
	versions []string      // of world, see versionText
	bases    []uint32      // by index, and last of world: what the numbers of its versions begin after
	names    []catalogName
	buckets  [table.Buckets]int32  // the newest name of each, or none
	filled   [table.Buckets]uint8  // how many each has, at most maxBucket
	crowd    map[string]int32      // names whose buckets are full
	lengths  [table.Buckets]uint64 // of the names in each, a bit for each length modulo 64
	tags     []string              // tags[0] is no tag
	tagRepos []uint64              // by tag: the repositories it opens

	installed []int32 // the packages that the root has, in the order of its database

	// By name, in the order of the indexes. They end before the names that only world has.
	providers lists[provider]
	versioned []bool       // whether one of its providers has a version
	wantedBy  lists[int32] // packages that depend on it
	triggers  lists[int32] // packages that have it in install_if
}

type catalogPackage struct {
	repos    uint64 // the repositories that list it; none if only the root has it
	opened   uint64 // repos, and for what is installed those of the tag that it was installed with
	priority int    // its provider_priority
	name     int32
	version  versionID
	place    int32 // in the index that lists it first
	index    uint8
	empty    bool  // it has no files
	refused  bool  // see catalog.refused
	virtual  bool  // it provides something without a version
	isThere  bool  // the root has it
	tag      uint8 // in catalog.tags: with which it was installed

	depends, installIf, wantsEnd int32 // in catalog.wants: where these begin, side by side, and end
	provides, offersEnd          int32 // in catalog.offers
}

// versionID is the number of a version's text; 0 is "", no version.
type versionID uint32

// want is a dependency with its name looked up.
type want struct {
	name     int32
	version  versionID
	op       apk.Op
	conflict bool
	tag      uint8 // in catalog.tags; only of world's
}

// offer is a name that a package provides, other than its own.
type offer struct {
	name    int32
	version versionID // 0 for none: then several packages may provide the name at the same time
}

// provider is a package as the provider of one name.
type provider struct {
	pkg     int32
	version versionID
}

func (p provider) virtual() bool { return p.version == 0 }

// nobody is the provider of a name that stays absent.
func nobody() provider { return provider{pkg: none} }

// newCatalog numbers the names and packages of the root and of the indexes. apk identifies packages by their checksum: one
// that two repositories list is one package, and so is one that the root has and a repository lists.
func newCatalog(on Root, indexes []*apk.Index, dialect apk.Dialect) (*catalog, error) {
	if len(indexes) > maxRepositories {
		return nil, fmt.Errorf("solving with %d indexes: at most %d are possible", len(indexes), maxRepositories)
	}
	there, err := on.index()
	if err != nil {
		return nil, err
	}
	all := indexes
	if there != nil {
		all = slices.Concat([]*apk.Index{there}, indexes)
	}
	c, total := roomFor(all)
	c.dialect = dialect
	c.addTag("")
	c.bases = append(c.bases, 0)
	known := newChecksumSet(total)
	if there != nil {
		if err := c.addRoot(on, there, known); err != nil {
			return nil, err
		}
	}
	for i, x := range indexes {
		tag := ""
		if x.Repository != nil {
			tag = x.Repository.Tag
		}
		repo := uint64(1) << i
		c.tagRepos[c.addTag(tag)] |= repo
		c.addAll(x, len(all)-len(indexes)+i, repo, known)
	}
	for id := range c.packages {
		q := &c.packages[id]
		q.opened = q.repos
		if q.isThere {
			q.opened |= c.tagRepos[q.tag]
		}
	}
	if len(c.tags) > maxRepositories {
		return nil, tooManyTags()
	}
	if len(c.names) > maxNames {
		return nil, fmt.Errorf("solving with indexes that have %d names: at most %d are possible", len(c.names), maxNames)
	}
	c.link()
	return c, nil
}

// roomFor makes an empty catalog with room for all packages of the indexes.
func roomFor(indexes []*apk.Index) (c *catalog, packages int) {
	wants, offers, names := 0, 0, 0
	texts := make([]table.Texts, 0, len(indexes))
	for _, x := range indexes {
		texts = append(texts, x.Table().Texts())
		packages += x.Table().Len()
		names += x.Table().Names()
		for i := range x.Table().Len() {
			first, depends, provides, end := x.Table().Lists(i)
			wants += int(depends - first + end - provides)
			offers += int(provides - depends)
		}
	}
	c = &catalog{
		packages: make([]catalogPackage, 0, packages),
		wants:    make([]want, 0, wants),
		offers:   make([]offer, 0, offers),
		names:    make([]catalogName, 0, names),
		refused:  make(map[int32]string),
		crowd:    make(map[string]int32),
		indexes:  indexes,
		texts:    texts,
	}
	for i := range c.buckets {
		c.buckets[i] = none
	}
	return c, packages
}

func tooManyTags() error {
	return fmt.Errorf("solving with more than %d tags of repositories", maxRepositories)
}

func (c *catalog) addTag(tag string) int {
	if i := slices.Index(c.tags, tag); i >= 0 {
		return i
	}
	c.tags = append(c.tags, tag)
	c.tagRepos = append(c.tagRepos, 0)
	return len(c.tags) - 1
}

func (c *catalog) dependsOf(q *catalogPackage) []want   { return c.wants[q.depends:q.installIf] }
func (c *catalog) installIfOf(q *catalogPackage) []want { return c.wants[q.installIf:q.wantsEnd] }
func (c *catalog) offersOf(q *catalogPackage) []offer   { return c.offers[q.provides:q.offersEnd] }

// packageOf returns the package that an index lists.
func (c *catalog) packageOf(id int32) *apk.Package {
	q := &c.packages[id]
	return c.indexes[q.index].At(int(q.place))
}

func (c *catalog) checksum(id int32) apk.Checksum {
	q := &c.packages[id]
	return c.indexes[q.index].Table().Record(int(q.place)).Checksum()
}

// packageText returns the package's name and version as apk writes them.
func (c *catalog) packageText(id int32) string {
	q := &c.packages[id]
	return c.names[q.name].text + "-" + c.versionText(q.version)
}

// dependency returns a want as a dependency.
func (c *catalog) dependency(w want) apk.Dependency {
	return apk.Dependency{Name: c.names[w.name].text, Version: c.versionText(w.version), Tag: c.tags[w.tag], Op: w.op, Conflict: w.conflict}
}

// lists has a list of T for each of many numbers, all in one array.
type lists[T any] struct {
	ends []int32
	all  []T
}

// of returns the list of i. It is empty after the last one.
func (l *lists[T]) of(i int32) []T {
	switch {
	case int(i) >= len(l.ends):
		return nil
	case i == 0:
		return l.all[:l.ends[0]]
	}
	return l.all[l.ends[i-1]:l.ends[i]]
}

// carve makes room for as many elements as counts says. add puts one in.
func (l *lists[T]) carve(counts []int32) {
	total := int32(0)
	for i, n := range counts {
		counts[i] = total // where the list begins, and ends so far
		total += n
	}
	l.ends, l.all = counts, make([]T, total)
}

func (l *lists[T]) add(i int32, v T) {
	l.all[l.ends[i]] = v
	l.ends[i]++
}

// link fills each name's lists of packages.
func (c *catalog) link() {
	providers, wantedBy, triggers := make([]int32, len(c.names)), make([]int32, len(c.names)), make([]int32, len(c.names))
	for id := range c.packages {
		p := &c.packages[id]
		providers[p.name]++
		for _, o := range c.offersOf(p) {
			providers[o.name]++
		}
		for _, w := range c.dependsOf(p) {
			wantedBy[w.name]++
		}
		for _, w := range c.installIfOf(p) {
			triggers[w.name]++
		}
	}
	c.providers.carve(providers)
	c.wantedBy.carve(wantedBy)
	c.triggers.carve(triggers)
	c.versioned = make([]bool, len(c.names))
	for i := range c.packages {
		p, id := &c.packages[i], int32(i)
		c.providers.add(p.name, provider{id, p.version})
		c.versioned[p.name] = true
		for _, o := range c.offersOf(p) {
			c.providers.add(o.name, provider{id, o.version})
			c.versioned[o.name] = c.versioned[o.name] || o.version != 0
			p.virtual = p.virtual || o.version == 0
		}
		for _, w := range c.dependsOf(p) {
			c.wantedBy.add(w.name, id)
		}
		for _, w := range c.installIfOf(p) {
			c.triggers.add(w.name, id)
		}
	}
}

// provides reports whether by satisfies w, a want of package self (or none). A conflict is satisfied by a package that
// does not match, by nothing, and in Dialect3 by the package that declares it.
func (c *catalog) provides(self int32, w want, by provider) bool {
	switch {
	case by.pkg == none:
		return w.conflict
	case w.conflict && by.pkg == self && c.dialect == apk.Dialect3:
		return true
	case w.op == apk.OpChecksum && !w.conflict:
		return c.checksum(by.pkg).String() == c.versionText(w.version)
	default:
		return w.op.Accepts(c.dialect, c.versionText(by.version), c.versionText(w.version)) != w.conflict
	}
}

// firstRepo returns the number of the first repository that lists the package, from 1 on. It is 0 for a package that only
// the root has: ffs(3) in apk returns the same, so such a package comes before all others.
func (p *catalogPackage) firstRepo() int {
	return (bits.TrailingZeros64(p.repos) + 1) % (maxRepositories + 1)
}
