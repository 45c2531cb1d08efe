package layers

import (
	"io"
	"os"
	"sync"

	"github.com/pyimg/pyimg/layers/internal/cachedir"
)

// Bounds of what plains holds on the disk.
const (
	maxPlain  = 16 << 20 // a fragment with a larger tar mostly is a layer of its own, and Join need not inflate it then
	maxPlains = 2 << 30
)

// plains hold the tars of fragments that this run made, one after the other in a temporary file, since Join mostly follows at
// once: reading them takes a tenth of inflating them.
type plains struct {
	mu   sync.Mutex
	file *os.File
	end  int64
	at   map[string]plainPart // by digest of the fragment
}

type plainPart struct{ off, size int64 }

// A plainWriter takes one tar of at most a known size.
type plainWriter struct {
	to   *io.OffsetWriter
	part plainPart
	most int64
	lost bool
}

// begin makes room for a tar of at most size bytes. It returns nil if the tar is not worth it.
func (p *plains) begin(dir *cachedir.Dir, size int64) *plainWriter {
	p.mu.Lock()
	defer p.mu.Unlock()
	if size > maxPlain || p.end+size > maxPlains {
		return nil
	}
	if p.file == nil {
		f, err := dir.Temp()
		if err != nil {
			return nil // the next write to the folder reports it
		}
		_ = os.Remove(f.Name()) // if the system cannot remove an open file, close does it
		p.file = f
	}
	w := &plainWriter{to: io.NewOffsetWriter(p.file, p.end), part: plainPart{off: p.end}, most: size}
	p.end += size
	return w
}

// Write never fails: a tar that could not be written is not kept.
func (w *plainWriter) Write(b []byte) (int, error) {
	if w.part.size += int64(len(b)); w.lost || w.part.size > w.most {
		w.lost = true
		return len(b), nil
	}
	if _, err := w.to.Write(b); err != nil {
		w.lost = true
	}
	return len(b), nil
}

// keep remembers a tar as that of a fragment.
func (p *plains) keep(digest string, w *plainWriter) {
	if w == nil || w.lost {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.at == nil {
		p.at = map[string]plainPart{}
	}
	p.at[digest] = w.part
}

// open returns the tar of a fragment, or nil.
func (p *plains) open(digest string) io.Reader {
	p.mu.Lock()
	defer p.mu.Unlock()
	part, ok := p.at[digest]
	if !ok {
		return nil
	}
	return io.NewSectionReader(p.file, part.off, part.size)
}

func (p *plains) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.file != nil {
		cachedir.Discard(p.file)
		p.file, p.at = nil, nil
	}
}
