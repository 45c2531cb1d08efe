// Package inflate reads raw deflate streams (RFC 1951), such as the members of zip archives.
//
// It is for callers that put such streams into other files as they are. So it is as strict as zlib, which means that every
// other reader takes what it takes, and it reports where in a stream the last block begins and where the stream ends, in
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
	slack    = 258 + 16 // what one step may write beyond the end
	inSize   = 64 << 10
	inMargin = 32 // what one step may read beyond the end
)

// A Decoder inflates one stream after the other and keeps its buffers. The zero value works. Each goroutine needs its own.
type Decoder struct {
	in     []byte // inSize and inMargin bytes; from inEnd on there are zeros
	inPos  int    // the next byte that is not in bits
	inEnd  int
	inBase int64 // of the stream, in bytes, before in
	eof    bool
	source io.Reader

	bits  uint64 // the next bits, the lowest first; those above count are no more than a preview
	count uint

	out    []byte
	outPos int
	sent   int // bytes of out that were written
	sink   io.Writer

	literals  table
	distances table
	lengths   [320]uint8 // of codes
}

// Decode writes the content of the stream in r to w. The stream must end where r does. An error of r or w is returned as it is.
func (d *Decoder) Decode(w io.Writer, r io.Reader) (Stream, error) {
	if d.in == nil {
		d.in, d.out = make([]byte, inSize+inMargin), make([]byte, outSize+slack)
	}
	d.inPos, d.inEnd, d.inBase, d.eof, d.source = 0, 0, 0, false, r
	d.bits, d.count, d.outPos, d.sent, d.sink = 0, 0, 0, 0, w
	defer func() { d.source, d.sink = nil, nil }()
	s, err := d.decode()
	if err == nil {
		err = d.flush()
	}
	return s, err
}

func (d *Decoder) decode() (s Stream, err error) {
	for {
		if err := d.need(); err != nil {
			return s, err
		}
		s.Last = d.position()
		header := d.take(3)
		switch header >> 1 {
		case 0:
			err = d.stored()
		case 1:
			d.fixed()
			err = d.block()
		case 2:
			if err = d.dynamic(); err == nil {
				err = d.block()
			}
		default:
			err = ErrDamaged
		}
		if err != nil {
			return s, err
		}
		if d.overran() {
			return s, io.ErrUnexpectedEOF
		}
		if header&1 == 1 {
			s.End = d.position()
			return s, d.trailing(s.End)
		}
	}
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

// read moves what is left to the front and reads more behind it, up to the end of the stream or of the buffer.
func (d *Decoder) read() error {
	d.inBase += int64(d.inPos)
	d.inEnd = copy(d.in, d.in[d.inPos:d.inEnd])
	d.inPos = 0
	for d.inEnd < inSize && !d.eof {
		n, err := d.source.Read(d.in[d.inEnd:inSize])
		d.inEnd += n
		if err == io.EOF {
			d.eof = true
		} else if err != nil {
			return err
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

// flush writes what was not written yet, and keeps the window.
func (d *Decoder) flush() error {
	if d.sent < d.outPos {
		if _, err := d.sink.Write(d.out[d.sent:d.outPos]); err != nil {
			return err
		}
	}
	if d.outPos > window {
		copy(d.out, d.out[d.outPos-window:d.outPos])
		d.outPos = window
	}
	d.sent = d.outPos
	return nil
}

// stored copies a block that is not compressed.
func (d *Decoder) stored() error {
	d.take(d.count & 7)
	d.inPos -= int(d.count >> 3)
	d.bits, d.count = 0, 0
	if d.overran() {
		return io.ErrUnexpectedEOF
	}
	if d.inPos+4 > d.inEnd {
		if err := d.read(); err != nil {
			return err
		}
		if d.inPos+4 > d.inEnd {
			return io.ErrUnexpectedEOF
		}
	}
	size, check := binary.LittleEndian.Uint16(d.in[d.inPos:]), binary.LittleEndian.Uint16(d.in[d.inPos+2:])
	if size != ^check {
		return ErrDamaged
	}
	d.inPos += 4
	for left := int(size); left > 0; {
		if d.inPos >= d.inEnd {
			if err := d.read(); err != nil {
				return err
			}
			if d.inEnd == 0 {
				return io.ErrUnexpectedEOF
			}
		}
		if d.outPos >= outSize {
			if err := d.flush(); err != nil {
				return err
			}
		}
		n := copy(d.out[d.outPos:outSize], d.in[d.inPos:min(d.inEnd, d.inPos+left)])
		d.inPos, d.outPos, left = d.inPos+n, d.outPos+n, left-n
	}
	return nil
}
