package fetch

import (
	"errors"
	"fmt"
	"io"
)

// enoughProgress is how many bytes show that a server that breaks off does get on: its failures are forgiven.
const enoughProgress = 1 << 20

// A body reads a download and goes on where an attempt broke.
type body struct {
	download *download
	attempt  io.ReadCloser
	connect  func(offset int64, after error) (io.ReadCloser, error)
	release  func() // gives back the slot; nil once it is
	offset   int64
	forgiven int64 // the offset up to which failures count no more
	pending  error // came along with bytes and is to be dealt with next
	err      error // the last word
}

// Read implements io.Reader.
func (b *body) Read(p []byte) (int, error) {
	for b.err == nil {
		n, err := b.read(p)
		if n > 0 {
			b.pending = err
			return n, nil
		}
		switch complete := b.download.size < 0 || b.offset == b.download.size; {
		case err == nil:
			return 0, nil
		case errors.Is(err, io.EOF) && complete:
			b.finish(io.EOF)
			continue
		case errors.Is(err, io.EOF):
			err = io.ErrUnexpectedEOF
		}
		if err := b.resume(err); err != nil {
			b.finish(err)
		}
	}
	return 0, b.err
}

// Size is what the server announced, in bytes; -1 where it announced nothing.
func (b *body) Size() int64 { return b.download.size }

// read reads from the attempt under its watchdog, and no more than was announced.
func (b *body) read(p []byte) (int, error) {
	if err := b.pending; err != nil {
		b.pending = nil
		return 0, err
	}
	n, err := b.attempt.Read(p)
	if left := b.download.size - b.offset; b.download.size >= 0 && int64(n) > left {
		n, err = int(left), permanent{fmt.Errorf("the server sends more than the %d bytes that it announced", b.download.size)}
	}
	if n > 0 {
		b.progress(n)
	}
	return n, err
}

func (b *body) progress(n int) {
	c := b.download.client
	b.offset += int64(n)
	c.counted.bytes.Add(int64(n))
	if c.Observe != nil {
		c.Observe(b.download.name, n)
	}
	if b.offset-b.forgiven >= enoughProgress {
		b.download.tries.Progress()
		b.forgiven = b.offset
	}
}

// resume finds another attempt that goes on at the offset.
func (b *body) resume(cause error) error {
	_ = b.attempt.Close() // broken
	if b.offset > 0 && b.download.validator == "" && temporary(cause) {
		cause = permanent{fmt.Errorf("the transfer broke after %d bytes, and the server gives neither ETag nor Last-Modified to go on with: %w",
			b.offset, cause)}
	}
	next, err := b.connect(b.offset, cause)
	if err == nil {
		b.attempt = next
	}
	return err
}

// finish notes the last word and gives back what the download holds.
func (b *body) finish(err error) {
	if b.err == nil {
		b.err = err
	}
	if b.release != nil {
		_ = b.attempt.Close() // read or not wanted: nothing can be lost
		b.release()
		b.release = nil
	}
}

// errClosed is what a Read after Close gets.
var errClosed = errors.New("reading after Close")

// Close implements io.Closer.
func (b *body) Close() error {
	b.finish(errClosed)
	return nil
}
