// Package inflate reads raw deflate streams (RFC 1951), such as the members of zip archives, and gzip files (RFC 1952).
//
// It takes about half of the CPU of other decoders in Go: bits are kept in one 64-bit word, and the output is its own window.
//
// It is for callers that put such streams into other files as they are. So it is as strict as zlib, which means that every
// other reader takes what it takes. Decode reports where in a stream the last block begins and where the stream ends, in
// bits: with that, streams can be joined without compressing them again.
package inflate

import (
	"encoding/binary"
	"errors"
	"io"
)

// ErrDamaged is the error of a stream that is not valid.
var ErrDamaged = errors.New("the deflate stream is damaged")

// ErrTrailing is the error where bytes follow the stream.
var ErrTrailing = errors.New("bytes follow the deflate stream")

// A Stream says where the parts of a deflate stream are, in bits from its begin. Bit 0 is the lowest of a byte.
type Stream struct {
	Last int64 // where the last block begins: this bit is set, and says that no block follows
	End  int64 // behind the last bit
}

const (
	window   = 32 << 10 // how far back a match may lie
	outSize  = 128 << 10
	slack    = 258 + 32 // what one step may write beyond the end
	inSize   = 64 << 10
	inMargin = 32  // what one step may read beyond the end
	maxEmpty = 100 // reads in a row without a byte, as bufio has it
)

// A Decoder inflates one stream after the other and keeps its buffers. The zero value works. Each goroutine needs its own.
type Decoder struct {
	in     *[inSize + inMargin]byte // from inEnd on there are zeros
	inPos  int                      // the next byte that is not in bits
	inEnd  int
	inBase int64 // of the stream, in bytes, before in
	eof    bool
	source io.Reader

	bits  uint64 // the next bits, the lowest first; those above count are no more than a preview
	count uint

	out    *[outSize + slack]byte
	outPos int
	sent   int // bytes of out that were written

	state state
	left  int  // bytes of a stored block
	final bool // the block is the last one
	at    Stream

	literals  table
	distances table
	lengths   [320]uint8 // of codes
}

// A state is what comes next in a stream.
type state int

const (
	atHeader state = iota // of a block
	inStored              // bytes of a block that is not compressed
	inBlock               // symbols of a block
	atEnd
)

// Decode writes the content of the stream in r to w. The stream must end where r does. An error of r or w is returned as it is.
func (d *Decoder) Decode(w io.Writer, r io.Reader) (Stream, error) {
	d.open(r)
	defer func() { d.source = nil }()
	for {
		if err := d.fill(); err != nil {
			return d.at, err
		}
		if d.state == atEnd {
			if err := d.trailing(d.at.End); err != nil {
				return d.at, err
			}
		}
		if _, err := w.Write(d.out[d.sent:d.outPos]); err != nil {
			return d.at, err
		}
		if d.state == atEnd {
			return d.at, nil
		}
		d.slide()
	}
}

// open begins to read r.
func (d *Decoder) open(r io.Reader) {
	if d.in == nil {
		d.in, d.out = new([inSize + inMargin]byte), new([outSize + slack]byte)
	}
	d.inPos, d.inEnd, d.inBase, d.eof, d.source = 0, 0, 0, false, r
	d.bits, d.count = 0, 0
	d.begin()
}

// begin is the begin of a stream, at the next byte.
func (d *Decoder) begin() {
	d.outPos, d.sent, d.state, d.at = 0, 0, atHeader, Stream{}
}

// fill decodes until out is full or the stream ends.
func (d *Decoder) fill() (err error) {
	for err == nil && d.outPos < outSize && d.state != atEnd {
		switch d.state {
		case inStored:
			err = d.stored()
		case inBlock:
			err = d.block()
		default:
			err = d.header()
		}
	}
	return err
}

// header reads the header of a block.
func (d *Decoder) header() error {
	if err := d.need(); err != nil {
		return err
	}
	d.at.Last = d.position()
	d.final = d.take(1) == 1
	switch d.take(2) {
	case 0:
		return d.storedHeader()
	case 1:
		d.fixed()
	case 2:
		if err := d.dynamic(); err != nil {
			return err
		}
	default:
		return ErrDamaged
	}
	d.state = inBlock
	return nil
}

// ended is behind the last bit of a block.
func (d *Decoder) ended() error {
	if d.overran() {
		return io.ErrUnexpectedEOF
	}
	d.state = atHeader
	if d.final {
		d.state, d.at.End = atEnd, d.position()
	}
	return nil
}

// position is how many bits of the stream were taken.
func (d *Decoder) position() int64 { return (d.inBase+int64(d.inPos))*8 - int64(d.count) }

