package bytecode

import (
	"encoding/binary"
	"math/bits"
)

// sourceHash is what a .pyc file says of its source: SipHash-1-3 with the magic number as the key, as CPython has had it since
// 3.11 (Python/pyhash.c, _Py_KeyedHash).
func sourceHash(magic [4]byte, source []byte) [8]byte {
	var sum [8]byte
	binary.LittleEndian.PutUint64(sum[:], sipHash13(uint64(binary.LittleEndian.Uint32(magic[:])), 0, source))
	return sum
}

// sipHash13 is SipHash with one round for each block and three at the end (Aumasson and Bernstein, 2012).
func sipHash13(k0, k1 uint64, data []byte) uint64 {
	v0, v1, v2, v3 := k0^0x736f6d6570736575, k1^0x646f72616e646f6d, k0^0x6c7967656e657261, k1^0x7465646279746573
	round := func() {
		v0 += v1
		v2 += v3
		v1 = bits.RotateLeft64(v1, 13) ^ v0
		v3 = bits.RotateLeft64(v3, 16) ^ v2
		v0 = bits.RotateLeft64(v0, 32)
		v2 += v1
		v0 += v3
		v1 = bits.RotateLeft64(v1, 17) ^ v2
		v3 = bits.RotateLeft64(v3, 21) ^ v0
		v2 = bits.RotateLeft64(v2, 32)
	}
	last := uint64(len(data)) << 56
	for ; len(data) >= 8; data = data[8:] {
		m := binary.LittleEndian.Uint64(data)
		v3 ^= m
		round()
		v0 ^= m
	}
	for i, b := range data {
		last |= uint64(b) << (8 * i)
	}
	v3 ^= last
	round()
	v0 ^= last
	v2 ^= 0xff
	round()
	round()
	round()
	return v0 ^ v1 ^ v2 ^ v3
}
