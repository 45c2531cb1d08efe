// Package patience decides how long a network is waited for: whether a failure may pass, how long to wait before the next
// try, when all tries together have got nowhere for too long, and when an answer comes too slowly to go on with.
//
// It knows HTTP and nothing of what is sent. push and internal/fetch wait by it, so that both give up alike.
package patience

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync"
	"time"
)

const (
	// defaultTries and defaultFirst bridge the restart of a server: some fifteen seconds in all.
	defaultTries = 6
	defaultFirst = 500 * time.Millisecond
	// maxWait bounds a wait between tries that we choose.
	maxWait = 15 * time.Second
	// defaultLimit bounds all silence and all waits of one piece of work: CI had better fail and say so.
	defaultLimit = 16 * time.Second
	// MaxRetryAfter is the longest wait that a server may ask for. One that asks for more is not asked again.
	MaxRetryAfter = time.Minute
	// firstQuiet is how long the first try waits for an answer: the connection may be a kept one that died unnoticed.
	firstQuiet = 5 * time.Second
	// leastQuiet is how long any try waits for an answer, however little is left.
	leastQuiet = time.Second
)

// A Policy says how often one piece of work is tried, and for how long. The zero value works.
type Policy struct {
	Tries int           // 0 means 6
	First time.Duration // the first wait between tries, doubled each time, half of it by chance; 0 means 500 ms
	Limit time.Duration // silence and waits in a row after which there is no other try; 0 means 16 s

	// Sleep waits until ctx ends; nil is by the clock.
	Sleep func(ctx context.Context, d time.Duration) error
	// Notice is told of the first failure that is followed by another try: what is waited for, why, and for how long. nil:
	// nobody is told. Calls may be concurrent.
	Notice func(host string, cause error, wait time.Duration)
}

// Start begins a piece of work.
func (p Policy) Start() *Tries { return &Tries{policy: p} }

// Join continues the piece of work that ctx belongs to, or starts one and returns a context that belongs to it. Loops of
// tries within each other share one piece of work, so that their tries do not multiply.
func (p Policy) Join(ctx context.Context) (*Tries, context.Context) {
	if t, ok := ctx.Value(key{}).(*Tries); ok {
		return t, ctx
	}
	t := p.Start()
	return t, t.Context(ctx)
}

type key struct{}

// Tries counts what failed of one piece of work. It is safe for concurrent use.
type Tries struct {
	policy Policy

	mu       sync.Mutex
	failures int           // in a row
	nowhere  time.Duration // silence and waits in a row
}

// Context returns a context that belongs to the piece of work. See [Policy.Join].
func (t *Tries) Context(ctx context.Context) context.Context { return context.WithValue(ctx, key{}, t) }

// Failures is how many tries failed since the last progress.
func (t *Tries) Failures() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.failures
}

// Progress forgives all failures so far.
func (t *Tries) Progress() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.failures, t.nowhere = 0, 0
}

// Quiet is how long the next try waits for something small. The second try has what the first one left of the limit.
func (t *Tries) Quiet() time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.failures == 0 {
		return firstQuiet
	}
	return max(t.left(), leastQuiet)
}

func (t *Tries) left() time.Duration { return cmp.Or(t.policy.Limit, defaultLimit) - t.nowhere }

// Again waits before the next try of something that host did not do because of cause. It returns nil where there is to be
// a next try, else the error to end with: cause, ctx's own, or a *[GaveUp]. Whether the cause may pass is for the caller to
// know; see [Temporary]. retryAfter is the wait that the server asked for; see [RetryAfter].
func (t *Tries) Again(ctx context.Context, host string, cause error, retryAfter time.Duration) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	wait, first, err := t.fail(cause, retryAfter)
	if err != nil {
		return err
	}
	if first && t.policy.Notice != nil {
		t.policy.Notice(host, cause, wait)
	}
	if t.policy.Sleep != nil {
		return t.policy.Sleep(ctx, wait)
	}
	return Sleep(ctx, wait)
}

// fail counts a failure and returns how long to wait after it.
func (t *Tries) fail(cause error, retryAfter time.Duration) (wait time.Duration, first bool, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.failures++
	var stall *StallError
	if errors.As(cause, &stall) {
		t.nowhere += stall.After
	}
	tries := cmp.Or(t.policy.Tries, defaultTries)
	switch {
	case retryAfter > MaxRetryAfter:
		return 0, false, fmt.Errorf("%w; the server asks to come back in %v, which is too long to wait", cause, retryAfter.Round(time.Second))
	case t.failures >= tries || t.left() <= 0:
		if t.failures == 1 {
			return 0, false, cause
		}
		return 0, false, &GaveUp{Tries: t.failures, Err: cause}
	}
	wait = backoff(cmp.Or(t.policy.First, defaultFirst), t.failures)
	t.nowhere += wait
	return max(wait, retryAfter), t.failures == 1, nil
}

// backoff doubles with each failure. Half of it is by chance, so that what failed together does not come back together.
func backoff(first time.Duration, failures int) time.Duration {
	d := min(first<<min(failures-1, 10), maxWait)
	return d/2 + rand.N(d/2+1)
}

// Sleep waits for d, or until ctx ends; its error is then ctx's.
func Sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// RetryAfter is the wait that an answer asks for, in seconds or as a date (RFC 9110, 10.2.3); 0 where it asks for none.
func RetryAfter(h http.Header) time.Duration {
	v := h.Get("Retry-After")
	if s, err := strconv.ParseInt(v, 10, 64); err == nil {
		return time.Duration(min(max(s, 0), maxSeconds)) * time.Second
	}
	if at, err := http.ParseTime(v); err == nil {
		return max(0, time.Until(at))
	}
	return 0
}

// maxSeconds is what a number of seconds is cut to: a year, which a Duration can hold.
const maxSeconds = 365 * 24 * 60 * 60
