package patience

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"time"
)

// A GaveUp is the error after several tries. More tries would not help.
type GaveUp struct {
	Tries int
	Err   error // the error of the last try
}

func (e *GaveUp) Error() string { return fmt.Sprintf("giving up after %d tries: %v", e.Tries, e.Err) }

// Unwrap returns the last try's error.
func (e *GaveUp) Unwrap() error { return e.Err }

// A StallError says that a request made no progress. Another try may help.
type StallError struct{ After time.Duration }

func (e *StallError) Error() string {
	return fmt.Sprintf("no data was transferred for %v", e.After.Round(100*time.Millisecond))
}

// ErrSlow is the error of an answer that comes too slowly. It would take hours, so it is not tried again.
var ErrSlow = fmt.Errorf("the server sends fewer than %d bytes a second", minRate)

// TemporaryStatus reports whether a later request may be answered with another status than this one.
func TemporaryStatus(status int) bool {
	switch status {
	case http.StatusRequestTimeout, http.StatusTooManyRequests:
		return true
	case http.StatusNotImplemented, http.StatusHTTPVersionNotSupported:
		return false
	}
	return status >= 500
}

// Temporary reports whether a request without a complete answer may succeed in a later try. It returns false for a
// certificate that is not trusted, other errors of TLS, a host name that does not exist, a context that has ended and a
// *GaveUp.
func Temporary(err error) bool {
	var gaveUp *GaveUp
	var cert *tls.CertificateVerificationError
	if err == nil || errors.As(err, &gaveUp) || errors.As(err, &cert) || errors.Is(err, ErrSlow) {
		return false
	}
	var stall *StallError
	var dns *net.DNSError
	var op *net.OpError
	var timeout net.Error
	switch {
	case errors.As(err, &stall):
		return true
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return false
	case errors.As(err, &dns):
		return !dns.IsNotFound
	case errors.As(err, &op):
		return op.Op != "remote error" && op.Op != "local error" // alerts of TLS
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed),
		errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return true
	case errors.As(err, &timeout) && timeout.Timeout():
		return true // for example of the TLS handshake
	}
	// net/http has no error types for these: an idle connection that the server closed, HTTP/2 streams and GOAWAY.
	text := err.Error()
	return strings.Contains(text, "server closed idle connection") || strings.Contains(text, "http2:") || strings.Contains(text, "stream error:")
}
