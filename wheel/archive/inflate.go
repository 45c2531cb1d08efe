package archive

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/klauspost/compress/flate"
)

// Inflater unpacks members of an archive one after the other. It keeps its
// buffers; each goroutine needs its own.
type Inflater struct {
	archive *Archive
	packed  *bufio.Reader
	flate   io.ReadCloser
	buffer  []byte
}

// Inflater returns a new Inflater.
func (a *Archive) Inflater() *Inflater {
	return &Inflater{archive: a, packed: bufio.NewReaderSize(nil, 32<<10), buffer: make([]byte, 64<<10)}
}

// Copy writes the unpacked bytes of m to w. Its error names the member; after
// one, w has bytes that must not be used.
func (f *Inflater) Copy(w io.Writer, m Member) error {
	if err := f.copy(w, m); err != nil {
		return fmt.Errorf("unpacking member %q: %w", m.Name, err)
	}
	return nil
}

func (f *Inflater) copy(w io.Writer, m Member) error {
	f.packed.Reset(f.archive.Raw(m))
	source := io.Reader(f.packed)
	if m.Method == Deflated {
		source = f.inflate()
	}
	crc, size := uint32(0), int64(0)
	for {
		n, err := source.Read(f.buffer)
		if size += int64(n); size > m.Size {
			return fmt.Errorf("it has more bytes than the size in its header, %d", m.Size)
		}
		crc = crc32.Update(crc, crc32.IEEETable, f.buffer[:n])
		if n > 0 {
			if _, err := w.Write(f.buffer[:n]); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("its deflate stream is damaged: %w", err)
		}
	}
	switch _, err := f.packed.ReadByte(); {
	case size != m.Size:
		return fmt.Errorf("it has %d bytes, and the size in its header is %d", size, m.Size)
	case crc != m.CRC:
		return fmt.Errorf("its CRC-32 is %08x, and its header has %08x", crc, m.CRC)
	case err == nil:
		return fmt.Errorf("bytes follow its deflate stream: the packed size in its header is wrong")
	}
	return nil
}

func (f *Inflater) inflate() io.Reader {
	if f.flate == nil {
		f.flate = flate.NewReader(f.packed)
	} else if r, ok := f.flate.(flate.Resetter); ok {
		_ = r.Reset(f.packed, nil) // it has no error
	}
	return f.flate
}

// Read unpacks a member of at most limit bytes into memory.
func (f *Inflater) Read(m Member, limit int64) ([]byte, error) {
	if m.Size > limit {
		return nil, fmt.Errorf("reading member %q: its size is %d; at most %d bytes are taken", m.Name, m.Size, limit)
	}
	var b bytes.Buffer
	if err := f.Copy(&b, m); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}
