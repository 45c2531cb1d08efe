package wheels

import (
	"errors"
	"io"
	"os"

	"github.com/pyimg/pyimg/layers"
)

// inMemory is how much of a wheel is held in memory. Nineteen of twenty wheels have less, and a file for each would cost more
// than reading them.
const inMemory = 4 << 20

// A spooled holds what is written: the first inMemory bytes in memory, the rest in a temporary file.
type spooled struct {
	store *layers.Store
	front []byte // of capacity inMemory
	rest  *os.File
	done  func() // removes rest
	size  int64
}

func (b *Bringer) takeFront() []byte {
	if front, _ := b.fronts.Get().(*[]byte); front != nil {
		return (*front)[:0]
	}
	return make([]byte, 0, inMemory)
}

// giveFront ends the use of s.
func (b *Bringer) giveFront(s *spooled) {
	if s.rest != nil {
		s.done()
	}
	b.fronts.Put(&s.front)
}

// reset forgets what was written.
func (s *spooled) reset() {
	if s.rest != nil {
		s.done()
	}
	s.front, s.rest, s.size = s.front[:0], nil, 0
}

// readAll reads r to its end. also gets what is read while the processor's cache has it.
func (s *spooled) readAll(r io.Reader, also io.Writer) error {
	const piece = 128 << 10
	var more []byte // a piece for the file
	for {
		to := s.front[len(s.front):min(len(s.front)+piece, inMemory)]
		if len(to) == 0 {
			if more == nil {
				more = make([]byte, piece)
			}
			to = more
		}
		n, err := r.Read(to)
		if more == nil {
			s.front = s.front[:len(s.front)+n]
		} else if err := s.writeRest(more[:n]); err != nil {
			return err
		}
		s.size += int64(n)
		if _, err := also.Write(to[:n]); err != nil {
			return err
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (s *spooled) writeRest(p []byte) (err error) {
	if len(p) == 0 {
		return nil
	}
	if s.rest == nil {
		if s.rest, s.done, err = s.store.Scratch(); err != nil {
			return err
		}
	}
	_, err = s.rest.Write(p)
	return err
}

// ReadAt implements io.ReaderAt.
func (s *spooled) ReadAt(p []byte, off int64) (n int, err error) {
	if off < 0 {
		return 0, errors.New("reading before the start of a wheel")
	}
	if off < int64(len(s.front)) {
		n = copy(p, s.front[off:])
	}
	switch {
	case n == len(p):
		return n, nil
	case s.rest == nil:
		return n, io.EOF
	}
	more, err := s.rest.ReadAt(p[n:], off+int64(n-len(s.front)))
	return n + more, err
}
