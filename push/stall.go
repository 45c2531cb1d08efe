package push

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"
)

// defaultStall is how long nothing may move on a request: longer than any registry thinks, shorter than people wait.
const defaultStall = 30 * time.Second

// commitRate is how fast a registry is taken to write away what it was sent, in bytes a second, where it answers only
// when it has done so.
const commitRate = 10 << 20

// A stalledError says that nothing moved.
type stalledError struct{ after time.Duration }

func (e *stalledError) Error() string { return fmt.Sprintf("nothing moved for %v", e.after) }

// settling is the key of a context that says how many bytes the registry has to put away before it answers.
type settling struct{}

func withSettling(ctx context.Context, n int64) context.Context {
	return context.WithValue(ctx, settling{}, n)
}

// stalling ends a request on which nothing moves: no byte of its body is taken, no answer comes, or none of its bytes.
// The time that a body's own source takes, and that the reader of an answer leaves it alone, does not count.
type stalling struct {
	inner    http.RoundTripper
	patience time.Duration
}

func (t stalling) RoundTrip(req *http.Request) (*http.Response, error) {
	patience := t.patience
	if n, ok := req.Context().Value(settling{}).(int64); ok {
		patience += time.Duration(n/commitRate) * time.Second
	}
	ctx, cancel := context.WithCancelCause(req.Context())
	w := &watchdog{patience: patience, cancel: cancel}
	w.watch()
	next := req.Clone(ctx)
	if req.Body != nil && req.Body != http.NoBody {
		next.Body = &watchedBody{req.Body, w, true}
	}
	resp, err := t.inner.RoundTrip(next)
	if err != nil {
		w.end()
		cancel(nil)
		return nil, stallOf(ctx, err)
	}
	w.rest()
	resp.Body = &answerBody{watchedBody{resp.Body, w, false}, ctx, cancel}
	return resp, nil
}

// stallOf is the reason why a request ended: the stall, where there was one.
func stallOf(ctx context.Context, err error) error {
	var stall *stalledError
	if errors.As(context.Cause(ctx), &stall) {
		return stall
	}
	return err
}

// A watchdog cancels a request unless it is told again and again that something moves.
type watchdog struct {
	patience time.Duration
	cancel   context.CancelCauseFunc

	mu    sync.Mutex
	timer *time.Timer
	ended bool
}

func (w *watchdog) watch() {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.ended:
	case w.timer == nil:
		w.timer = time.AfterFunc(w.patience, func() { w.cancel(&stalledError{w.patience}) })
	default:
		w.timer.Reset(w.patience)
	}
}

func (w *watchdog) rest() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.timer.Stop()
}

// end is for good: a body may be read on after its request has ended.
func (w *watchdog) end() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ended = true
	w.timer.Stop()
}

// watchedBody rests the dog while ours is the turn: while a body to send is read from its source, or between the reads of
// an answer.
type watchedBody struct {
	io.ReadCloser
	dog     *watchdog
	sending bool
}

func (b *watchedBody) Read(p []byte) (int, error) {
	before, after := b.dog.watch, b.dog.rest
	if b.sending {
		before, after = after, before
	}
	before()
	n, err := b.ReadCloser.Read(p)
	after()
	return n, err
}

// answerBody ends the request with its answer.
type answerBody struct {
	watchedBody
	ctx    context.Context //nolint:containedctx // the request's own, to tell why its answer broke off
	cancel context.CancelCauseFunc
}

func (b *answerBody) Read(p []byte) (int, error) {
	n, err := b.watchedBody.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = stallOf(b.ctx, err)
	}
	return n, err
}

func (b *answerBody) Close() error {
	b.dog.end()
	err := b.watchedBody.Close()
	b.cancel(nil)
	return err
}
