package fetch

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/pyimg/pyimg/internal/redact"
)

const (
	firstWait     = 500 * time.Millisecond
	maxWait       = 30 * time.Second
	maxRetryAfter = 2 * time.Minute // who asks for more is waited for this long
	maxDrain      = 64 << 10        // of an error's text, so that the connection can be used again
)

var errStalled = errors.New("nothing came from the server for too long")

// A download is one file on its way, over as many requests as it takes.
type download struct {
	client    *Client
	method    string
	url       *url.URL // without credentials
	user      *url.Userinfo
	source    string // where user comes from
	name      string // for errors
	failures  int    // in a row
	size      int64  // -1 is unknown
	validator string // for If-Range; "" where the server gives none
	condition string // for If-None-Match or If-Modified-Since; so, too
	known     string // the condition of what the caller has; "" is nothing
}

func newDownload(c *Client, u *url.URL, name string) *download {
	plain := *u
	plain.User, plain.Fragment = nil, ""
	return &download{client: c, method: http.MethodGet, url: &plain, user: u.User, source: "its URL", name: name, size: -1}
}

// An attempt is the body of one answer.
type attempt struct {
	io.ReadCloser
	watchdog *watchdog
}

func (a *attempt) close() {
	_ = a.Close() // an answer that was read or is not wanted: nothing can be lost
	a.watchdog.close()
}

// connect asks for the file from offset on until there is an answer, or no hope, or no patience.
func (d *download) connect(ctx context.Context, offset int64) (*attempt, error) {
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
	if d.failures >= d.client.retries() {
		if d.failures > 0 {
			cause = fmt.Errorf("giving up after %d tries: %w", d.failures+1, cause)
		}
		return &Error{URL: d.name, Status: status, Err: cause}
	}
	d.client.counted.retries.Add(1)
	wait := max(backoff(d.failures), min(atLeast, maxRetryAfter))
	d.failures++
	if err := d.client.sleep(ctx, wait); err != nil {
		return &Error{URL: d.name, Err: err}
	}
	return nil
}

// backoff doubles with each failure; half of it is by chance, so that many clients do not come back as one.
func backoff(failures int) time.Duration {
	d := min(firstWait<<min(failures, 10), maxWait)
	return d/2 + rand.N(d/2+1)
}

// try makes one request. The duration is what the server asks to wait for.
func (d *download) try(ctx context.Context, offset int64) (*attempt, time.Duration, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	dog := newWatchdog(d.client.stall(), cancel)
	resp, err := d.request(ctx, offset)
	dog.rest()
	if err != nil {
		cause := context.Cause(ctx)
		dog.close()
		if cause != nil {
			err = cause
		}
		return nil, 0, err
	}
	if err := d.accept(resp, offset); err != nil {
		if resp.StatusCode == http.StatusUnauthorized {
			err = d.newUnauthorized(resp)
		}
		dog.watch()
		_, _ = io.CopyN(io.Discard, resp.Body, maxDrain)
		(&attempt{ReadCloser: resp.Body, watchdog: dog}).close()
		return nil, retryAfter(resp.Header.Get("Retry-After"), time.Now()), err
	}
	return &attempt{ReadCloser: resp.Body, watchdog: dog}, 0, nil
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

// retryAfter reads the header of that name: seconds or a date. What it does not understand is 0.
func retryAfter(s string, now time.Time) time.Duration {
	if n, err := strconv.Atoi(s); err == nil {
		return time.Duration(min(max(n, 0), int(maxRetryAfter/time.Second))) * time.Second
	}
	if t, err := http.ParseTime(s); err == nil {
		return max(t.Sub(now), 0)
	}
	return 0
}

// permanent marks an error that would come again.
type permanent struct{ error }

func (p permanent) Unwrap() error { return p.error }

// temporary says whether a further try may go better. What the network does wrong may pass; what a server, a certificate
// or a name says will not.
func temporary(err error) bool {
	var (
		status statusError
		fixed  permanent
		cert   *tls.CertificateVerificationError
		dns    *net.DNSError
	)
	switch {
	case errors.As(err, &status):
		return status == http.StatusRequestTimeout || status == http.StatusTooManyRequests || status >= 500
	case errors.As(err, &fixed), errors.As(err, &cert), errors.Is(err, errRedirect), errors.Is(err, http.ErrSchemeMismatch):
		return false
	case errors.As(err, &dns):
		return !dns.IsNotFound
	}
	return true
}
