package push

import (
	"errors"
	"sync"
	"sync/atomic"
)

// A sourceError is the fault of what is being sent, not of the registry: trying again would not help.
type sourceError struct{ err error }

func (e *sourceError) Error() string { return e.err.Error() }
func (e *sourceError) Unwrap() error { return e.err }

// errSent is what a body gives that is read once more after its end: go-containerregistry repeats a request that was
// answered with 401, which a stream cannot follow.
var errSent = errors.New("the body was sent already")

// upload is a request's body: a blob that is checked, counted and closed. net/http may close it while it is read and read
// it when the request has come back. Reads that hang in their source hold up nothing else.
type upload struct {
	reading sync.Mutex
	checked *checked // under reading
	shut    bool     // under reading: checked is closed
	task    Task

	closed atomic.Bool
	n      atomic.Int64
	fault  atomic.Pointer[error] // of the source
}

func (u *upload) Read(p []byte) (int, error) {
	n, err := u.read(p)
	if u.closed.Load() { // Close came while we read, and left it to us
		_ = u.Close()
	}
	return n, err
}

func (u *upload) read(p []byte) (int, error) {
	u.reading.Lock()
	defer u.reading.Unlock()
	if u.closed.Load() {
		return 0, errSent
	}
	n, err := u.checked.Read(p)
	if u.checked.err != nil {
		u.fault.CompareAndSwap(nil, &u.checked.err)
	}
	u.n.Add(int64(n))
	u.task.Add(int64(n))
	return n, err
}

func (u *upload) Close() error {
	u.closed.Store(true)
	if !u.reading.TryLock() {
		return nil
	}
	defer u.reading.Unlock()
	if u.shut {
		return nil
	}
	u.shut = true
	return u.checked.Close()
}

// sourceErr is what went wrong in the source, if anything did.
func (u *upload) sourceErr() error {
	if p := u.fault.Load(); p != nil {
		return *p
	}
	return nil
}
