package archive

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"sync"

	"github.com/pyimg/pyimg/internal/inflate"
)

// Buffers are the memory for unpacking, 200 kB for each Inflater at work. A caller
// that opens many archives opens them all with the same Buffers. The zero value
// works, and goroutines may share it.
type Buffers struct{ decoders sync.Pool }

// Inflater unpacks members of an archive one after the other. It keeps its
// buffers; each goroutine needs its own.
type Inflater struct {
	archive *Archive
	decoder *inflate.Decoder // nil until it is needed
	buffer  []byte           // for what is stored
}

// Inflater returns a new Inflater.
func (a *Archive) Inflater() *Inflater { return &Inflater{archive: a} }

// Close gives the memory to the next Inflater of the same Buffers. An Inflater that
// is not closed leaves it to the garbage collector.
func (f *Inflater) Close() {
	if f.decoder != nil {
		f.archive.buffers.decoders.Put(f.decoder)
		f.decoder = nil
	}
}

// Copy writes the unpacked bytes of m to w. Its error names the member; after
// one, w has bytes that must not be used.
func (f *Inflater) Copy(w io.Writer, m Member) error {
	if err := f.copy(w, m); err != nil {
		return fmt.Errorf("unpacking member %q: %w", m.Name, err)
	}
	return nil
}

func (f *Inflater) copy(w io.Writer, m Member) (err error) {
	to := &checked{w: w, member: m}
	if m.Method == Deflated {
		if f.decoder == nil {
			if f.decoder, _ = f.archive.buffers.decoders.Get().(*inflate.Decoder); f.decoder == nil {
				f.decoder = new(inflate.Decoder)
			}
		}
		_, err = f.decoder.Decode(to, f.archive.Raw(m))
	} else {
		err = f.copyStored(to, m)
	}
	switch {
	case to.err != nil:
		return to.err
	case errors.Is(err, inflate.ErrTrailing):
		return fmt.Errorf("bytes follow its deflate stream: the packed size in its header is wrong")
	case err != nil:
		return fmt.Errorf("its deflate stream is damaged: %w", err)
	case to.size != m.Size:
		return fmt.Errorf("it has %d bytes, and the size in its header is %d", to.size, m.Size)
	case to.crc != m.CRC:
		return fmt.Errorf("its CRC-32 is %08x, and its header has %08x", to.crc, m.CRC)
	}
	return nil
}

func (f *Inflater) copyStored(w io.Writer, m Member) error {
	if f.buffer == nil {
		f.buffer = make([]byte, 64<<10)
	}
	_, err := io.CopyBuffer(w, struct{ io.Reader }{f.archive.Raw(m)}, f.buffer)
	return err
}

// checked counts what is written, and refuses more than the member has.
type checked struct {
	w      io.Writer
	member Member
	size   int64
	crc    uint32
	err    error // of w, or of this
}

func (c *checked) Write(p []byte) (n int, err error) {
	if c.size += int64(len(p)); c.size > c.member.Size {
		c.err = fmt.Errorf("it has more bytes than the size in its header, %d", c.member.Size)
		return 0, c.err
	}
	c.crc = crc32.Update(c.crc, crc32.IEEETable, p)
	n, c.err = c.w.Write(p)
	return n, c.err
}

// Read unpacks a member of at most limit bytes into memory.
func (f *Inflater) Read(m Member, limit int64) ([]byte, error) {
	if m.Size > limit {
		return nil, fmt.Errorf("reading member %q: its size is %d; at most %d bytes are taken", m.Name, m.Size, limit)
	}
	var b bytes.Buffer
	const believed = 64 << 10 // of what the header says
	b.Grow(int(min(m.Size, believed)))
	if err := f.Copy(&b, m); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// Head unpacks the first n bytes of a member, or all where it has fewer. Nothing
// is checked: that is Copy's work.
func (f *Inflater) Head(m Member, n int) ([]byte, error) {
	h := &head{most: n}
	if err := f.Copy(h, m); err != nil && len(h.bytes) < n {
		return nil, err
	}
	return h.bytes, nil
}

// head keeps the first bytes that are written, and then stops.
type head struct {
	bytes []byte
	most  int
}

var errEnough = errors.New("it has the bytes that are needed")

func (h *head) Write(p []byte) (int, error) {
	h.bytes = append(h.bytes, p[:min(len(p), h.most-len(h.bytes))]...)
	if len(h.bytes) == h.most {
		return 0, errEnough
	}
	return len(p), nil
}
