package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/pyimg/pyimg/internal/patience"
	"github.com/pyimg/pyimg/internal/redact"
)

// maxDrain is what is read of an error's text, so that the connection can be used again.
const maxDrain = 64 << 10

// A download is one file on its way, over as many requests as it takes.
type download struct {
	client    *Client
	method    string
	url       *url.URL // without credentials
	user      *url.Userinfo
	source    string // where user comes from
	name      string // for errors
	size      int64  // -1 is unknown
	validator string // for If-Range; "" where the server gives none
	condition string // for If-None-Match or If-Modified-Since; so, too
	tries     *patience.Tries
	known     string // the condition of what the caller has; "" is nothing
	accepted  string // the Accept header; "" sends none

	contentType, landed string // of the first answer, see Page
}

func newDownload(c *Client, u *url.URL, name string) *download {
	plain := *u
	plain.User, plain.Fragment = nil, ""
	return &download{client: c, method: http.MethodGet, url: &plain, user: u.User, source: "its URL", name: name, size: -1, tries: c.policy().Start()}
}

// connect asks for the file from offset on until there is an answer, or no hope, or no patience.
func (d *download) connect(ctx context.Context, offset int64) (io.ReadCloser, error) {
	for {
		a, wait, err := d.try(ctx, offset)
		if err == nil {
			return a, nil
		}
		if d.login(err) {
			continue
		}
		if err := d.pause(ctx, err, wait); err != nil {
			return nil, err
		}
	}
}

// pause waits after a failure. It returns an error where there is no use in trying again.
func (d *download) pause(ctx context.Context, cause error, atLeast time.Duration) error {
	if ended := context.Cause(ctx); ended != nil {
		return &Error{URL: d.name, Err: ended}
	}
	status := 0
	var s statusError
	if errors.As(cause, &s) {
		status = int(s)
	}
	if !temporary(cause) {
		return &Error{URL: d.name, Status: status, Err: cause}
	}
	if err := d.tries.Again(ctx, d.url.Host, cause, atLeast); err != nil {
		return &Error{URL: d.name, Status: status, Err: err}
	}
	d.client.counted.retries.Add(1)
	return nil
}

// bodyStall is how long the first try waits for the next bytes of a body; a later one has what is left of the limit.
const bodyStall = 10 * time.Second

// quiet is how long the next try waits for an answer, and for the next bytes of its body.
func (d *download) quiet() (answer, body time.Duration) {
	if stall := d.client.Stall; stall > 0 {
		return stall, stall
	}
	if d.tries.Failures() == 0 {
		return d.tries.Quiet(), bodyStall
	}
	return d.tries.Quiet(), d.tries.Quiet()
}

// messageTime is how long the body of an answer that is not wanted may trickle, messagePause how long it may pause: it is read
// to keep the connection, and says nothing that is needed.
const (
	messageTime  = 3 * time.Second
	messagePause = 2 * time.Second
)

// try makes one request. The duration is what the server asks to wait for.
func (d *download) try(ctx context.Context, offset int64) (io.ReadCloser, time.Duration, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	answer, rest := d.quiet()
	dog := patience.NewWatchdog(answer, cancel)
	resp, err := d.request(ctx, offset)
	dog.Rest()
	if err != nil {
		cause := context.Cause(ctx)
		dog.End()
		cancel(nil)
		if cause != nil {
			err = cause
		}
		return nil, 0, err
	}
	dog.SetQuiet(rest)
	body := patience.Answer(resp.Body, dog, func(err error) error { return patience.Cause(ctx, err) })
	if err := d.accept(resp, offset); err != nil {
		if resp.StatusCode == http.StatusUnauthorized {
			err = d.newUnauthorized(resp)
		}
		dog.SetQuiet(messagePause)
		dog.SetCredit(messageTime)
		if _, slow := io.CopyN(io.Discard, body, maxDrain); errors.Is(slow, patience.ErrSlow) {
			err = fmt.Errorf("%w; %w", err, slow)
		}
		_ = body.Close() // an answer that is not wanted: nothing can be lost
		return nil, patience.RetryAfter(resp.Header), err
	}
	return body, 0, nil
}

// request asks for the bytes as they are: net/http would otherwise ask for gzip and inflate it, and a range of that is
// another range.
func (d *download) request(ctx context.Context, offset int64) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, d.method, d.url.String(), nil)
	if err != nil {
		return nil, permanent{errors.New("this is not a valid URL")}
	}
	req.Header.Set("User-Agent", userAgent)
	req.Header.Set("Accept-Encoding", "identity")
	if d.accepted != "" {
		req.Header.Set("Accept", d.accepted)
	}
	if d.user != nil {
		password, _ := d.user.Password()
		req.SetBasicAuth(d.user.Username(), password)
	}
	if offset > 0 {
		req.Header.Set("Range", "bytes="+strconv.FormatInt(offset, 10)+"-")
		req.Header.Set("If-Range", d.validator)
	}
	switch {
	case offset > 0 || d.known == "":
	case isETag(d.known):
		req.Header.Set("If-None-Match", d.known)
	default:
		req.Header.Set("If-Modified-Since", d.known)
	}
	d.client.counted.requests.Add(1)
	resp, err := d.client.http.Do(req)
	return resp, redact.Cause(err) // the URL in its text may be that of a redirect
}

