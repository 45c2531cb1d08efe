package solve

import (
	"fmt"

	"github.com/pyimg/pyimg/apk"
	"github.com/pyimg/pyimg/apk/internal/table"
)

// noarch is the architecture of packages that fit every one.
const noarch = "noarch"

// addAll numbers an index's new packages, and their names in the order of the index. apk's order of names within a
// bucket depends on that order.
//
// The index is the one with this number in catalog.indexes. The repository has a bit, or none for the root's own packages.
func (c *catalog) addAll(x *apk.Index, number int, repo uint64, known checksumSet) {
	t := x.Table()
	n := numbering{
		catalog: c, index: t, texts: c.texts[number], arch: x.Arch, number: uint8(number),
		base: c.base(t.Strings()), names: make([]int32, t.Strings()), alone: len(c.names) == 0,
	}
	for i := range n.names {
		n.names[i] = none
	}
	for i := range t.Len() {
		if x.Hidden(i) {
			continue
		}
		if id, dup := known.add(t.Record(i).Checksum(), c); dup {
			c.packages[id].repos |= repo
			continue
		}
		n.add(i, repo)
	}
}

// A numbering maps the strings of an index to the names of the catalog.
type numbering struct {
	*catalog
	index  *table.Table
	texts  table.Texts
	arch   string
	number uint8
	base   versionID
	names  []int32 // by string of the index; none: not yet
	alone  bool    // the catalog has names of this index only
}

func (n *numbering) add(i int, repo uint64) {
	r, id := n.index.Record(i), int32(len(n.packages))
	if text := n.refusal(r); text != "" {
		n.refused[id] = text
	}
	q := catalogPackage{
		repos: repo, priority: r.Priority(), name: n.name(r.Name()), version: n.version(r.Version()),
		place: int32(i), index: n.number, empty: r.InstalledSize() == 0,
	}
	first, depends, provides, end := n.index.Lists(i)
	q.depends = n.want(first, depends)
	q.provides = int32(len(n.offers))
	if count, wants := int(provides-depends), int(depends-first+end-provides); count > maxProvides || count*wants > maxPairs {
		n.refused[id] = fmt.Sprintf("it provides %d names and depends on %d, which is too much", count, wants)
	} else {
		n.offer(depends, provides)
	}
	q.offersEnd = int32(len(n.offers))
	q.installIf = n.want(provides, end)
	q.wantsEnd = int32(len(n.wants))
	_, q.refused = n.refused[id]
	n.packages = append(n.packages, q)
}

// refusal says why apk would not install the package of a record, "" for most. A noarch package fits every
// architecture.
func (n *numbering) refusal(r table.Record) string {
	x := &n.texts
	if arch := x.String(r.Arch()); arch != "" && n.arch != "" && arch != n.arch && arch != noarch {
		return fmt.Sprintf("it is for %s, not for %s", arch, n.arch)
	}
	if text := x.String(r.Refused()); text != "" || n.dialect == apk.Dialect2 {
		return text
	}
	return x.String(r.TooNew())
}

// name returns the number of a name in the catalog.
func (n *numbering) name(local uint32) int32 {
	id := n.names[local]
	if id == none {
		bucket, text := n.index.Bucket(local), n.texts.String(local)
		if n.alone {
			id = n.addName(bucket, text)
		} else {
			id = n.internIn(bucket, text)
		}
		n.names[local] = id
	}
	return id
}

func (n *numbering) version(local uint32) versionID {
	if local == 0 {
		return 0
	}
	return n.base + versionID(local)
}

// want adds dependencies of the index and returns where they begin.
func (n *numbering) want(from, to uint32) (first int32) {
	first = int32(len(n.wants))
	for i := from; i < to; i++ {
		name, version, op, conflict := n.index.Dependency(i)
		n.wants = append(n.wants, want{name: n.name(name), version: n.version(version), op: apk.Op(op), conflict: conflict})
	}
	return first
}

func (n *numbering) offer(from, to uint32) {
	for i := from; i < to; i++ {
		name, version, _, _ := n.index.Dependency(i)
		n.offers = append(n.offers, offer{n.name(name), n.version(version)})
	}
}

// base makes room for the versions of one more index with so many strings. It returns the number before the first of
// them.
func (c *catalog) base(strings int) versionID {
	base := c.bases[len(c.bases)-1]
	c.bases = append(c.bases, base+uint32(strings))
	return versionID(base)
}

func (c *catalog) versionText(v versionID) string {
	if v == 0 {
		return ""
	}
	for i := range c.indexes {
		if uint32(v) <= c.bases[i+1] {
			return c.texts[i].String(uint32(v) - c.bases[i])
		}
	}
	return c.versions[uint32(v)-c.bases[len(c.indexes)]-1]
}

func (c *catalog) compareVersions(a, b versionID) int {
	return c.dialect.CompareVersions(c.versionText(a), c.versionText(b))
}

// addVersion adds a version of world.
func (c *catalog) addVersion(text string) versionID {
	if text == "" {
		return 0
	}
	c.versions = append(c.versions, text)
	return versionID(c.bases[len(c.indexes)] + uint32(len(c.versions)))
}
