package patience

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"
)

const (
	// minRate is how many bytes a second an answer must bring. Slower lines exist; to wait for them would take hours.
	minRate = 4 << 10
	// credit is how long an answer may be slower than that.
	credit = 10 * time.Second
	// maxPause is what one pause costs of the credit: busy servers pause, and then send much.
	maxPause = 2 * time.Second
)

// A Watchdog cancels a request on which nothing moves, or too little. It watches only while the other side has its turn: the
// time that our own side takes does not count. It is safe for concurrent use.
type Watchdog struct {
	cancel context.CancelCauseFunc

	mu     sync.Mutex
	quiet  time.Duration // how long nothing may move
	timer  *time.Timer
	since  time.Time     // when the watch began
	credit time.Duration // how long it may still be slow
	ended  bool
}

// NewWatchdog returns one that watches at once. It cancels with a *[StallError] when nothing moves for quiet, and with
// [ErrSlow].
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

// SetQuiet changes how long nothing may move, from the next watch on.
func (w *Watchdog) SetQuiet(quiet time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.quiet = quiet
}

// SetCredit changes how long what comes from now on may be slower than allowed.
func (w *Watchdog) SetCredit(credit time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.credit = credit
}

// Watch begins the other side's turn.
func (w *Watchdog) Watch() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.ended {
		w.since = time.Now()
		w.timer.Reset(w.quiet)
	}
}

// Rest ends the other side's turn.
func (w *Watchdog) Rest() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.timer.Stop()
}

// Got ends the other side's turn, in which it sent n bytes.
func (w *Watchdog) Got(n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.timer.Stop()
	w.credit += time.Duration(n)*time.Second/minRate - min(time.Since(w.since), maxPause)
	if w.credit = min(w.credit, credit); w.credit < 0 && !w.ended {
		w.cancel(ErrSlow)
	}
}

// End ends the watch for good: a body may be read on after its request has ended.
func (w *Watchdog) End() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ended = true
	w.timer.Stop()
}

// Cause is why a request ended: what a watchdog said where one cancelled ctx, else err.
func Cause(ctx context.Context, err error) error {
	var stall *StallError
	if cause := context.Cause(ctx); errors.As(cause, &stall) || errors.Is(cause, ErrSlow) {
		return cause
	}
	return err
}

// Answer reads an answer's body under a watchdog, and ends the request with it. cause is for the error of a read: see [Cause].
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
