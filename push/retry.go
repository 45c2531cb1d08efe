package push

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	// defaultTries and defaultBackoff bridge a registry's restart: some fifteen seconds in all.
	defaultTries   = 6
	defaultBackoff = 500 * time.Millisecond
	// maxBackoff bounds a wait that we choose.
	maxBackoff = 15 * time.Second
	// maxRetryAfter bounds a wait that a registry asks for: beyond it, CI had better fail and say so.
	maxRetryAfter = time.Minute
	// maxDrained is what is read of an answer that is given up, to keep its connection.
	maxDrained = 64 << 10
)

// A policy says whether and when to try again. Its waits end with the context.
type policy struct {
	tries int
	first time.Duration // the first wait; each next one is twice as long
}

// pause waits before try number n+1. It says false where there is none left to make, or ctx has ended.
func (p policy) pause(ctx context.Context, n int, atLeast time.Duration) bool {
	if n >= p.tries || atLeast > maxRetryAfter {
		return false
	}
	wait := min(p.first<<(n-1), maxBackoff)
	wait = wait/2 + rand.N(wait/2+1) // jitter: the uploads that failed together shall not come back together
	timer := time.NewTimer(max(wait, atLeast))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// transient says whether an answer of this status may be another one next time.
func transient(status int) bool {
	switch status {
	case http.StatusRequestTimeout, http.StatusTooManyRequests:
		return true
	case http.StatusNotImplemented, http.StatusHTTPVersionNotSupported:
		return false
	}
	return status >= 500
}

// transientError says whether a request that got no answer may get one next time. What TLS refuses, a name that does not
// exist and a context that has ended stay as they are.
func transientError(err error) bool {
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return false
	}
	var refused *refusedError
	var stalled *stalledError
	var dns *net.DNSError
	var op *net.OpError
	switch {
	case errors.As(err, &refused):
		return false
	case errors.As(err, &stalled):
		return true
	case errors.As(err, &dns):
		return dns.IsTemporary || dns.IsTimeout
	case errors.As(err, &op):
		return op.Op != "remote error" && op.Op != "local error" // TLS alerts
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed),
		errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return true
	}
	// net/http has no types for these: a connection that the server closed while idle, HTTP/2 streams and GOAWAY.
	text := err.Error()
	return strings.Contains(text, "server closed idle connection") || strings.Contains(text, "http2:") || strings.Contains(text, "stream error:")
}

// retryAfter is the wait that an answer asks for, in seconds or as a date (RFC 9110, 10.2.3).
func retryAfter(h http.Header) time.Duration {
	v := h.Get("Retry-After")
	if s, err := strconv.Atoi(v); err == nil && s > 0 {
		return time.Duration(min(s, 1<<20)) * time.Second
	}
	if at, err := http.ParseTime(v); err == nil {
		return max(0, time.Until(at))
	}
	return 0
}

// retrying repeats requests whose body can be sent again. The others come back with their first answer: an upload must
// begin anew, with another location.
type retrying struct {
	inner http.RoundTripper
	policy
}

func (t retrying) RoundTrip(req *http.Request) (*http.Response, error) {
	replayable := req.Body == nil || req.Body == http.NoBody || req.GetBody != nil
	for n := 1; ; n++ {
		resp, err := t.inner.RoundTrip(req)
		if !replayable || err != nil && !transientError(err) || err == nil && !transient(resp.StatusCode) {
			return resp, err
		}
		var wait time.Duration
		if resp != nil {
			wait = retryAfter(resp.Header)
		}
		if t.pause(req.Context(), n, wait) {
			discard(resp)
		} else if cerr := req.Context().Err(); cerr != nil {
			discard(resp)
			return nil, cerr
		} else {
			return resp, err
		}
		if req, err = again(req); err != nil {
			return nil, err
		}
	}
}

// discard gives up an answer, if there is one.
func discard(resp *http.Response) {
	if resp != nil {
		_, _ = io.CopyN(io.Discard, resp.Body, maxDrained)
		_ = resp.Body.Close()
	}
}

// again copies a request with a fresh body.
func again(req *http.Request) (*http.Request, error) {
	next := req.Clone(req.Context())
	if req.GetBody != nil {
		body, err := req.GetBody()
		if err != nil {
			return nil, fmt.Errorf("repeating the request: %w", err)
		}
		next.Body = body
	}
	return next, nil
}
