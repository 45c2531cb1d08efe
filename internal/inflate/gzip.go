package inflate

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
)

// ErrHeader is the error where something else than a gzip member begins.
var ErrHeader = errors.New("no gzip member begins there")

// ErrChecksum is the error of a gzip member whose checksum or size is not its content's.
var ErrChecksum = errors.New("the checksum at the end of a gzip member is not that of its content")

// A Reader reads a gzip file: one member after the other, to the end of its source. Call Reset before Read.
//
// What it takes, the standard library takes, too, with the same content. Where that finds a fault, Reader does: [ErrHeader],
// [ErrChecksum], [ErrDamaged] or io.ErrUnexpectedEOF. An error of the source is returned as it is. It may read beyond a fault, and
// does not return the last bytes before one.
type Reader struct {
	decoder Decoder
	crc     uint32
	size    uint32
	err     error
}

// Reset begins to read r, and reads the header of its first member. The error is io.EOF if r is empty. Reset(nil) lets go of an
// earlier source.
func (z *Reader) Reset(r io.Reader) error {
	if r == nil {
		z.decoder.source, z.err = nil, io.EOF
		return nil
	}
	z.decoder.open(r)
	z.err = z.header()
	return z.err
}

// Read is io.Reader's.
func (z *Reader) Read(p []byte) (int, error) {
	d := &z.decoder
	for d.sent >= d.outPos && len(p) > 0 {
		if z.err != nil {
			return 0, z.err
		}
		z.err = z.more()
	}
	n := copy(p, d.out[d.sent:d.outPos])
	d.sent += n
	return n, nil
}

// more decodes the next bytes, or goes to the next member. Of what was decoded just before an error nobody knows where it ends to be
// right: behind the end of a cut stream the decoder sees zeros. So it is dropped.
func (z *Reader) more() error {
	d := &z.decoder
	if d.state == atEnd {
		if err := z.trailer(); err != nil {
			return err
		}
		return z.header()
	}
	d.slide()
	if err := d.fill(); err != nil {
		d.outPos = d.sent
		return err
	}
	got := d.out[d.sent:d.outPos]
	z.crc, z.size = crc32.Update(z.crc, crc32.IEEETable, got), z.size+uint32(len(got))
	return nil
}

// trailer reads what follows the deflate stream of a member.
func (z *Reader) trailer() error {
	if err := z.decoder.align(); err != nil {
		return err
	}
	b, err := z.decoder.next(8)
	if err != nil {
		return err
	}
	if binary.LittleEndian.Uint32(b) != z.crc || binary.LittleEndian.Uint32(b[4:]) != z.size {
		return ErrChecksum
	}
	return nil
}

// The bits of a header's flags that say what follows it.
const (
	hasCRC     = 1 << 1
	hasExtra   = 1 << 2
	hasName    = 1 << 3
	hasComment = 1 << 4
	reserved   = 0xe0
)

// maxText is how long a name or a comment may be, with the zero at its end: as long as the standard library takes them.
const maxText = 512

// header reads the header of the next member. It returns io.EOF where the source ends.
func (z *Reader) header() error {
	d := &z.decoder
	if b, err := d.peek(1); err != nil || len(b) == 0 {
		if err == nil {
			err = io.EOF
		}
		return err
	}
	h := headerReader{d: d}
	first := h.take(10)
	if h.err == nil && (first[0] != 0x1f || first[1] != 0x8b || first[2] != 8) {
		h.err = ErrHeader
	}
	if h.err != nil {
		return h.err
	}
	flags := first[3]
	if flags&hasExtra != 0 {
		h.skip(int(binary.LittleEndian.Uint16(h.take(2))))
	}
	if flags&hasName != 0 {
		h.text()
	}
	if flags&hasComment != 0 {
		h.text()
	}
	if sum := h.crc; flags&hasCRC != 0 {
		if want := h.take(2); h.err == nil && binary.LittleEndian.Uint16(want) != uint16(sum) {
			h.err = ErrHeader
		}
	}
	if h.err == nil && flags&reserved != 0 {
		h.err = ErrHeader
	}
	d.begin()
	z.crc, z.size = 0, 0
	return h.err
}

// A headerReader reads bytes of a header until there is an error. Then all bytes are zero.
type headerReader struct {
	d   *Decoder
	crc uint32
	err error
}

// take returns the next n bytes, which are no more than the margin.
func (h *headerReader) take(n int) []byte {
	if h.err == nil {
		var b []byte
		if b, h.err = h.d.next(n); h.err == nil {
			h.crc = crc32.Update(h.crc, crc32.IEEETable, b)
			return b
		}
	}
	return make([]byte, n)
}

func (h *headerReader) skip(n int) {
	for n > 0 && h.err == nil {
		n -= len(h.take(min(n, inMargin)))
	}
}

// text reads up to a zero.
func (h *headerReader) text() {
	for range maxText {
		if h.take(1)[0] == 0 {
			return // or there is an error
		}
	}
	if h.err == nil {
		h.err = ErrHeader
	}
}
