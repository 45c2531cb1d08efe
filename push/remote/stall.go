package remote

import (
	"cmp"
	"context"
	"io"
	"net/http"
	"time"

	"github.com/pyimg/pyimg/internal/patience"
)

// defaultStall is how long nothing may move where a registry has to store something, or on a layer under way: longer than
// any registry thinks, shorter than people wait.
const defaultStall = 30 * time.Second

// uploadLimit is how long all tries of one upload may get nowhere: three times defaultStall, since a registry that is
// restarted while it stores a layer needs more time than one that is asked something.
const uploadLimit = 90 * time.Second

// messageTime is how long the message of an answer may trickle, messagePause how long it may pause: it says nothing that is
// needed.
const (
	messageTime  = 3 * time.Second
	messagePause = 2 * time.Second
)

// commitRate is how fast a registry is taken to write away what it was sent, in bytes a second, where it answers only
// when it has done so.
const commitRate = 10 << 20

// small is the key of a context whose requests have small answers: manifests, tokens.
type small struct{}

// settling is the key of a context that says how many bytes the registry has to put away before it answers.
type settling struct{}

func withSettling(ctx context.Context, n int64) context.Context {
	return context.WithValue(ctx, settling{}, n)
}

// stalling ends a request on which nothing moves: no byte of its body is taken, no answer comes, or none of its bytes, or
// too few of them. The time that a body's own source takes, and that the reader of an answer leaves it alone, does not count.
type stalling struct {
	inner http.RoundTripper
	stall time.Duration // 0 means defaultStall, or what is left of the tries' limit for what is quickly answered
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

// asksFor reports whether an answer's body is what was asked for. Of others only the message is of interest, if at all.
func asksFor(req *http.Request, resp *http.Response) bool {
	asked := req.Method == http.MethodGet || req.Context().Value(small{}) != nil
	return asked && resp.StatusCode < http.StatusMultipleChoices
}

// patience is how long nothing may move before the answer, and then on its body.
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

// sending is a body on its way out. The watchdog rests while the body's source is read.
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
