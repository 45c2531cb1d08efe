package apk

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"math/bits"
	"slices"
)

// none stands for no name and no package where an index into a catalog's tables is meant.
const none = -1

// maxRepositories bounds the indexes (apk has 32) and the tags: both are kept as bit sets.
const maxRepositories = 64

// A catalog holds everything on offer in a form for the solver: names, packages and tags are
// numbers. It does not change after newCatalog.
type catalog struct {
	packages []catalogPackage
	names    []catalogName
	buckets  [nameBuckets]int32 // the newest name of each, or none
	rank     []int32            // by name: its place in bucket order
	tags     []string           // tags[0] is no tag
	tagRepos []uint64           // by tag: the repositories it opens
}

type catalogPackage struct {
	*Package
	name      int32
	repos     uint64 // the repositories that list it
	depends   []want
	provides  []offer
	installIf []want
	refused   string // why apk would never install it, "" for nearly all
}

type catalogName struct {
	text      string
	next      int32      // in its bucket, older
	providers []provider // in the order of the indexes
	wantedBy  []int32    // packages that depend on it
	triggers  []int32    // packages that have it in install_if
}

// want is a dependency with its name looked up.
type want struct {
	*Dependency
	name int32
}

// offer is a name that a package provides, itself not counted.
type offer struct {
	name    int32
	version string // "" where it has none: several packages may then provide the name at once
}

// provider is a package as the provider of one name.
type provider struct {
	pkg     int32
	version string
}

func (p provider) virtual() bool { return p.version == "" }

// nobody is what provides a name that is known to stay absent.
var nobody = provider{pkg: none}

// newCatalog numbers what the indexes hold. apk identifies packages by their checksum: the same
// one in two repositories is one package, of both.
func newCatalog(indexes []*Index) (*catalog, error) {
	if len(indexes) > maxRepositories {
		return nil, fmt.Errorf("solving with %d indexes: at most %d are possible", len(indexes), maxRepositories)
	}
	total := 0
	for _, x := range indexes {
		total += len(x.Packages)
	}
	c := &catalog{packages: make([]catalogPackage, 0, total), names: make([]catalogName, 0, 2*total)}
	for i := range c.buckets {
		c.buckets[i] = none
	}
	c.addTag("")
	known := make(map[Checksum]int32, total)
	for i, x := range indexes {
		repo := uint64(1) << i
		tag := ""
		if x.Repository != nil {
			tag = x.Repository.Tag
		}
		c.tagRepos[c.addTag(tag)] |= repo
		for _, p := range x.Packages {
			if id, dup := known[p.Checksum]; dup {
				c.packages[id].repos |= repo
				continue
			}
			known[p.Checksum] = int32(len(c.packages))
			c.add(p, repo, x.Arch)
		}
	}
	c.link()
	return c, nil
}

func (c *catalog) addTag(tag string) int {
	if i := slices.Index(c.tags, tag); i >= 0 {
		return i
	}
	c.tags = append(c.tags, tag)
	c.tagRepos = append(c.tagRepos, 0)
	return len(c.tags) - 1
}

// add numbers a package's names in the order of its index entry, which apk's order of names
// within a bucket depends on.
func (c *catalog) add(p *Package, repo uint64, arch string) {
	q := catalogPackage{Package: p, repos: repo, name: c.intern(p.Name), refused: p.refused}
	if arch != "" && p.Arch != "" && p.Arch != arch && p.Arch != "noarch" {
		q.refused = fmt.Sprintf("it is for %s, not for %s", p.Arch, arch)
	}
	q.depends = c.wants(p.Depends)
	q.provides = make([]offer, len(p.Provides))
	for i := range p.Provides {
		q.provides[i] = offer{name: c.intern(p.Provides[i].Name), version: p.Provides[i].Version}
	}
	q.installIf = c.wants(p.InstallIf)
	c.packages = append(c.packages, q)
}

func (c *catalog) wants(ds []Dependency) []want {
	if len(ds) == 0 {
		return nil
	}
	ws := make([]want, len(ds))
	for i := range ds {
		ws[i] = want{Dependency: &ds[i], name: c.intern(ds[i].Name)}
	}
	return ws
}

