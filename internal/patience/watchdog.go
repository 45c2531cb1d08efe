package patience

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"
)

const (
	// minRate is how many bytes a second an answer must bring. Waiting for a slower one would take hours.
	minRate = 4 << 10
	// credit is how long an answer may be slower than minRate.
	credit = 10 * time.Second
	// maxPause is how much of the credit one pause can use: busy servers pause and then send much.
	maxPause = 2 * time.Second
)

// A Watchdog cancels a request that makes no progress, or too little. It measures only the time that it waits for the
// other side, not the time that our own side needs. It is safe for concurrent use.
type Watchdog struct {
	cancel context.CancelCauseFunc

	mu     sync.Mutex
	quiet  time.Duration // how long there may be no progress
	timer  *time.Timer
	since  time.Time     // when the current wait began
	credit time.Duration // how much longer it may be slow
	ended  bool
}

// NewWatchdog returns a Watchdog that starts to watch at once. It cancels with a *[StallError] after a time of quiet
// without progress, and with [ErrSlow].
func NewWatchdog(quiet time.Duration, cancel context.CancelCauseFunc) *Watchdog {
	w := &Watchdog{cancel: cancel, quiet: quiet, credit: credit, since: time.Now()}
	w.timer = time.AfterFunc(quiet, w.bark)
	return w
}

func (w *Watchdog) bark() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.ended {
		w.cancel(&StallError{w.quiet})
	}
}

// SetQuiet changes how long there may be no progress, beginning with the next Watch.
func (w *Watchdog) SetQuiet(quiet time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.quiet = quiet
}

// SetCredit changes how long the answer may be slower than minRate from now on.
func (w *Watchdog) SetCredit(credit time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.credit = credit
}

// Watch begins to measure a wait for the other side.
func (w *Watchdog) Watch() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.ended {
		w.since = time.Now()
		w.timer.Reset(w.quiet)
	}
}

// Rest ends the wait for the other side.
func (w *Watchdog) Rest() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.timer.Stop()
}

// Got ends the wait for the other side, which has sent n bytes.
func (w *Watchdog) Got(n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.timer.Stop()
	w.credit += time.Duration(n)*time.Second/minRate - min(time.Since(w.since), maxPause)
	if w.credit = min(w.credit, credit); w.credit < 0 && !w.ended {
		w.cancel(ErrSlow)
	}
}

// End ends the watching for good: a body may still be read after its request has ended.
func (w *Watchdog) End() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ended = true
	w.timer.Stop()
}

// Cause returns why a request ended: the error of the watchdog that cancelled ctx, or err.
func Cause(ctx context.Context, err error) error {
	var stall *StallError
	if cause := context.Cause(ctx); errors.As(cause, &stall) || errors.Is(cause, ErrSlow) {
		return cause
	}
	return err
}

// Answer returns a body that is read under a watchdog. Closing it ends the watchdog and the request. cause converts the
// error of a read: see [Cause].
func Answer(body io.ReadCloser, w *Watchdog, cause func(error) error) io.ReadCloser {
	return &answer{body: body, dog: w, cause: cause}
}

type answer struct {
	body  io.ReadCloser
	dog   *Watchdog
	cause func(error) error
}

func (a *answer) Read(p []byte) (int, error) {
	a.dog.Watch()
	n, err := a.body.Read(p)
	a.dog.Got(n)
	if err != nil && !errors.Is(err, io.EOF) {
		err = a.cause(err)
	}
	return n, err
}

func (a *answer) Close() error {
	a.dog.End()
	err := a.body.Close()
	a.dog.cancel(nil)
	return err
}
