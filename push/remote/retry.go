package remote

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/pyimg/pyimg/internal/patience"
)

// maxDrained bounds how much of an unused answer is read, which keeps its connection usable.
const maxDrained = 64 << 10

// retrying repeats requests whose body can be sent again. It returns the first answer of others: an upload must start
// again at another location.
type retrying struct {
	inner  stalling
	policy patience.Policy
}

func (t retrying) RoundTrip(req *http.Request) (*http.Response, error) {
	tries, ctx := t.policy.Join(req.Context())
	req = req.WithContext(ctx)
	replayable := req.Body == nil || req.Body == http.NoBody || req.GetBody != nil
	for {
		resp, err := t.inner.RoundTrip(req)
		if !replayable || err != nil && !patience.Temporary(err) || err == nil && !patience.TemporaryStatus(resp.StatusCode) {
			return resp, err
		}
		cause, wait := err, time.Duration(0)
		if err == nil {
			cause, wait = fmt.Errorf("the server answers %d %s", resp.StatusCode, http.StatusText(resp.StatusCode)), patience.RetryAfter(resp.Header)
		}
		if end := tries.Again(ctx, req.URL.Host, cause, wait); end != nil {
			if err != nil || ctx.Err() != nil {
				_ = discard(resp)
				return nil, end
			}
			return resp, nil // the caller handles this answer
		}
		if err := discard(resp); errors.Is(err, patience.ErrSlow) {
			return nil, err
		}
		if req, err = again(req); err != nil {
			return nil, err
		}
	}
}

// discard closes an unused answer, if there is one. It returns the error of reading the answer to its end.
func discard(resp *http.Response) error {
	if resp == nil {
		return nil
	}
	defer resp.Body.Close()
	_, err := io.CopyN(io.Discard, resp.Body, maxDrained) // keeps the connection usable
	return err
}

// again copies a request with a new body.
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

// whole calls read again where an answer is incomplete. The calls of read and the retries of the transport share one
// count of tries.
func whole[T any](ctx context.Context, p patience.Policy, host string, read func(context.Context) (T, error)) (T, error) {
	tries, ctx := p.Join(ctx)
	ctx = context.WithValue(ctx, small{}, true)
	for {
		out, err := read(ctx)
		var busy *busyError
		var wait time.Duration
		switch {
		case errors.As(err, &busy) && patience.TemporaryStatus(busy.status) && !errors.Is(err, patience.ErrSlow):
			wait = busy.retryAfter
		case err == nil, !patience.Temporary(err):
			return out, err
		}
		if err := tries.Again(ctx, host, err, wait); err != nil {
			return out, err
		}
	}
}
