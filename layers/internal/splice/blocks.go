package splice

import (
	"bufio"
	"math/bits"

	"github.com/pyimg/pyimg/internal/inflate"
)

// The bounds of matches (RFC 1951, 3.2.5).
const (
	window   = 32 << 10
	minMatch = 3
	maxMatch = 258
)

// blocks writes deflate blocks, bit by bit. Errors are those of out's Flush.
type blocks struct {
	out   *bufio.Writer
	bits  uint64 // not written yet, the lowest first
	count uint   // fewer than 8 after each method
}

func (b *blocks) put(value uint64, n uint) {
	b.bits |= value << b.count
	for b.count += n; b.count >= 8; b.count -= 8 {
		_ = b.out.WriteByte(byte(b.bits))
		b.bits >>= 8
	}
}

// code writes a Huffman code, whose first bit is the highest.
func (b *blocks) code(code uint16, n uint) { b.put(uint64(bits.Reverse16(code)>>(16-n)), n) }

// symbol writes a literal, an end or a length with the fixed codes (RFC 1951, 3.2.6).
func (b *blocks) symbol(s uint16) {
	switch {
	case s < 144:
		b.code(0x30+s, 8)
	case s < 256:
		b.code(0x190+s-144, 9)
	case s < 280:
		b.code(s-256, 7)
	default:
		b.code(0xc0+s-280, 8)
	}
}

const endOfBlock = 256

// match writes a length from 3 to 258 and a distance.
func (b *blocks) match(length, distance int) {
	switch l := uint(length - minMatch); {
	case length == maxMatch:
		b.symbol(285)
	case l < 8:
		b.symbol(uint16(257 + l))
	default:
		extra := uint(bits.Len(l)) - 3
		b.symbol(uint16(257 + 4*extra + l>>extra))
		b.put(uint64(l&(1<<extra-1)), extra)
	}
	d := uint(distance - 1)
	if d < 4 {
		b.code(uint16(d), 5)
		return
	}
	extra := uint(bits.Len(d)) - 2
	b.code(uint16(2+2*extra+d>>extra&1), 5)
	b.put(uint64(d&(1<<extra-1)), extra)
}

// record writes a block of text. Matches are runs of one byte, and what source has at the same place, seen from the ends
// of both; source is a distance before text. It may be nil.
func (b *blocks) record(text, source []byte, distance int) {
	b.put(0b010, 3) // not the last one; fixed codes
	shift := len(source) - len(text)
	for i := 0; i < len(text); {
		length, from := 0, 1
		if i > 0 {
			length = common(text[i:], text[i-1:])
		}
		if j := i + shift; j >= 0 && j < len(source) {
			if n := common(text[i:], source[j:]); n > length+1 {
				length, from = n, distance
			}
		}
		if length < minMatch {
			b.symbol(uint16(text[i]))
			i++
			continue
		}
		b.match(length, from)
		i += length
	}
	b.symbol(endOfBlock)
}

// common is the length of the match of two texts.
func common(a, b []byte) int {
	n := min(len(a), len(b), maxMatch)
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}

// align goes on to the next byte: an empty stored block does that.
func (b *blocks) align() {
	if b.count == 0 {
		return
	}
	b.put(0, 3)
	b.put(0, -b.count&7)
	b.put(0xffff<<16, 32)
}

// stream writes a stream without the mark of its last block. It must begin at a byte, since blocks of it may have to.
func (b *blocks) stream(raw []byte, at inflate.Stream) {
	mark, whole := at.Last/8, at.End/8
	_, _ = b.out.Write(raw[:mark])
	if mark < whole {
		_ = b.out.WriteByte(raw[mark] &^ (1 << (at.Last % 8)))
		_, _ = b.out.Write(raw[mark+1 : whole])
	}
	if rest := uint(at.End % 8); rest > 0 {
		last := uint64(raw[whole])
		if mark == whole {
			last &^= 1 << (at.Last % 8)
		}
		b.put(last&(1<<rest-1), rest)
	}
}

// last writes an empty block with the mark.
func (b *blocks) last() {
	b.put(0b011, 3)
	b.symbol(endOfBlock)
	b.put(0, -b.count&7)
}
