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

func (s *spooled) Write(p []byte) (int, error) {
	n := min(len(p), inMemory-len(s.front))
	s.front = append(s.front, p[:n]...)
	if n < len(p) {
		if s.rest == nil {
			var err error
			if s.rest, s.done, err = s.store.Scratch(); err != nil {
				return n, err
			}
		}
		if _, err := s.rest.Write(p[n:]); err != nil {
			return n, err
		}
	}
	s.size += int64(len(p))
	return len(p), nil
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
