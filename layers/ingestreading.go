package layers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
)

// IngestWhileReading opens the bytes of src, whose digest must be given. If they are stored, it opens the stored blob.
// If not, it opens src, and the store ingests the bytes as the caller reads them.
//
// The reader returns io.EOF only after the blob is whole, checked and stored. If Ingest would refuse the bytes, the
// reader returns that error at the end. If the caller closes the reader early, the rest still goes into the store in
// the background, so that the next caller need not fetch the blob again. Cancelling ctx stops that.
func (s *Store) IngestWhileReading(ctx context.Context, src Source) (io.ReadCloser, error) {
	leave, err := s.flights.enter(ctx, src.Digest)
	if err != nil {
		return nil, fmt.Errorf("reading %q: %w", src.Name, err)
	}
	if r, err := s.Open(src.Digest); !errors.Is(err, fs.ErrNotExist) {
		leave()
		return r, err
	}
	from, err := src.Open(ctx)
	if err != nil {
		leave()
		return nil, fmt.Errorf("opening %q: %w", src.Name, err)
	}
	out, in := io.Pipe()
	t := &ingestingReader{from: from, in: in, ingested: make(chan struct{}), leave: leave}
	go func() {
		copied := src
		copied.Open = func(context.Context) (io.ReadCloser, error) { return out, nil }
		defer close(t.ingested)
		_, t.fault = s.fetch(ctx, copied)
		_ = out.CloseWithError(t.fault) // what is written from now on gets it
	}()
	return t, nil
}

// ingestingReader is a source that the caller reads and the store ingests at the same time.
type ingestingReader struct {
	from     io.ReadCloser
	in       *io.PipeWriter
	ingested chan struct{} // closed when fault is set
	fault    error         // of the ingestion
	leave    func()
	err      error // what every later Read returns
}

func (t *ingestingReader) Read(b []byte) (int, error) {
	if t.err != nil {
		return 0, t.err
	}
	n, err := t.from.Read(b)
	if n > 0 {
		if _, fault := t.in.Write(b[:n]); fault != nil {
			return 0, t.finish(fault)
		}
	}
	if err != nil {
		return n, t.finish(err)
	}
	return n, nil
}

// finish ends the pass after err, or at the end of the source. It returns the error that every later Read returns.
func (t *ingestingReader) finish(err error) error {
	_ = t.in.CloseWithError(err) // never fails
	<-t.ingested
	if t.fault != nil {
		err = t.fault // the cause of err, or what it wraps
	}
	t.err = err
	t.release()
	return err
}

func (t *ingestingReader) release() {
	_ = t.from.Close() // it was read to its end, or is given up
	t.leave()
}

// Close lets the rest of the source go into the store in the background.
func (t *ingestingReader) Close() error {
	if t.err == nil {
		t.err = errors.New("reading after Close")
		go t.rest()
	}
	return nil
}

// rest copies what the caller did not read. If that fails, the next caller that opens the blob gets the error.
func (t *ingestingReader) rest() {
	_, err := io.Copy(t.in, t.from)
	_ = t.in.CloseWithError(err) // never fails
	<-t.ingested
	t.release()
}
