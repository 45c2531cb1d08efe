package remote

import (
	"cmp"
	"context"
	"io"
	"net/http"
	"time"

	"github.com/pyimg/pyimg/internal/patience"
)

// defaultStall is how long a request may make no progress where a registry must store something, or while a layer is
// sent. Registries answer sooner, and people wait that long.
const defaultStall = 30 * time.Second

// uploadLimit bounds the time in which all tries of one upload make no progress. It is three times defaultStall: a
// registry that restarts while it stores a layer needs longer than for an ordinary request.
const uploadLimit = 90 * time.Second

// messageTime bounds the time to read the message of a refusal, and messagePause the time between its bytes. The
// message is useful but not needed.
const (
	messageTime  = 3 * time.Second
	messagePause = 2 * time.Second
)

// commitRate is the speed, in bytes a second, at which a registry is assumed to store what it received. It may answer
// only after that.
const commitRate = 10 << 20

// small is the context key of requests with small answers: manifests, tokens.
type small struct{}

// settling is the context key of the number of bytes that the registry must store before it answers.
type settling struct{}

func withSettling(ctx context.Context, n int64) context.Context {
	return context.WithValue(ctx, settling{}, n)
}

// stalling ends a request that makes no progress: its body is not accepted, the answer does not come, or the answer's
// bytes stop or are too few. The time in which the body's own source is read does not count, and neither does the time
// in which the caller does not read the answer.
type stalling struct {
	inner http.RoundTripper
	stall time.Duration // 0 means defaultStall or, where answers are quick, what is left of the tries' limit
}

func (t stalling) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancelCause(req.Context())
	answer, body := t.patience(req)
	dog := patience.NewWatchdog(answer, cancel)
	next := req.Clone(ctx)
	if req.Body != nil && req.Body != http.NoBody {
		next.Body = &sending{req.Body, dog}
	}
	resp, err := t.inner.RoundTrip(next)
	if err != nil {
		dog.End()
		cancel(nil)
		return nil, patience.Cause(ctx, err)
	}
	dog.Rest()
	if !asksFor(req, resp) {
		body = min(body, messagePause)
		dog.SetCredit(messageTime)
	}
	dog.SetQuiet(body)
	resp.Body = patience.Answer(resp.Body, dog, func(err error) error { return patience.Cause(ctx, err) })
	return resp, nil
}

// asksFor reports whether an answer's body is what the request asked for. Other bodies are at most messages.
func asksFor(req *http.Request, resp *http.Response) bool {
	asked := req.Method == http.MethodGet || req.Context().Value(small{}) != nil
	return asked && resp.StatusCode < http.StatusMultipleChoices
}

// patience returns how long there may be no progress before the answer, and in its body.
func (t stalling) patience(req *http.Request) (answer, body time.Duration) {
	long := cmp.Or(t.stall, defaultStall)
	if n, ok := req.Context().Value(settling{}).(int64); ok {
		return long + time.Duration(n/commitRate)*time.Second, long
	}
	if t.stall > 0 {
		return long, long
	}
	tries, _ := patience.Policy{}.Join(req.Context())
	if quick := tries.Quiet(); req.Context().Value(small{}) != nil {
		return quick, quick
	} else if req.Method == http.MethodGet || req.Method == http.MethodHead {
		return quick, long
	}
	return long, long
}

// sending is a body that is being sent. The watchdog pauses while the body's source is read.
type sending struct {
	io.ReadCloser
	dog *patience.Watchdog
}

func (s *sending) Read(p []byte) (int, error) {
	s.dog.Rest()
	n, err := s.ReadCloser.Read(p)
	s.dog.Watch()
	return n, err
}
