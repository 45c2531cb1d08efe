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

// A sourceError is the fault of what is being sent, not of the registry: trying again would not help.
type sourceError struct{ err error }

func (e *sourceError) Error() string { return e.err.Error() }
func (e *sourceError) Unwrap() error { return e.err }

// errSent is what a body gives that is read once more after its end: net/http repeats requests where a connection broke,
// which a stream cannot follow.
var errSent = errors.New("the body was sent already")

// A reading is a blob that is read from its begin to its end, in one part or several. It is checked on the way. Reads that
// hang in their source hold up nothing else: to close it then leaves that to the read.
type reading struct {
	mu      sync.Mutex
	checked *oci.Reader // under mu
	shut    bool        // under mu: checked is closed

	closed atomic.Bool
	at     atomic.Int64          // how much was read
	fault  atomic.Pointer[error] // of the source
}

func openReading(b oci.Blob) (*reading, error) {
	rc, err := b.Open()
	if err != nil {
		return nil, &sourceError{err}
	}
	return &reading{checked: oci.NewReader(rc, b.Desc)}, nil
}

func (r *reading) Read(p []byte) (int, error) {
	n, err := r.read(p)
	if r.closed.Load() { // Close came while we read, and left it to us
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

// Close may be called more than once. What closing a source says is of no interest: its bytes were checked.
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

// skip reads up to an offset without sending anything.
func (r *reading) skip(ctx context.Context, to int64) error {
	_, err := io.CopyN(patience.Writer(ctx, io.Discard), r, to-r.at.Load())
	if Source := r.sourceErr(); Source != nil {
		return &sourceError{Source}
	}
	return err
}

// sourceErr is what went wrong in the source, if anything did.
func (r *reading) sourceErr() error {
	if p := r.fault.Load(); p != nil {
		return *p
	}
	return nil
}

// A piece is a request's body: the next bytes of a reading. net/http may close it while it is read, and read it when the
// request has come back.
type piece struct {
	*reading
	left atomic.Int64

	mu   sync.Mutex
	task Counter // under mu; nil when the request is over
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

// over says how much was sent. What is read from now on counts no more.
func (p *piece) over() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.task = nil
	return p.sent
}

// Close ends the reading where the piece was not read to its end: what follows could not be sent.
func (p *piece) Close() error {
	if p.left.Load() > 0 {
		p.reading.Close()
	}
	return nil
}
