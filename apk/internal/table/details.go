package table

import (
	"encoding/binary"
	"slices"

	"github.com/klauspost/compress/s2"
)

const (
	detailChunk = 64      // packages whose details are compressed together
	maxDetails  = 4 << 20 // bytes a package; the bound of an index's entry
)

// A Reader reads details. It remembers the chunk that it inflated last, so reading in order is cheapest.
type Reader struct {
	chunk int // 0 is none, 1 the first
	text  string
	next  int // the package whose details rest begins with
	rest  string
	out   []string
}

// Details returns the details of package i, in memory that the next call reuses. A damaged detail is "".
func (d *Reader) Details(t *Table, i int) []string {
	if chunk := i/detailChunk + 1; d.chunk != chunk {
		d.chunk, d.text, d.next, d.rest = chunk, t.chunk(chunk-1), 0, ""
	}
	if at := i % detailChunk; d.rest == "" || d.next > at {
		d.next, d.rest = 0, d.text
	}
	for ; d.next <= i%detailChunk; d.next++ {
		d.out = slices.Grow(d.out[:0], len(t.form))
		for range t.form {
			var s string
			s, d.rest = cutText(d.rest)
			d.out = append(d.out, s)
		}
	}
	return d.out
}

// chunk inflates one chunk of the details.
func (t *Table) chunk(n int) string {
	from := uint32(0)
	if n > 0 {
		from = le32(t.detailEnds, uint32(n-1))
	}
	packed := t.details[from:le32(t.detailEnds, uint32(n))]
	if size, err := s2.DecodedLen(packed); err != nil || size > detailChunk*maxDetails {
		return ""
	}
	text, err := s2.Decode(nil, packed)
	if err != nil {
		return ""
	}
	return string(text)
}

// cutText cuts a length and that many bytes from the front of s.
func cutText(s string) (text, rest string) {
	var head [binary.MaxVarintLen64]byte
	n, used := binary.Uvarint(head[:copy(head[:], s)])
	if used <= 0 || n > uint64(len(s)-used) {
		return "", ""
	}
	return s[used : used+int(n)], s[used+int(n):]
}
