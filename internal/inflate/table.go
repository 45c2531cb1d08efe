package inflate

import "math/bits"

// The look-up tables are indexed by this many bits. A longer code leads to a second table behind the first.
const (
	literalBits  = 10
	distanceBits = 8
	maxCode      = 15
)

// An entry of a table says what a code means:
//
//	bits  0 to  5  how many bits to take, with the extra bits of a length or distance
//	bits  8 to 11  how many of them are the code's
//	bits 12 to 15  what it is
//	bits 16 to 31  the literal, the base of the length or distance, or where the second table begins
type entry uint32

const (
	isLiteral entry = 1 << 15
	isSecond  entry = 1 << 14 // bits 8 to 11 are the second table's own bits
	isEnd     entry = 1 << 13
	isInvalid entry = 1 << 12
)

// A table decodes one set of codes. The second tables of the 288 literals and lengths take 334 entries at most, and those of
// the distances 146 (zlib's "enough"); a set of codes that is not complete takes none.
type table struct {
	entries [1<<literalBits + 1<<10]entry
	bits    uint
}

// The extra bits and bases of lengths and distances (RFC 1951, 3.2.5).
func lengthEntry(symbol int) entry {
	switch {
	case symbol < 256:
		return isLiteral | entry(symbol)<<16
	case symbol == 256:
		return isEnd
	case symbol > 285:
		return isInvalid
	case symbol == 285:
		return 258 << 16
	case symbol < 265:
		return entry(symbol-254) << 16
	}
	n := symbol - 261 // 265 has one extra bit
	extra := n / 4
	return entry(3+(4+n%4)<<extra)<<16 | entry(extra)
}

func distanceEntry(symbol int) entry {
	switch {
	case symbol > 29:
		return isInvalid
	case symbol < 4:
		return entry(symbol+1) << 16
	}
	extra := symbol/2 - 1
	return entry(1+(2+symbol%2)<<extra)<<16 | entry(extra)
}

// build makes the table of codes with these lengths. It reports whether there is such a set of codes: a complete one, or one
// code of one bit, or none at all where empty says that this is allowed.
func (t *table) build(lengths []uint8, primary uint, empty bool, meaning func(symbol int) entry) bool {
	var counts [maxCode + 1]int
	for _, n := range lengths {
		counts[n]++
	}
	t.bits = primary
	used := len(lengths) - counts[0]
	if !complete(&counts) && (used > 1 || used == 1 && counts[1] != 1 || used == 0 && !empty) {
		return false
	}
	if used <= 1 {
		for i := range 1 << primary {
			t.entries[i] = isInvalid
		}
	}
	var next [maxCode + 2]int
	for n := 1; n <= maxCode; n++ {
		next[n+1] = (next[n] + counts[n]) << 1
	}
	var longest [1 << literalBits]uint8 // code of each first part
	long := false
	codes := next
	for _, n := range lengths {
		if uint(n) > primary {
			first := reverse(codes[n], n) & (1<<primary - 1)
			longest[first] = max(longest[first], n)
			long = true
		}
		codes[n]++
	}
	end := 1 << primary
	for first := 0; long && first < 1<<primary; first++ {
		if n := uint(longest[first]); n > 0 {
			t.entries[first] = isSecond | entry(end)<<16 | entry(n-primary)<<8 | entry(primary)
			end += 1 << (n - primary)
		}
	}
	for symbol, n := range lengths {
		if n > 0 {
			t.put(reverse(next[n], n), uint(n), meaning(symbol))
			next[n]++
		}
	}
	return true
}

// complete reports whether each sequence of bits begins with a code.
func complete(counts *[maxCode + 1]int) bool {
	left := 1
	for n := 1; n <= maxCode; n++ {
		if left = left<<1 - counts[n]; left < 0 {
			return false
		}
	}
	return left == 0
}

// put sets all entries whose index begins with the code.
func (t *table) put(code int, n uint, e entry) {
	at, size := 0, t.bits
	if n > t.bits {
		second := t.entries[code&(1<<t.bits-1)]
		at, size = int(second>>16), uint(second>>8&15)
		code >>= t.bits
		n -= t.bits
	}
	e += entry(n) | entry(n)<<8
	for i := code; i < 1<<size; i += 1 << n {
		t.entries[at+i] = e
	}
}

// reverse is a code of n bits as it is in the stream, the first bit lowest.
func reverse(code int, n uint8) int { return int(bits.Reverse16(uint16(code)) >> (16 - n)) }
