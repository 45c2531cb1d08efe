package remote

import (
	"context"
	"errors"
	"io"
	"sync"
	"sync/atomic"

	"github.com/pyimg/pyimg/internal/patience"
	"github.com/pyimg/pyimg/push/oci"
)

// A sourceError is an error of the reader whose bytes are being sent. The registry did not cause it, so another try
// would not help.
type sourceError struct {
	err     error
	opening bool // nothing was read
}

func (e *sourceError) Error() string { return e.err.Error() }
func (e *sourceError) Unwrap() error { return e.err }

// errSent is the error of reading a body again after its end: net/http repeats a request whose connection broke, but a
// stream cannot be read twice.
var errSent = errors.New("the body was sent already")

// A reading reads a blob from start to end, in one part or several, and checks it on the way. A Read may block in the
// source. Close does not wait for it: that Read then closes the source.
type reading struct {
	mu      sync.Mutex
	checked *oci.Reader // under mu
	shut    bool        // under mu: checked is closed

	closed atomic.Bool
	at     atomic.Int64          // how many bytes were read
	fault  atomic.Pointer[error] // the error of the source
}

func openReading(b oci.Blob) (*reading, error) {
	rc, err := b.Open()
	if err != nil {
		return nil, &sourceError{err, true}
	}
	return &reading{checked: oci.NewReader(rc, b.Desc)}, nil
}

func (r *reading) Read(p []byte) (int, error) {
	n, err := r.read(p)
	if r.closed.Load() { // Close was called during this Read and left the closing to it
		r.Close()
	}
	return n, err
}

func (r *reading) read(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed.Load() {
		return 0, errSent
	}
	n, err := r.checked.Read(p)
	if fault := r.checked.Fault(); fault != nil {
		r.fault.CompareAndSwap(nil, &fault)
	}
	r.at.Add(int64(n))
	return n, err
}

// Close closes the source. It may be called more than once. It ignores the source's error: the bytes were checked.
func (r *reading) Close() {
	r.closed.Store(true)
	if !r.mu.TryLock() {
		return
	}
	defer r.mu.Unlock()
	if !r.shut {
		r.shut = true
		_ = r.checked.Close()
	}
}

// skip reads up to an offset and discards the bytes.
func (r *reading) skip(ctx context.Context, to int64) error {
	_, err := io.CopyN(patience.Writer(ctx, io.Discard), r, to-r.at.Load())
	if Source := r.sourceErr(); Source != nil {
		return &sourceError{err: Source}
	}
	return err
}

// sourceErr returns the error of the source, or nil.
func (r *reading) sourceErr() error {
	if p := r.fault.Load(); p != nil {
		return *p
	}
	return nil
}

// A piece is the body of a request: the next bytes of a reading. net/http may close it during a Read, and may still
// read it after the request has returned.
type piece struct {
	*reading
	left atomic.Int64

	mu   sync.Mutex
	task Counter // under mu; nil after the request
	sent int64
}

func newPiece(r *reading, n int64, task Counter) *piece {
	p := &piece{reading: r, task: task}
	p.left.Store(n)
	return p
}

func (p *piece) Read(b []byte) (int, error) {
	left := p.left.Load()
	if left <= 0 {
		return 0, io.EOF
	}
	n, err := p.reading.Read(b[:min(int64(len(b)), left)])
	p.left.Add(-int64(n))
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.task != nil {
		p.sent += int64(n)
		p.task.Add(int64(n))
	}
	return n, err
}

// over ends the counting and returns how many bytes were sent.
func (p *piece) over() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.task = nil
	return p.sent
}

// Close closes the reading where the piece was not read to its end, because the bytes after it could not be sent.
func (p *piece) Close() error {
	if p.left.Load() > 0 {
		p.reading.Close()
	}
	return nil
}
