// Package patience decides how long to wait for a network: whether a failure may be temporary, how long to wait before
// the next try, when tries without progress must end, and when an answer comes too slowly.
//
// It knows HTTP but not what is transferred. push and internal/fetch use it, so that both give up after the same time.
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
	// defaultTries and defaultFirst are enough for the restart of a server: some fifteen seconds in all.
	defaultTries = 6
	defaultFirst = 500 * time.Millisecond
	// maxWait bounds the waits between tries that we choose.
	maxWait = 15 * time.Second
	// defaultLimit bounds the total time of one task without progress: in CI a quick error is better than a long wait.
	defaultLimit = 16 * time.Second
	// MaxRetryAfter is the longest wait that a server may ask for. After a longer one there is no other try.
	MaxRetryAfter = time.Minute
	// firstQuiet is how long the first try waits for an answer: it may use an old connection that is broken.
	firstQuiet = 5 * time.Second
	// leastQuiet is the shortest time that a try waits for an answer, even where less of the limit is left.
	leastQuiet = time.Second
)

// A Policy says how often one task is tried, and for how long. The zero value works.
type Policy struct {
	Tries int           // 0 means 6
	First time.Duration // the first wait between tries, doubled each time, half of it random; 0 means 500 ms
	Limit time.Duration // total time without progress after which there is no other try; 0 means 16 s

	// Sleep waits until ctx ends; nil means waiting by the clock.
	Sleep func(ctx context.Context, d time.Duration) error
	// Notice, if not nil, is called at the first failure that another try follows: with the host, the cause and the
	// time until the next try. Calls may be concurrent.
	Notice func(host string, cause error, wait time.Duration)
}

// Start begins a task.
func (p Policy) Start() *Tries { return &Tries{policy: p} }

// Join returns the task of ctx or, without one, starts a task and returns a context that has it. Nested loops of tries
// share one task, so that the numbers of their tries do not multiply.
func (p Policy) Join(ctx context.Context) (*Tries, context.Context) {
	if t, ok := ctx.Value(key{}).(*Tries); ok {
		return t, ctx
	}
	t := p.Start()
	return t, t.Context(ctx)
}

type key struct{}

// Tries counts the failures of one task. It is safe for concurrent use.
type Tries struct {
	policy Policy

	mu       sync.Mutex
	failures int           // in a row
	nowhere  time.Duration // waits without progress in a row
}

// Context returns a context that has the task. See [Policy.Join].
func (t *Tries) Context(ctx context.Context) context.Context { return context.WithValue(ctx, key{}, t) }

// Failures returns how many tries have failed since the last progress.
func (t *Tries) Failures() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.failures
}

// Progress resets the count of failures.
func (t *Tries) Progress() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.failures, t.nowhere = 0, 0
}

// Quiet returns how long the next try waits for a small answer. The second try waits for what the first has left of the
// limit.
func (t *Tries) Quiet() time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.failures == 0 {
		return firstQuiet
	}
	return max(t.left(), leastQuiet)
}

func (t *Tries) left() time.Duration { return cmp.Or(t.policy.Limit, defaultLimit) - t.nowhere }

// Again waits before the next try after cause, an error of host. It returns nil where there is a next try. Otherwise it
// returns the final error: cause, ctx's error or a *[GaveUp]. The caller must know that cause may be temporary; see
// [Temporary]. retryAfter is how long the server asked us to wait; see [RetryAfter].
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

// fail counts a failure and returns how long to wait before the next try.
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
		return 0, false, fmt.Errorf("%w; the server asks us to wait %v, which is too long", cause, retryAfter.Round(time.Second))
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

// backoff doubles with each failure. Half of it is random, so that clients that failed together do not try again
// together.
func backoff(first time.Duration, failures int) time.Duration {
	d := min(first<<min(failures-1, 10), maxWait)
	return d/2 + rand.N(d/2+1)
}

// Sleep waits for d. Where ctx ends earlier, it returns ctx's error.
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

// RetryAfter returns how long an answer asks us to wait, in seconds or until a date (RFC 9110, 10.2.3). It returns 0
// where the answer does not ask.
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

// maxSeconds bounds a number of seconds: it is a year, which fits a Duration.
const maxSeconds = 365 * 24 * 60 * 60
