package layers

import (
	"archive/tar"
	"io"
)

// A scannedFile is a regular file that a scanner learns while somebody writes its content, and not out of a tar.
type scannedFile struct {
	scan   *scanner
	path   string
	header *tar.Header
	begun  bool // all of head is there, and what follows is known
	keep   bool // the whole content is kept
	head   []byte
	m      member

	elf  *io.PipeWriter // of an ELF file
	done chan error
}

// written begins a regular file. Its content is written to it, and it is closed then.
func (s *scanner) written(h *tar.Header) (*scannedFile, error) {
	p, err := s.admit(h)
	if err != nil {
		return nil, err
	}
	return &scannedFile{scan: s, path: p, header: h, head: s.head[:0], m: member{kind: regular}}, nil
}

// Write takes the next bytes of the content.
func (f *scannedFile) Write(b []byte) (n int, err error) {
	size := len(b)
	if !f.begun {
		n := min(len(b), int(min(f.header.Size, int64(len(f.scan.head))))-len(f.head))
		f.head, b = append(f.head, b[:n]...), b[n:]
		if int64(len(f.head)) == min(f.header.Size, int64(len(f.scan.head))) {
			f.begin()
		}
	}
	switch {
	case len(b) == 0:
	case f.elf != nil:
		if _, err := f.elf.Write(b); err != nil {
			return 0, err
		}
	case f.keep:
		f.m.kept = append(f.m.kept, b...)
	}
	return size, nil
}

// begin decides by the first bytes what the content is read for.
func (f *scannedFile) begin() {
	f.begun = true
	switch {
	case isELF(f.head):
		r, w := io.Pipe()
		f.elf, f.done = w, make(chan error, 1)
		go func() {
			var err error
			f.m.elf, err = f.scan.elf.read(f.scan.tools, f.head, r, f.header.Size, f.scan.tools.content.imports(f.path))
			if err == nil {
				_, err = io.Copy(io.Discard, r) // of a file that is too large to be read
			}
			_ = r.CloseWithError(err) // never fails; what is written from now on gets err
			f.done <- err
		}()
	case f.scan.tools.content.whole(f.path, f.header.Size):
		f.keep = true
		f.m.kept = append(make([]byte, 0, f.header.Size), f.head...)
	default:
		f.m.kept = interpreterLine(f.header, f.head)
	}
}

// Close adds the file to what the scanner knows.
func (f *scannedFile) Close() error {
	if !f.begun {
		f.begin()
	}
	if f.elf != nil {
		_ = f.elf.Close() // never fails
		if err := <-f.done; err != nil {
			return err
		}
	}
	return f.scan.note(f.path, f.header, f.m)
}

// abort ends a file whose content is not to come. It returns the error that the scan ended with.
func (f *scannedFile) abort(err error) error {
	if f.elf == nil {
		return nil
	}
	_ = f.elf.CloseWithError(err) // never fails
	return <-f.done
}
