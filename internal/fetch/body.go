package fetch

import (
	"errors"
	"fmt"
	"io"
)

// enoughProgress is how many bytes a download must have received since its last failure before earlier failures no longer
// count.
const enoughProgress = 1 << 20

// A body reads a download. Where an attempt breaks, it makes another that continues at the same offset.
type body struct {
	download *download
	attempt  io.ReadCloser
	connect  func(offset int64, after error) (io.ReadCloser, error)
	release  func() // frees the slot; nil afterwards
	offset   int64
	forgiven int64 // the offset up to which failures are not counted any more
	pending  error // an error that came together with bytes; the next Read handles it
	err      error // the final error
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

// Size returns the size that the server announced, in bytes, or -1 where it announced none.
func (b *body) Size() int64 { return b.download.size }

// read reads from the attempt under its watchdog. It reads no more than the server announced.
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

// resume makes another attempt, which continues at the offset.
func (b *body) resume(cause error) error {
	_ = b.attempt.Close() // the attempt is broken, so its error does not matter
	if b.offset > 0 && b.download.validator == "" && temporary(cause) {
		cause = permanent{fmt.Errorf("the transfer broke after %d bytes, and cannot be resumed, because the server sends neither ETag nor Last-Modified: %w",
			b.offset, cause)}
	}
	next, err := b.connect(b.offset, cause)
	if err == nil {
		b.attempt = next
	}
	return err
}

// finish stores the final error and frees what the download holds.
func (b *body) finish(err error) {
	if b.err == nil {
		b.err = err
	}
	if b.release != nil {
		_ = b.attempt.Close() // the bytes were read or are not needed, so nothing is lost
		b.release()
		b.release = nil
	}
}

// errClosed is the error of a Read after Close.
var errClosed = errors.New("reading after Close")

// Close implements io.Closer.
func (b *body) Close() error {
	b.finish(errClosed)
	return nil
}