// overran reports whether bits were taken that the stream does not have.
func (d *Decoder) overran() bool { return d.position() > (d.inBase+int64(d.inEnd))*8 }

// trailing is the error where bytes follow the end.
func (d *Decoder) trailing(end int64) error {
	if d.inBase+int64(d.inEnd) > (end+7)/8 {
		return ErrTrailing
	}
	if d.eof {
		return nil
	}
	d.inPos, d.inEnd = 0, 0
	if err := d.read(); err != nil {
		return err
	}
	if d.inEnd > 0 {
		return ErrTrailing
	}
	return nil
}

// need sees to it that the next bytes are in memory, and that bits has 56 of them at least. Behind the end there are zeros.
func (d *Decoder) need() error {
	if d.inPos+inMargin > d.inEnd && !d.eof {
		if err := d.read(); err != nil {
			return err
		}
	}
	if d.inPos > d.inEnd+8 {
		return io.ErrUnexpectedEOF
	}
	d.refill()
	return nil
}

// read moves what is left to the front and reads more behind it. It does not wait for more than the margin, or the end of the
// stream, so that what came over a slow link is decoded.
func (d *Decoder) read() error {
	d.inPos -= int(d.count >> 3) // whole bytes go back, so that align finds them
	d.count &= 7
	d.bits &= 1<<d.count - 1
	d.inBase += int64(d.inPos)
	d.inEnd = copy(d.in[:], d.in[d.inPos:d.inEnd])
	d.inPos = 0
	for empty := 0; d.inEnd < inMargin && !d.eof; {
		n, err := d.source.Read(d.in[d.inEnd:inSize])
		d.inEnd += n
		if err == io.EOF {
			d.eof = true
		} else if err != nil {
			return err
		}
		if empty++; n > 0 {
			empty = 0
		} else if empty > maxEmpty {
			return io.ErrNoProgress
		}
	}
	clear(d.in[d.inEnd : d.inEnd+inMargin])
	return nil
}

// refill fills bits. The margin must be there.
func (d *Decoder) refill() {
	d.bits |= binary.LittleEndian.Uint64(d.in[d.inPos:]) << d.count
	d.inPos += int(63-d.count) >> 3
	d.count |= 56
}

func (d *Decoder) take(n uint) uint {
	v := uint(d.bits & (1<<n - 1))
	d.bits >>= n
	d.count -= n
	return v
}

// slide makes room in out. All of it was written; the window stays.
func (d *Decoder) slide() {
	if d.outPos > window {
		copy(d.out[:], d.out[d.outPos-window:d.outPos])
		d.outPos = window
	}
	d.sent = d.outPos
}

// align goes to the next border of a byte, where there are bytes instead of bits.
func (d *Decoder) align() error {
	d.take(d.count & 7)
	d.inPos -= int(d.count >> 3)
	d.bits, d.count = 0, 0
	if d.overran() {
		return io.ErrUnexpectedEOF
	}
	return nil
}

// peek returns the next n bytes, which are no more than the margin, or fewer at the end. The stream must be at the border of a byte.
func (d *Decoder) peek(n int) ([]byte, error) {
	if d.inPos+n > d.inEnd && !d.eof {
		if err := d.read(); err != nil {
			return nil, err
		}
	}
	return d.in[d.inPos:min(d.inPos+n, d.inEnd)], nil
}

// next is peek for callers that need all n bytes, and go on behind them.
func (d *Decoder) next(n int) ([]byte, error) {
	b, err := d.peek(n)
	if err == nil && len(b) < n {
		err = io.ErrUnexpectedEOF
	}
	d.inPos += len(b)
	return b, err
}

// storedHeader reads the header of a block that is not compressed.
func (d *Decoder) storedHeader() error {
	if err := d.align(); err != nil {
		return err
	}
	b, err := d.next(4)
	if err != nil {
		return err
	}
	size, check := binary.LittleEndian.Uint16(b), binary.LittleEndian.Uint16(b[2:])
	if size != ^check {
		return ErrDamaged
	}
	d.state, d.left = inStored, int(size)
	return nil
}

// stored copies a block that is not compressed, as far as there is room.
func (d *Decoder) stored() error {
	for d.left > 0 && d.outPos < outSize {
		b, err := d.peek(1)
		if err != nil {
			return err
		}
		if len(b) == 0 {
			return io.ErrUnexpectedEOF
		}
		n := copy(d.out[d.outPos:outSize], d.in[d.inPos:min(d.inEnd, d.inPos+d.left)])
		d.inPos, d.outPos, d.left = d.inPos+n, d.outPos+n, d.left-n
	}
	if d.left > 0 {
		return nil
	}
	return d.ended()
}
