package remote

import (
	"crypto/x509"
	"errors"
	"fmt"
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

// An Error is what a registry, or the way to it, did not do.
type Error struct {
	Op          string // what was being done, as a gerund: "uploading blob \"sha256:...\""
	Ref         string // the reference or repository that it was done to
	Host        string // the registry
	Status      int    // what it answered; 0 where there was no answer
	Credentials string // where the credentials came from; "" where there were none
	Err         error  // may hold an answer of the registry, unwashed: print Error, not this

	text string // of Err, without secrets and control characters
}

// Error never holds a credential, nor a control character of the registry's.
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

// ExitCode is Auth where credentials were missing or refused, else Network.
func (e *Error) ExitCode() exit.Code {
	if e.Unauthorized() {
		return exit.Auth
	}
	return exit.Network
}

// Unauthorized says that it was for the lack of credentials, or of their rights.
func (e *Error) Unauthorized() bool {
	var ce *auth.Error
	return e.Status == http.StatusUnauthorized || e.Status == http.StatusForbidden || errors.As(e.Err, &ce)
}

// hint says what to do.
func (e *Error) hint() string {
	var ce *auth.Error
	switch {
	case errors.As(e.Err, &ce): // names its file
		return ""
	case e.Unauthorized() && e.Credentials == "":
		return fmt.Sprintf("no credentials for %s were found: log in with docker or podman, or set DOCKER_AUTH_CONFIG, REGISTRY_AUTH_FILE or, for ghcr.io, GITHUB_TOKEN", e.Host)
	case e.Unauthorized():
		return fmt.Sprintf("with the credentials for %s from %s: are they current, and may they do this there?", e.Host, e.Credentials)
	case errors.As(e.Err, new(x509.UnknownAuthorityError)):
		return "if the registry's own authority signed the certificate, name that authority's with --ca-file FILE"
	case e.Status == http.StatusNotFound:
		return "does it exist there? some registries want a repository created first"
	case e.Status == http.StatusTooManyRequests:
		return "the registry limits its requests: try again later, or with fewer jobs"
	}
	return ""
}

// newError says what went wrong in op. It keeps an *Error that already says so.
func newError(op, ref, host string, who auth.Credential, err error) error {
	var own *Error
	if err == nil || errors.As(err, &own) {
		return err
	}
	e := &Error{Op: op, Ref: ref, Host: host, Credentials: who.Source, Err: err}
	var te *transport.Error
	if errors.As(err, &te) {
		e.Status = te.StatusCode
	}
	e.text = wash(plain(err, te), who.Secrets())
	return e
}

// plain is the text of an error from net/http without the URL that it puts before each: its query may be signed.
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

// answer is what a server said, with its status.
func answer(te *transport.Error) string {
	status := strings.TrimSpace(fmt.Sprintf("%d %s", te.StatusCode, http.StatusText(te.StatusCode)))
	if len(te.Errors) == 0 { // not a registry's words, but those of a proxy before it
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

// maxAnswer bounds how much of a registry's words an error repeats: error pages can be long.
const maxAnswer = 1000

// wash removes secrets that a registry might echo, and what a terminal might obey.
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
