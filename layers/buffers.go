package layers

import (
	"bufio"
	"io"
	"sync"

	"github.com/pyimg/pyimg/layers/internal/cachedir"
	"github.com/pyimg/pyimg/layers/internal/compress"
)

// tools are the parts of a store that one pass over bytes uses.
type tools struct {
	dir cachedir.Dir
	buffers
	inflaters compress.Readers
	content   contentRules
}

// buffers are pools of memory that one pass after the other uses.
type buffers struct {
	readers, plains             sync.Pool
	packedWriters, plainWriters sync.Pool
	chunks, fronts              sync.Pool
}

func takeReader(pool *sync.Pool, r io.Reader, size int) *bufio.Reader {
	b, _ := pool.Get().(*bufio.Reader)
	if b == nil {
		return bufio.NewReaderSize(r, size)
	}
	b.Reset(r)
	return b
}

func giveReader(pool *sync.Pool, b *bufio.Reader) {
	b.Reset(nil)
	pool.Put(b)
}

func takeWriter(pool *sync.Pool, w io.Writer, size int) *bufio.Writer {
	b, _ := pool.Get().(*bufio.Writer)
	if b == nil {
		return bufio.NewWriterSize(w, size)
	}
	b.Reset(w)
	return b
}

func giveWriter(pool *sync.Pool, b *bufio.Writer) {
	b.Reset(nil)
	pool.Put(b)
}

func (b *buffers) takeBuffer() *[]byte     { return take(&b.chunks, chunk) }
func (b *buffers) giveBuffer(buf *[]byte)  { b.chunks.Put(buf) }
func (b *buffers) takeFront() *[]byte      { return take(&b.fronts, elfBuffer) }
func (b *buffers) giveFront(front *[]byte) { b.fronts.Put(front) }

func take(pool *sync.Pool, size int) *[]byte {
	if b, _ := pool.Get().(*[]byte); b != nil {
		return b
	}
	b := make([]byte, size)
	return &b
}
