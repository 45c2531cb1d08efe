package apk

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/klauspost/compress/gzip"

	"github.com/pyimg/pyimg/internal/exit"
)

const (
	tapBuffer    = 32 << 10
	tapLookAhead = 4 << 10 // more than a gzip header and one deflated tar header
)

// adbMagic begins every file of apk v3: "ADB." raw, "ADBd" and "ADBc" compressed.
const adbMagic = "ADB"

var errTooLarge = errors.New("too large")

// A tap reads a stream and writes exactly the consumed bytes to a sink, in order. It implements io.ByteReader, so
// inflating stops at the last byte of a gzip member. The ends of gzip members divide signature, control and data in apk
// v2.
type tap struct {
	src  io.Reader
	buf  []byte
	r, w int // buf[r:w] is read from src but not consumed
	mark int // buf[mark:r] is consumed but not yet written to the sink
	err  error
	n    int64 // bytes consumed before buf[mark]

	sink io.Writer
	max  int64 // position past which reading fails with errTooLarge
}

func newTap(src io.Reader, max int64) *tap { return newTapOf(src, tapBuffer, max) }

// newTapOf is newTap with a buffer of that size, for a source that is short. A size below tapLookAhead is for a tap that only inflates:
// to look ahead would never end.
func newTapOf(src io.Reader, size int, max int64) *tap {
	return &tap{src: src, buf: make([]byte, size), sink: io.Discard, max: max}
}

// members are idle readers of gzip members. A new one takes 40 KiB of memory, which costs more than to inflate a signature or a
// control stream. The last source of one stays in memory with it.
//
//nolint:gochecknoglobals // what they return follows from their input alone
var members sync.Pool

// takeMember begins to read the gzip member at the begin of r. The caller puts the reader back into members after use; after an error
// it is there already.
func takeMember(r io.Reader) (*gzip.Reader, error) {
	z, _ := members.Get().(*gzip.Reader)
	if z == nil {
		z = new(gzip.Reader)
	}
	if err := z.Reset(r); err != nil {
		members.Put(z)
		return nil, err
	}
	z.Multistream(false)
	return z, nil
}

// pos is the number of bytes consumed.
func (t *tap) pos() int64 { return t.n + int64(t.r-t.mark) }

// divert writes the bytes consumed so far to the sink, and makes w the sink of all that follow.
func (t *tap) divert(w io.Writer) error {
	if err := t.flush(); err != nil {
		return err
	}
	t.sink = w
	return nil
}

func (t *tap) flush() error {
	_, err := t.sink.Write(t.buf[t.mark:t.r])
	t.n += int64(t.r - t.mark)
	t.mark = t.r
	return err
}

// fill reads at least one byte that is not consumed yet.
func (t *tap) fill() error {
	if err := t.flush(); err != nil {
		return err
	}
	if t.n > t.max {
		return errTooLarge
	}
	copy(t.buf, t.buf[t.r:t.w])
	t.r, t.w, t.mark = 0, t.w-t.r, 0
	for t.err == nil {
		n, err := t.src.Read(t.buf[t.w:])
		t.w, t.err = t.w+n, err
		if n > 0 {
			return nil
		}
	}
	return t.err
}

func (t *tap) Read(p []byte) (int, error) {
	if t.r == t.w && len(p) >= len(t.buf) {
		return t.readAround(p)
	}
	if t.r == t.w {
		if err := t.fill(); err != nil {
			return 0, err
		}
	}
	n := copy(p, t.buf[t.r:t.w])
	t.r += n
	return n, nil
}

// readAround reads into p without the buffer. The buffer must be empty and p at least as large.
func (t *tap) readAround(p []byte) (n int, err error) {
	if err := t.flush(); err != nil {
		return 0, err
	}
	if t.n > t.max {
		return 0, errTooLarge
	}
	for n == 0 && t.err == nil {
		n, t.err = t.src.Read(p)
	}
	t.n += int64(n)
	if n == 0 {
		return 0, t.err
	}
	_, err = t.sink.Write(p[:n])
	return n, err
}

func (t *tap) ReadByte() (byte, error) {
	if t.r == t.w {
		if err := t.fill(); err != nil {
			return 0, err
		}
	}
	b := t.buf[t.r]
	t.r++
	return b, nil
}

// startsWith looks ahead and consumes nothing.
func (t *tap) startsWith(prefix string) bool {
	for t.w-t.r < len(prefix) {
		if t.fill() != nil {
			return false
		}
	}
	return string(t.buf[t.r:t.r+len(prefix)]) == prefix
}

// inflatesTo looks ahead into the gzip member that begins here. It consumes nothing.
func (t *tap) inflatesTo(prefix string) bool {
	for t.w-t.r < tapLookAhead && t.fill() == nil {
	}
	z, err := takeMember(bytes.NewReader(t.buf[t.r:t.w]))
	if err != nil {
		return false
	}
	defer members.Put(z)
	got := make([]byte, len(prefix))
	_, err = io.ReadFull(z, got)
	return err == nil && string(got) == prefix
}

// atEnd reports whether the stream has no more bytes.
func (t *tap) atEnd() bool { return t.r == t.w && t.fill() != nil && errors.Is(t.err, io.EOF) }

// inflate reads the gzip member that begins here, to its last byte.
func (t *tap) inflate(max int64, read func(io.Reader) error) error {
	z, err := takeMember(t)
	if err != nil {
		return t.fault(err)
	}
	defer members.Put(z)
	limited := &limitedReader{r: z, left: max}
	if err := read(limited); err != nil {
		return t.fault(err)
	}
	if _, err := io.Copy(io.Discard, limited); err != nil {
		return t.fault(err)
	}
	return t.flush()
}

// member reads the gzip member that begins here and returns its raw bytes.
func (t *tap) member(maxRaw, maxInflated int64) ([]byte, error) {
	var raw bytes.Buffer
	if err := t.divert(&raw); err != nil {
		return nil, err
	}
	was := t.max
	t.max = t.pos() + maxRaw
	err := t.inflate(maxInflated, func(io.Reader) error { return nil })
	t.max, t.sink = was, io.Discard
	return raw.Bytes(), err
}

// A limitedReader fails with errTooLarge at its limit, where io.LimitReader would return io.EOF.
type limitedReader struct {
	r    io.Reader
	left int64
}

func (l *limitedReader) Read(p []byte) (int, error) {
	if l.left < 0 {
		return 0, errTooLarge
	}
	n, err := l.r.Read(p)
	if l.left -= int64(n); l.left < 0 {
		return 0, errTooLarge
	}
	return n, err
}

// ErrDamaged says that bytes cannot be a package or an index, even if they are signed.
var ErrDamaged error = damaged("damaged or altered")

type damaged string

func (d damaged) Error() string { return string(d) }

// ExitCode is exit.Unverified.
func (d damaged) ExitCode() exit.Code { return exit.Unverified }

// fault turns an error inside of a structure into ErrDamaged, unless it is an error of the source.
func (t *tap) fault(err error) error {
	switch {
	case t.err != nil && !errors.Is(t.err, io.EOF), errors.Is(err, ErrDamaged):
		return err
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("%w: truncated: %w", ErrDamaged, io.ErrUnexpectedEOF)
	}
	return fmt.Errorf("%w: %w", ErrDamaged, err)
}
