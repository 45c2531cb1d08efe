package remote

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"unicode"

	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/pyimg/pyimg/internal/exit"
	"github.com/pyimg/pyimg/internal/patience"
	"github.com/pyimg/pyimg/internal/redact"
	"github.com/pyimg/pyimg/push/auth"
)

// An Error says what a registry refused, or why it could not be reached.
type Error struct {
	Op          string // what was being done, as a gerund: "uploading blob \"sha256:...\""
	Ref         string // the reference or repository
	Host        string // the registry
	Status      int    // the status of the answer; 0 without an answer
	Credentials string // where the credentials came from; "" without credentials
	Err         error  // may contain the registry's answer unchanged: print Error() and not this

	text string // the text of Err without secrets and control characters
}

// Error returns a text without credentials and without control characters of the registry.
func (e *Error) Error() string {
	text := e.text
	if text == "" && e.Err != nil {
		text = wash(e.Err.Error(), nil)
	}
	msg := fmt.Sprintf("%s for %q: %s", e.Op, e.Ref, text)
	if hint := e.hint(); hint != "" {
		msg += " (" + hint + ")"
	}
	return msg
}

func (e *Error) Unwrap() error { return e.Err }

// ExitCode returns [exit.Auth] where credentials were missing or refused, otherwise [exit.Network].
func (e *Error) ExitCode() exit.Code {
	if e.Unauthorized() {
		return exit.Auth
	}
	return exit.Network
}

// Unauthorized reports whether the registry refused the request because credentials were missing, wrong or without the
// right.
func (e *Error) Unauthorized() bool {
	var ce *auth.Error
	return e.Status == http.StatusUnauthorized || e.Status == http.StatusForbidden || errors.As(e.Err, &ce)
}

// hint returns what the user can do.
func (e *Error) hint() string {
	var ce *auth.Error
	switch {
	case errors.As(e.Err, &ce): // that error names its file
		return ""
	case e.Unauthorized() && e.Credentials == "":
		return fmt.Sprintf("no credentials for %s were found: log in with docker or podman, or set DOCKER_AUTH_CONFIG, REGISTRY_AUTH_FILE or, for ghcr.io, GITHUB_TOKEN", e.Host)
	case e.Unauthorized():
		return fmt.Sprintf("the credentials for %s came from %s: check that they are current and allow this", e.Host, e.Credentials)
	case errors.As(e.Err, new(x509.UnknownAuthorityError)):
		return "if a private authority signed the registry's certificate, give that authority's certificate with --ca-file FILE"
	case errors.Is(e.Err, http.ErrSchemeMismatch), errors.As(e.Err, new(tls.RecordHeaderError)) && !throughProxy(e.Err):
		return fmt.Sprintf("it does not speak https; --insecure %s allows plain http", e.Host)
	case e.Status == http.StatusNotFound:
		return "check that it exists; in some registries you must create a repository first"
	case e.Status == http.StatusTooManyRequests:
		return "the registry limits its requests: try again later, or with fewer jobs"
	}
	return ""
}

// throughProxy reports whether it is the proxy that could not be talked to.
func throughProxy(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "proxyconnect"
}

// newError makes an *Error for op. It returns err itself where that is an *Error already.
func newError(op, ref, host string, cred auth.Credential, err error) error {
	var own *Error
	if err == nil || errors.As(err, &own) {
		return err
	}
	e := &Error{Op: op, Ref: ref, Host: host, Credentials: cred.Source, Err: err}
	var te *transport.Error
	if errors.As(err, &te) {
		e.Status = te.StatusCode
	}
	e.text = wash(plain(err, te), cred.Secrets())
	return e
}

// plain returns the text of an error without the URL that net/http adds: the URL's query may hold a signature.
func plain(err error, te *transport.Error) string {
	var token *tokenError
	if errors.As(err, &token) {
		return token.Error()
	}
	var both *plainRefusedError
	if errors.As(err, &both) {
		return plain(both.error, te) + "; " + both.refused.reason
	}
	if te != nil {
		return "the registry " + answer(te)
	}
	var refused *refusedError
	if errors.As(err, &refused) {
		return refused.reason
	}
	var ue *url.Error
	if !errors.As(err, &ue) {
		return err.Error()
	}
	text := ue.Err.Error()
	var gaveUp *patience.GaveUp
	if errors.As(err, &gaveUp) && !errors.As(ue.Err, &gaveUp) {
		text = (&patience.GaveUp{Tries: gaveUp.Tries, Err: ue.Err}).Error()
	}
	if u, perr := url.Parse(ue.URL); perr == nil {
		text = fmt.Sprintf("%s %s://%s: ", strings.ToUpper(ue.Op), u.Scheme, u.Host) + text
	}
	return text
}

// answer returns the status and the text of a server's answer.
func answer(te *transport.Error) string {
	status := strings.TrimSpace(fmt.Sprintf("%d %s", te.StatusCode, http.StatusText(te.StatusCode)))
	if len(te.Errors) == 0 { // a proxy wrote this answer, not the registry
		if _, body, ok := strings.Cut(te.Error(), http.StatusText(te.StatusCode)+": "); ok {
			status += ": " + body
		}
		return "answered " + status
	}
	said := make([]string, len(te.Errors))
	for i, d := range te.Errors {
		said[i] = strings.TrimSuffix(fmt.Sprintf("%s: %s", d.Code, d.Message), ": ")
	}
	return "answered " + status + ": " + strings.Join(said, "; ")
}

// maxAnswer bounds how much of a registry's answer an error repeats: error pages can be long.
const maxAnswer = 1000

// wash removes secrets, which a registry may repeat, and control characters, which could change the terminal.
func wash(s string, secrets []string) string {
	s = redact.Text(s)
	for _, secret := range secrets {
		s = strings.ReplaceAll(s, secret, "[redacted]")
	}
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) {
			return ' '
		}
		return r
	}, s)
	if len(s) > maxAnswer {
		s = strings.ToValidUTF8(s[:maxAnswer], "") + "..."
	}
	return s
}
