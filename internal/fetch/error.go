package fetch

import (
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"strings"

	"github.com/pyimg/pyimg/internal/exit"
)

// An Error says what could not be fetched and why.
type Error struct {
	URL    string // redacted
	Status int    // what the server answered; 0 where it did not come to that
	Err    error
}

func (e *Error) Error() string {
	verb := "opening"
	if strings.HasPrefix(e.URL, "http") && strings.Contains(e.URL, "://") {
		verb = "fetching"
	}
	text := fmt.Sprintf("%s %q: %v", verb, e.URL, e.Err)
	if errors.As(e.Err, new(x509.UnknownAuthorityError)) {
		text += " (the environment variable SSL_CERT_FILE may name a file of other certificates to trust)"
	}
	return text
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// ExitCode is Auth where the server refused, Network where another one did not answer as it should. A file on disk leaves it to
// the cause.
func (e *Error) ExitCode() exit.Code {
	switch {
	case e.Status != 0 && errors.Is(e.Err, fs.ErrPermission):
		return exit.Auth
	case strings.HasPrefix(e.URL, "http"):
		return exit.Network
	}
	return exit.Done
}

// A statusError is an answer that is not the file.
type statusError int

func (s statusError) Error() string {
	text := strings.TrimSpace(fmt.Sprintf("the server answers %d %s", int(s), http.StatusText(int(s))))
	return text
}

// Is maps statuses to what a file system would have said.
func (s statusError) Is(target error) bool {
	switch s {
	case http.StatusNotFound, http.StatusGone:
		return target == fs.ErrNotExist
	case http.StatusUnauthorized, http.StatusForbidden:
		return target == fs.ErrPermission
	}
	return false
}