// link fills each name's lists of packages.
func (c *catalog) link() {
	for id := range c.packages {
		p := &c.packages[id]
		c.names[p.name].providers = append(c.names[p.name].providers, provider{int32(id), p.Version})
		for _, o := range p.provides {
			c.names[o.name].providers = append(c.names[o.name].providers, provider{int32(id), o.version})
		}
		for _, w := range p.depends {
			c.names[w.name].wantedBy = append(c.names[w.name].wantedBy, int32(id))
		}
		for _, w := range p.installIf {
			c.names[w.name].triggers = append(c.names[w.name].triggers, int32(id))
		}
	}
}

// nameBuckets is the size of apk's hash table of names. The order in which apk walks that table
// decides, by way of reverse dependencies, which of several names it considers first, and so
// the install order; hence the same table here. See apk-tools, src/database.c and src/blob.c.
const nameBuckets = 20000

const nameHashSeed = 5381

// lookup finds a name's number, or none.
func (c *catalog) lookup(text string) int32 {
	id, _ := c.find(text)
	return id
}

func (c *catalog) find(text string) (id int32, bucket uint32) {
	bucket = murmur3(text, nameHashSeed) % nameBuckets
	for id = c.buckets[bucket]; id != none && c.names[id].text != text; {
		id = c.names[id].next
	}
	return id, bucket
}

func (c *catalog) intern(text string) int32 {
	id, bucket := c.find(text)
	if id == none {
		id = int32(len(c.names))
		c.names = append(c.names, catalogName{text: text, next: c.buckets[bucket]})
		c.buckets[bucket] = id
	}
	return id
}

func (c *catalog) rankNames() {
	c.rank = make([]int32, len(c.names))
	place := int32(0)
	for _, id := range c.buckets {
		for ; id != none; id = c.names[id].next {
			c.rank[id] = place
			place++
		}
	}
}

// namesOf lists all names that the packages have or provide, each once, in bucket order.
func (c *catalog) namesOf(packages []int32) []int32 {
	var names []int32
	for _, id := range packages {
		p := &c.packages[id]
		names = append(names, p.name)
		for _, o := range p.provides {
			names = append(names, o.name)
		}
	}
	slices.SortFunc(names, func(a, b int32) int { return cmp.Compare(c.rank[a], c.rank[b]) })
	return slices.Compact(names)
}

// provides says whether by satisfies w, which package self (or none) wants. A conflict is
// satisfied by what it does not match, by nothing, and by the package that declares it.
func (c *catalog) provides(self int32, w *Dependency, by provider) bool {
	switch {
	case by.pkg == none:
		return w.Conflict
	case w.Conflict && by.pkg == self:
		return true
	case w.Op == OpChecksum && !w.Conflict:
		return c.packages[by.pkg].Checksum.String() == w.Version
	default:
		return w.Op.accepts(by.version, w.Version) != w.Conflict
	}
}

// firstRepo orders packages by the first repository that lists them.
func (p *catalogPackage) firstRepo() int { return bits.TrailingZeros64(p.repos) }

// murmur3 is the 32-bit MurmurHash3, which apk-tools 3 hashes names with.
func murmur3(s string, seed uint32) uint32 {
	const c1, c2 = 0xcc9e2d51, 0x1b873593
	h := seed
	mix := func(k uint32) uint32 { return bits.RotateLeft32(k*c1, 15) * c2 }
	b := []byte(s)
	for ; len(b) >= 4; b = b[4:] {
		h = bits.RotateLeft32(h^mix(binary.LittleEndian.Uint32(b)), 13)*5 + 0xe6546b64
	}
	var tail [4]byte
	copy(tail[:], b)
	if len(b) > 0 {
		h ^= mix(binary.LittleEndian.Uint32(tail[:]))
	}
	h ^= uint32(len(s))
	h = (h ^ h>>16) * 0x85ebca6b
	h = (h ^ h>>13) * 0xc2b2ae35
	return h ^ h>>16
}
