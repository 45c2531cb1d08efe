package solve

import (
	"hash/maphash"
	"math/bits"

	"github.com/pyimg/pyimg/apk"
)

// A checksumSet finds a catalog's packages by their checksums. It uses a keyed hash, since an index may choose
// checksums that collide.
type checksumSet struct {
	slots []int32
	seed  maphash.Seed
}

func newChecksumSet(room int) checksumSet {
	s := checksumSet{slots: make([]int32, 1<<bits.Len(uint(2*room))), seed: maphash.MakeSeed()}
	for i := range s.slots {
		s.slots[i] = none
	}
	return s
}

// add returns the package of c that has the checksum. If there is none, add notes that the next package of c will have
// it. Packages without a checksum are never the same.
func (s checksumSet) add(sum apk.Checksum, c *catalog) (id int32, found bool) {
	if sum == (apk.Checksum{}) {
		return 0, false
	}
	last := uint64(len(s.slots) - 1)
	for i := maphash.Bytes(s.seed, sum[:]) & last; ; i = (i + 1) & last {
		if s.slots[i] == none {
			s.slots[i] = int32(len(c.packages))
			return 0, false
		}
		if c.checksum(s.slots[i]) == sum {
			return s.slots[i], true
		}
	}
}
