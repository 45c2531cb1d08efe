package layers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
)

// Through opens the bytes of src, whose digest is known: those that are stored, else the source's own, which are
// ingested in the same pass as they are read. The reader's end comes only when the blob is whole, checked and stored;
// what Ingest refuses is an error there. A reader that is closed early leaves the rest to go on into the store, so that
// who opens the blob again need not fetch it again; that ends with ctx.
func (s *Store) Through(ctx context.Context, src Source) (io.ReadCloser, error) {
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
	t := &through{from: from, in: in, ingested: make(chan struct{}), leave: leave}
	go func() {
		copied := src
		copied.Open = func(context.Context) (io.ReadCloser, error) { return out, nil }
		defer close(t.ingested)
		_, t.fault = s.fetch(ctx, copied)
		_ = out.CloseWithError(t.fault) // what is written from now on gets it
	}()
	return t, nil
}

// through is a source that is read and ingested at once.
type through struct {
	from     io.ReadCloser
	in       *io.PipeWriter
	ingested chan struct{} // closed when fault is set
	fault    error         // of the ingestion
	leave    func()
	err      error // the last word
}

func (t *through) Read(b []byte) (int, error) {
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

// finish ends the pass after err, or at the end of the source, and returns the last word.
func (t *through) finish(err error) error {
	_ = t.in.CloseWithError(err) // never fails
	<-t.ingested
	if t.fault != nil {
		err = t.fault // the cause of err, or what it wraps
	}
	t.err = err
	t.release()
	return err
}

func (t *through) release() {
	_ = t.from.Close() // it was read to its end, or is given up
	t.leave()
}

// Close gives the rest to the store.
func (t *through) Close() error {
	if t.err == nil {
		t.err = errors.New("reading after Close")
		go t.rest()
	}
	return nil
}

// rest hands on what nobody reads any more. That it fails is told to whoever opens the blob next.
func (t *through) rest() {
	_, err := io.Copy(t.in, t.from)
	_ = t.in.CloseWithError(err) // never fails
	<-t.ingested
	t.release()
}
