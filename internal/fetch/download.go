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

// maxDrain bounds how much of an error's body is read. Reading the body to its end keeps the connection usable.
const maxDrain = 64 << 10

// A download fetches one file, with as many requests as that needs.
type download struct {
	client    *Client
	method    string
	url       *url.URL // without credentials
	user      *url.Userinfo
	source    string // where user was found
	name      string // for errors
	size      int64  // -1 where it is unknown
	validator string // for If-Range; "" where the server sends none
	condition string // for If-None-Match or If-Modified-Since; "" where the server sends none
	tries     *patience.Tries
	known     string // the condition of the caller's copy of the file; "" without a copy
	accepted  string // the Accept header; "" sends none

	contentType, landed string // of the first answer, see Page
}

func newDownload(c *Client, u *url.URL, name string) *download {
	plain := *u
	plain.User, plain.Fragment = nil, ""
	return &download{client: c, method: http.MethodGet, url: &plain, user: u.User, source: "its URL", name: name, size: -1, tries: c.policy().Start()}
}

// connect asks for the file from offset on. It tries until the server answers, a failure is permanent or the tries are
// used up.
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

// pause waits after a failure. It returns an error where another try is useless.
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

// bodyStall is how long the first try waits for the next bytes of a body. A later try waits for what is left of the
// limit.
const bodyStall = 10 * time.Second

// quiet returns how long the next try waits for an answer, and for the next bytes of its body.
func (d *download) quiet() (answer, body time.Duration) {
	if stall := d.client.Stall; stall > 0 {
		return stall, stall
	}
	if d.tries.Failures() == 0 {
		return d.tries.Quiet(), bodyStall
	}
	return d.tries.Quiet(), d.tries.Quiet()
}

// messageTime bounds the time to read the body of an answer that is not needed, and messagePause the time between its bytes.
// The body is read only to keep the connection usable.
const (
	messageTime  = 3 * time.Second
	messagePause = 2 * time.Second
)

// try sends one request. The duration is how long the server asks us to wait.
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
		_ = body.Close() // the answer's body is not needed, so nothing is lost
		return nil, patience.RetryAfter(resp.Header), err
	}
	return body, 0, nil
}

// request asks for the bytes as they are. Otherwise net/http would ask for gzip and decompress it, and a range of the
// compressed bytes is a different range.
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
	return resp, redact.Cause(err) // the URL in the error may be that of a redirect
}

// accept checks that an answer is the file from offset on.
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
		return otherFile("the transfer broke after %d bytes, and the server no longer has this range of the same file", offset)
	case resp.StatusCode != http.StatusPartialContent:
		return statusError(resp.StatusCode)
	}
	if v := validator(resp.Header); v != "" && v != d.validator {
		return otherFile("the file changed on the server after we had read %d bytes", offset)
	}
	start, size, ok := contentRange(resp.Header.Get("Content-Range"))
	if !ok || start != offset || d.size >= 0 && size >= 0 && size != d.size {
		return otherFile("we asked the server for the bytes after the first %d, but it answers with range %q", offset, resp.Header.Get("Content-Range"))
	}
	d.client.counted.resumes.Add(1)
	return nil
}

// validator returns a value for If-Range: a strong ETag, or the date where there is no ETag (RFC 9110, 13.1.5).
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

// maxCondition bounds the validators that are stored; an ETag has some 50 bytes.
const maxCondition = 1 << 10

// condition returns what a later request can ask with: an ETag, weak or strong, or else a date. It does not use a date
// equal to the server's present time: the file may change again within that second (RFC 9110, 8.8.2.2 and 13.1.2).
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

// usable reports whether a caller's condition has the form that condition returns. A value that is invalid in a header
// would make the request fail.
func usable(known string) bool {
	_, err := http.ParseTime(known)
	return err == nil || isETag(known) && !strings.ContainsFunc(known, func(r rune) bool { return r < ' ' || r == 0x7f })
}

func isETag(s string) bool { return strings.HasPrefix(s, `"`) || strings.HasPrefix(s, `W/"`) }

// errUnchanged is the error where the server confirms that the file has not changed.
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

// permanent marks an error that another try cannot avoid.
type permanent struct{ error }

func (p permanent) Unwrap() error { return p.error }

// temporary reports whether another try may succeed. Failures of the network may pass; those of a certificate or a
// name, and most answers of a server, do not.
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
