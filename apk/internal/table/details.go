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

// A Reader reads strings and details. It remembers the chunk of details that it inflated last, so reading in order is cheapest.
type Reader struct {
	all *Texts // nil copies each string by itself

	chunk int // 0 is none, 1 the first
	text  []byte
	next  int // the package whose details rest begins with
	rest  []byte
	out   []string
}

// ReaderOfAll returns a reader for most of the packages.
func (t *Table) ReaderOfAll() Reader {
	all := t.Texts()
	return Reader{all: &all}
}

// String returns the string with this number.
func (d *Reader) String(t *Table, n uint32) string {
	if d.all != nil {
		return d.all.String(n)
	}
	return t.String(n)
}

// Details returns the details of package i, in memory that the next call reuses. A damaged detail is "".
func (d *Reader) Details(t *Table, i int) []string {
	if chunk := i/detailChunk + 1; d.chunk != chunk {
		d.chunk, d.text, d.next, d.rest = chunk, t.chunk(d.text, chunk-1), 0, nil
	}
	at := i % detailChunk
	if len(d.rest) == 0 || d.next > at {
		d.next, d.rest = 0, d.text
	}
	for ; d.next < at; d.next++ {
		d.rest = d.rest[len(d.texts(t)):]
	}
	own := string(d.texts(t))
	d.next, d.rest = d.next+1, d.rest[len(own):]
	d.out = slices.Grow(d.out[:0], len(t.form))
	for range t.form {
		var s string
		s, own = cutText(own)
		d.out = append(d.out, s)
	}
	return d.out
}

// texts returns the bytes of the details of the package that rest begins with. If they are damaged, it returns all of rest.
func (d *Reader) texts(t *Table) []byte {
	rest := d.rest
	for range t.form {
		n, used := binary.Uvarint(rest)
		if used <= 0 || n > uint64(len(rest)-used) {
			return d.rest
		}
		rest = rest[used+int(n):]
	}
	return d.rest[:len(d.rest)-len(rest)]
}

// chunk inflates one chunk of the details, into the memory of room if that is enough.
func (t *Table) chunk(room []byte, n int) []byte {
	from := uint32(0)
	if n > 0 {
		from = le32(t.detailEnds, uint32(n-1))
	}
	packed := t.details[from:le32(t.detailEnds, uint32(n))]
	if size, err := s2.DecodedLen(packed); err != nil || size > detailChunk*maxDetails {
		return nil
	}
	text, err := s2.Decode(room[:cap(room)], packed)
	if err != nil {
		return nil
	}
	return text
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
