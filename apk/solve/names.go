package solve

import (
	"cmp"
	"slices"

	"github.com/pyimg/pyimg/apk/internal/table"
)

type catalogName struct {
	text   string
	bucket uint32
	next   int32 // in its bucket, older
}

func (c *catalog) intern(text string) int32 { return c.internIn(table.Bucket(text), text) }

func (c *catalog) internIn(bucket uint32, text string) int32 {
	if c.lengths[bucket]&(1<<(len(text)%64)) != 0 { // most names are new, and searching a bucket is slow
		for id := c.buckets[bucket]; id != none; id = c.names[id].next {
			if c.names[id].text == text {
				return id
			}
		}
		if id, known := c.crowd[text]; known {
			return id
		}
	}
	return c.addName(bucket, text)
}

// maxBucket bounds the search of a bucket. The hash has no key, so an attacker's index could have all of its names in one
// bucket. All of Alpine's repositories of one branch have some 15 names in each.
const maxBucket = 128

// addName is internIn for a name that is new.
func (c *catalog) addName(bucket uint32, text string) int32 {
	id := int32(len(c.names))
	name := catalogName{text: text, bucket: bucket, next: none}
	if c.filled[bucket] < maxBucket {
		c.filled[bucket]++
		name.next = c.buckets[bucket]
		c.buckets[bucket] = id
	} else {
		c.crowd[text] = id
	}
	c.names = append(c.names, name)
	c.lengths[bucket] |= 1 << (len(text) % 64)
	return id
}

// namesOf returns all names that the packages have or provide, each once, in apk's bucket order, and in each bucket the
// newest first.
func (c *catalog) namesOf(packages []int32) []int32 {
	if len(packages) == 0 {
		return nil
	}
	const perPackage = 4 // mostly fewer
	names := make([]int32, 0, perPackage*len(packages))
	for _, id := range packages {
		p := &c.packages[id]
		names = append(names, p.name)
		for _, o := range c.offersOf(p) {
			names = append(names, o.name)
		}
	}
	const many = 1 << 10
	if len(names) > many {
		return c.countingSort(names)
	}
	slices.SortFunc(names, func(a, b int32) int {
		return cmp.Or(cmp.Compare(c.names[a].bucket, c.names[b].bucket), cmp.Compare(b, a))
	})
	return slices.Compact(names)
}

// countingSort sorts many names, for a package that many others depend on, such as libc.
func (c *catalog) countingSort(names []int32) []int32 {
	among := make([]bool, len(c.names))
	for _, n := range names {
		among[n] = true
	}
	begins := make([]int32, table.Buckets+1) // by bucket, one later
	for n, is := range among {
		if is {
			begins[c.names[n].bucket+1]++
		}
	}
	for i := range table.Buckets {
		begins[i+1] += begins[i]
	}
	sorted := make([]int32, begins[table.Buckets])
	for n := len(among) - 1; n >= 0; n-- {
		if among[n] {
			at := &begins[c.names[n].bucket]
			sorted[*at] = int32(n)
			*at++
		}
	}
	return sorted
}
