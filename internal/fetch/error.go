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

// An Error says which URL could not be fetched, and why.
type Error struct {
	URL    string // without password and query
	Status int    // the status of the answer; 0 without an answer
	Err    error
}

func (e *Error) Error() string {
	verb := "opening"
	if strings.HasPrefix(e.URL, "http") && strings.Contains(e.URL, "://") {
		verb = "fetching"
	}
	text := fmt.Sprintf("%s %q: %v", verb, e.URL, e.Err)
	if errors.As(e.Err, new(x509.UnknownAuthorityError)) {
		text += " (to trust other certificates, set the environment variable SSL_CERT_FILE to a file that contains them)"
	}
	return text
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// ExitCode returns [exit.Auth] where the server requires other credentials, and [exit.Network] for other failures of a
// server. For a file on disk the cause decides.
func (e *Error) ExitCode() exit.Code {
	switch {
	case e.Status != 0 && errors.Is(e.Err, fs.ErrPermission):
		return exit.Auth
	case strings.HasPrefix(e.URL, "http"):
		return exit.Network
	}
	return exit.Done
}

// A statusError is the status of an answer that does not contain the file.
type statusError int

func (s statusError) Error() string {
	text := strings.TrimSpace(fmt.Sprintf("the server answers %d %s", int(s), http.StatusText(int(s))))
	return text
}

// Is compares a status with the corresponding error of a file system.
func (s statusError) Is(target error) bool {
	switch s {
	case http.StatusNotFound, http.StatusGone:
		return target == fs.ErrNotExist
	case http.StatusUnauthorized, http.StatusForbidden:
		return target == fs.ErrPermission
	}
	return false
}
