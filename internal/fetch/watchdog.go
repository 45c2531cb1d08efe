package fetch

import (
	"context"
	"sync/atomic"
	"time"
)

// A watchdog cancels a request on which nothing moves. It watches only while somebody waits: a slow reader is no stall.
type watchdog struct {
	patience time.Duration
	timer    *time.Timer
	cancel   context.CancelCauseFunc
	barked   atomic.Bool
}

// newWatchdog returns one that watches at once.
func newWatchdog(patience time.Duration, cancel context.CancelCauseFunc) *watchdog {
	w := &watchdog{patience: patience, cancel: cancel}
	w.timer = time.AfterFunc(patience, func() {
		w.barked.Store(true)
		cancel(errStalled)
	})
	return w
}

func (w *watchdog) watch() { w.timer.Reset(w.patience) }
func (w *watchdog) rest()  { w.timer.Stop() }

// close ends the request too.
func (w *watchdog) close() {
	w.timer.Stop()
	w.cancel(nil)
}
