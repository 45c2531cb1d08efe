package layers

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/pyimg/pyimg/layers/elf"
)

func isELF(head []byte) bool { return elf.IsELF(head) }

// An elfReader gives random access to one ELF file after the other as they stream by. The front of a file is in memory,
// the rest in a temporary file that has no name.
type elfReader struct {
	front  *[]byte // elfBuffer long, from the store's pool
	rest   *os.File
	pool   func(*[]byte)
	length int // of the front that is in use
}

// read returns the facts of a file of size bytes. The file begins with head and continues in r. imports
// asks for the names that it needs, too.
func (e *elfReader) read(s *tools, head []byte, r io.Reader, size int64, imports bool) (*ELF, error) {
	if size > maxELFFile {
		return &ELF{Err: fmt.Sprintf("its %d bytes are more than pyimg reads of an ELF file", size)}, nil
	}
	if e.front == nil {
		e.front, e.pool = s.takeFront(), s.giveFront
	}
	e.length = int(min(size, elfBuffer))
	front := (*e.front)[:e.length]
	copy(front, head)
	if _, err := io.ReadFull(r, front[len(head):]); err != nil {
		return nil, noEOF(err)
	}
	if size > elfBuffer {
		if err := e.fill(s, r, size-elfBuffer); err != nil {
			return nil, err
		}
	}
	return elf.Read(e, size, elf.Options{Imports: imports}), nil
}

// fill replaces the content of the temporary file by the next n bytes of r.
func (e *elfReader) fill(s *tools, r io.Reader, n int64) error {
	if e.rest == nil {
		f, err := s.dir.Temp()
		if err != nil {
			return err
		}
		_ = os.Remove(f.Name()) // if the system cannot remove an open file, close does it
		e.rest = f
	}
	buf := s.takeBuffer()
	defer s.giveBuffer(buf)
	for off := int64(0); off < n; {
		part := (*buf)[:min(n-off, int64(len(*buf)))]
		if _, err := io.ReadFull(r, part); err != nil {
			return noEOF(err)
		}
		if _, err := e.rest.WriteAt(part, off); err != nil {
			return s.dir.WriteError(err)
		}
		off += int64(len(part))
	}
	return nil
}

func (e *elfReader) ReadAt(b []byte, off int64) (n int, err error) {
	if off < 0 {
		return 0, errors.New("reading before the start of a file")
	}
	if off < int64(e.length) {
		n = copy(b, (*e.front)[off:e.length])
	}
	if n < len(b) && e.rest != nil {
		more, err := e.rest.ReadAt(b[n:], off+int64(n)-int64(e.length))
		return n + more, err
	}
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

func (e *elfReader) close() {
	if e.front != nil {
		e.pool(e.front)
		e.front = nil
	}
	if e.rest != nil {
		_ = e.rest.Close() // nothing in it is kept
		_ = os.Remove(e.rest.Name())
		e.rest = nil
	}
}
