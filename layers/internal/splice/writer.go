// Package splice writes gzip files out of deflate streams that exist (RFC 1951, 1952). It compresses next to nothing.
//
// A gzip member is one deflate stream, and that is a sequence of blocks, of which the last has a mark. So streams follow each
// other in one member if the marks of all but the last are cleared; what is between them becomes blocks, too.
package splice

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"

	"github.com/klauspost/compress/flate"

	"github.com/pyimg/pyimg/internal/inflate"
)

// A Writer writes members. What it writes depends on the calls and the level alone. An error leaves it to be thrown away.
type Writer struct {
	out     *bufio.Writer
	level   int
	blocks  blocks
	decoder inflate.Decoder
	press   *flate.Writer
	buffer  []byte // of Compress

	open   bool // a member has begun
	crc    uint32
	length uint64 // of the member's content
	before record // the one before
}

// A record is plain bytes in a member.
type record struct {
	bytes []byte
	end   uint64 // where it ends in the member's content
}

// NewWriter returns a Writer; level is what Compress compresses with.
func NewWriter(level int) *Writer { return &Writer{level: level} }

// Reset makes the Writer write to another writer from now on, which the caller flushes.
func (w *Writer) Reset(to *bufio.Writer) {
	w.out, w.open, w.blocks = to, false, blocks{out: to}
}

// Record writes bytes that are much like those of the record before, such as the header of a file. It searches no others for
// matches.
func (w *Writer) Record(b []byte) {
	w.begin()
	w.count(b)
	source, distance := w.before.bytes, int(min(w.length-w.before.end, window+1))
	if source == nil || distance > window {
		source = nil
	}
	w.blocks.record(b, source, distance)
	w.before = record{append(w.before.bytes[:0], b...), w.length}
}

// Join appends a deflate stream to the member, and writes its content to w, too.
func (w *Writer) Join(raw []byte, to io.Writer) error {
	w.begin()
	at, err := w.decoder.Decode(counted{w, to}, bytes.NewReader(raw))
	if err != nil {
		return err
	}
	w.blocks.align()
	w.blocks.stream(raw, at)
	return nil
}

// Copy ends the member with a deflate stream, byte by byte as it is. It writes its content to w, too.
func (w *Writer) Copy(r io.Reader, to io.Writer) error {
	w.begin()
	w.blocks.align()
	if _, err := w.decoder.Decode(counted{w, to}, io.TeeReader(r, w.out)); err != nil {
		return err
	}
	return w.end()
}

// small is the size up to which bytes are written as they are: a compressor would need as many for its own.
const small = 48

// Compress compresses bytes, all of r, and writes them to w, too.
func (w *Writer) Compress(r io.Reader, to io.Writer) (err error) {
	w.begin()
	if w.buffer == nil {
		w.buffer = make([]byte, 32<<10)
	}
	head := w.buffer[:small+1]
	n, err := io.ReadFull(r, head)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		w.blocks.record(head[:n], nil, 0)
		_, err = counted{w, to}.Write(head[:n])
		return err
	}
	if err != nil {
		return err
	}
	w.blocks.align()
	if w.press == nil {
		w.press, err = flate.NewWriter(w.out, w.level)
	} else {
		w.press.Reset(w.out)
	}
	if err != nil {
		return err
	}
	both := io.MultiWriter(counted{w, to}, w.press)
	if _, err := both.Write(head); err != nil {
		return err
	}
	if _, err := io.CopyBuffer(both, struct{ io.Reader }{r}, w.buffer); err != nil {
		return err
	}
	return w.press.Flush() // up to a byte, and without the mark of the last block
}

// Close ends the member, if one has begun.
func (w *Writer) Close() error {
	if !w.open {
		return nil
	}
	w.blocks.last()
	return w.end()
}

// begin begins a member if none has begun.
func (w *Writer) begin() {
	if w.open {
		return
	}
	w.open, w.crc, w.length, w.before.bytes = true, 0, 0, nil
	header := [10]byte{0x1f, 0x8b, 8, 9: 255} // RFC 1952, 2.3: deflate, no flags, no time, of an unknown system
	_, _ = w.out.Write(header[:])             // Flush has its error
}

// end writes what follows the stream.
func (w *Writer) end() error {
	w.open = false
	trailer := binary.LittleEndian.AppendUint32(nil, w.crc)
	_, err := w.out.Write(binary.LittleEndian.AppendUint32(trailer, uint32(w.length))) // modulo 1<<32
	return err
}

func (w *Writer) count(b []byte) {
	w.crc = crc32.Update(w.crc, crc32.IEEETable, b)
	w.length += uint64(len(b))
}

// counted counts content of the member on its way.
type counted struct {
	w  *Writer
	to io.Writer
}

func (c counted) Write(b []byte) (int, error) {
	c.w.count(b)
	return c.to.Write(b)
}
