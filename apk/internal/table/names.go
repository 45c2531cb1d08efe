package table

import "math/bits"

// Buckets is the size of apk's hash table of names. apk walks that table and its reverse dependencies. So the order of
// the table decides which of several names apk considers first, and with that the install order. See apk-tools,
// src/database.c and src/blob.c.
const Buckets = 20000

const nameHashSeed = 5381

// Bucket returns the bucket of a name in that table.
func Bucket(name string) uint32 { return murmur3(name, nameHashSeed) % Buckets }

// murmur3 is the 32-bit MurmurHash3, which apk-tools 3 uses for names.
func murmur3(s string, seed uint32) uint32 {
	const c1, c2 = 0xcc9e2d51, 0x1b873593
	h := seed
	mix := func(k uint32) uint32 { return bits.RotateLeft32(k*c1, 15) * c2 }
	rest := s
	for ; len(rest) >= 4; rest = rest[4:] {
		k := uint32(rest[0]) | uint32(rest[1])<<8 | uint32(rest[2])<<16 | uint32(rest[3])<<24
		h = bits.RotateLeft32(h^mix(k), 13)*5 + 0xe6546b64
	}
	if len(rest) > 0 {
		k := uint32(0)
		for i := range len(rest) {
			k |= uint32(rest[i]) << (8 * i)
		}
		h ^= mix(k)
	}
	h ^= uint32(len(s))
	h = (h ^ h>>16) * 0x85ebca6b
	h = (h ^ h>>13) * 0xc2b2ae35
	return h ^ h>>16
}