// accept decides whether an answer is the file from offset on.
func (d *download) accept(resp *http.Response, offset int64) error {
	switch {
	case offset == 0 && resp.StatusCode == http.StatusOK:
		d.size, d.validator, d.condition = resp.ContentLength, validator(resp.Header), condition(resp.Header)
		d.contentType, d.landed = resp.Header.Get("Content-Type"), d.landing(resp)
		return nil
	case offset == 0 && resp.StatusCode == http.StatusNotModified && d.known != "":
		return permanent{errUnchanged}
	case offset == 0:
		return statusError(resp.StatusCode)
	case resp.StatusCode == http.StatusOK, resp.StatusCode == http.StatusRequestedRangeNotSatisfiable:
		return otherFile("the transfer broke after %d bytes, and the server has no such range of the same file now", offset)
	case resp.StatusCode != http.StatusPartialContent:
		return statusError(resp.StatusCode)
	}
	if v := validator(resp.Header); v != "" && v != d.validator {
		return otherFile("the file changed on the server after %d bytes", offset)
	}
	start, size, ok := contentRange(resp.Header.Get("Content-Range"))
	if !ok || start != offset || d.size >= 0 && size >= 0 && size != d.size {
		return otherFile("asked to go on after %d bytes, the server answers with range %q", offset, resp.Header.Get("Content-Range"))
	}
	d.client.counted.resumes.Add(1)
	return nil
}

// validator returns what If-Range may say: a strong ETag, or the date where there is no ETag (RFC 9110, 13.1.5).
func validator(h http.Header) string {
	tag := h.Get("ETag")
	switch {
	case strings.HasPrefix(tag, `"`):
		return tag
	case tag == "":
		return h.Get("Last-Modified")
	}
	return ""
}

// maxCondition bounds what is kept of a server's words; an ETag is some 50 bytes.
const maxCondition = 1 << 10

// condition returns what a later request may ask with: an ETag, be it a weak one, else a date. A date that was the server's
// present is none: the file may have changed again within that second (RFC 9110, 8.8.2.2 and 13.1.2).
func condition(h http.Header) string {
	tag, modified := h.Get("ETag"), h.Get("Last-Modified")
	switch {
	case max(len(tag), len(modified)) > maxCondition:
		return ""
	case isETag(tag):
		return tag
	}
	at, err := http.ParseTime(modified)
	if now, dateErr := http.ParseTime(h.Get("Date")); err != nil || dateErr == nil && now.Sub(at) < time.Second {
		return ""
	}
	return modified
}

// usable says whether a caller's condition is what condition gives; what a header cannot say would fail the request.
func usable(known string) bool {
	_, err := http.ParseTime(known)
	return err == nil || isETag(known) && !strings.ContainsFunc(known, func(r rune) bool { return r < ' ' || r == 0x7f })
}

func isETag(s string) bool { return strings.HasPrefix(s, `"`) || strings.HasPrefix(s, `W/"`) }

// errUnchanged is the answer to a condition that holds.
var errUnchanged = errors.New("the file is unchanged")

// contentRange reads "bytes START-END/SIZE" (RFC 9110, 14.4); size is -1 where it is "*".
func contentRange(s string) (start, size int64, ok bool) {
	span, total, ok1 := strings.Cut(strings.TrimPrefix(s, "bytes "), "/")
	from, _, ok2 := strings.Cut(span, "-")
	start, err := strconv.ParseInt(from, 10, 64)
	if !ok1 || !ok2 || err != nil || !strings.HasPrefix(s, "bytes ") {
		return 0, 0, false
	}
	if total == "*" {
		return start, -1, true
	}
	size, err = strconv.ParseInt(total, 10, 64)
	return start, size, err == nil
}

// permanent marks an error that would come again.
type permanent struct{ error }

func (p permanent) Unwrap() error { return p.error }

// temporary says whether a further try may go better. What the network does wrong may pass; what a server, a certificate
// or a name says will not.
func temporary(err error) bool {
	if errors.Is(err, patience.ErrSlow) {
		return false
	}
	var status statusError
	var fixed permanent
	switch {
	case errors.As(err, &status):
		return patience.TemporaryStatus(int(status))
	case errors.As(err, &fixed), errors.Is(err, errRedirect):
		return false
	}
	return patience.Temporary(err)
}
