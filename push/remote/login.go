package remote

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/pyimg/pyimg/internal/patience"
	"github.com/pyimg/pyimg/push/auth"
	"github.com/pyimg/pyimg/push/oci"
)

const (
	// defaultLife is the lifetime of a token whose answer states none. See the token authentication specification of
	// the CNCF distribution.
	defaultLife = 60 * time.Second
	// maxMargin bounds how long before its end a token is renewed.
	maxMargin = 15 * time.Second
	// maxToken bounds a token server's answer. A cloud's token has a few kilobytes.
	maxToken = 1 << 20
	// maxLogins bounds how often a request is sent with new credentials: other requests may use up a short-lived token
	// first.
	maxLogins = 3
	// clientID is our name for token servers.
	clientID = "pyimg"
)

// A login authenticates the requests to one repository. It has the registry's challenge and the current token. It adds
// the token to requests to that registry only. It renews a token before the token ends, and when the registry refuses
// it. It is safe for concurrent use: requests that need a new token at the same time share one.
type login struct {
	registry name.Registry
	scheme   string // http or https
	cred     auth.Credential
	inner    http.RoundTripper
	policy   patience.Policy

	free     chan struct{} // holds one element while the fields below are free; a channel, so that waiting for it can be cancelled
	way      challenge
	scopes   []string // the scopes to ask a token for; the first must be granted
	token    string
	renewAt  time.Time
	identity string // the identity token; the token server may send a new one

	seen atomic.Pointer[string] // the last token, which must not appear in texts
}

func newLogin(g greeting, registry name.Registry, cred auth.Credential, inner http.RoundTripper, p patience.Policy, scopes []string) *login {
	l := &login{registry: registry, scheme: g.scheme, cred: cred, inner: inner, policy: p, way: g.way, scopes: scopes, identity: cred.IdentityToken}
	l.free = make(chan struct{}, 1)
	l.free <- struct{}{}
	return l
}

// lock waits until no other request uses the login. It returns an error where ctx has ended.
func (l *login) lock(ctx context.Context) error {
	select {
	case <-l.free:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (l *login) unlock() { l.free <- struct{}{} }

// owns reports whether a URL is the registry's own: same scheme, host and port.
func (l *login) owns(u *url.URL) bool {
	return u.Scheme == l.scheme && withPort(u.Scheme, u.Host) == withPort(l.scheme, l.registry.RegistryStr())
}

func withPort(scheme, host string) string {
	switch scheme {
	case "https":
		return strings.TrimSuffix(host, ":443")
	case "http":
		return strings.TrimSuffix(host, ":80")
	}
	return host
}

// RoundTrip implements [http.RoundTripper]. It returns the 401 of a request whose body cannot be sent twice; the next
// request then gets a new token.
func (l *login) RoundTrip(req *http.Request) (*http.Response, error) {
	if !l.owns(req.URL) {
		return l.inner.RoundTrip(req)
	}
	refused := ""
	for n := 1; ; n++ {
		header, err := l.authorization(req.Context(), refused)
		if err != nil {
			closeBody(req)
			return nil, err
		}
		resp, err := l.inner.RoundTrip(authorized(req, header))
		if err != nil || resp.StatusCode != http.StatusUnauthorized || n == maxLogins || !l.answerChallenge(req.Context(), resp.Header, header) {
			return resp, err
		}
		if req.Body != nil && req.Body != http.NoBody && req.GetBody == nil {
			return resp, nil
		}
		next, err := again(req)
		if err != nil {
			return resp, nil //nolint:nilerr // the answer explains more than err
		}
		if err := discard(resp); errors.Is(err, patience.ErrSlow) {
			return nil, err
		}
		req, refused = next, header
	}
}

func closeBody(req *http.Request) {
	if req.Body != nil {
		_ = req.Body.Close()
	}
}

// authorized returns a copy of a request with the header: a RoundTripper must not change its request.
func authorized(req *http.Request, header string) *http.Request {
	next := req.Clone(req.Context())
	if header != "" {
		next.Header.Set("Authorization", header)
	}
	return next
}

// answerChallenge reads the challenge of a 401. It reports whether another try can succeed.
func (l *login) answerChallenge(ctx context.Context, h http.Header, refused string) bool {
	if l.lock(ctx) != nil {
		return false
	}
	defer l.unlock()
	way, ok := readChallenge(h)
	was := l.way.scheme
	if !ok && was != "bearer" {
		return false
	}
	if !ok {
		way = l.way
	}
	if was != "bearer" || way.scheme == "bearer" && l.way.params["realm"] == "" {
		l.way = way
	}
	if l.way.scheme == "basic" {
		return was != "basic" && l.cred.Source != ""
	}
	if s := way.params["scope"]; s != "" && !slices.Contains(l.scopes, s) {
		l.scopes = append([]string{s}, l.scopes...) // some token servers read the first scope only
	}
	if "Bearer "+l.token == refused {
		l.token = ""
	}
	return l.cred.RegistryToken == "" || refused == ""
}

// authorization returns the value of the Authorization header. refused is a value that the registry has refused.
func (l *login) authorization(ctx context.Context, refused string) (string, error) {
	if err := l.lock(ctx); err != nil {
		return "", err
	}
	defer l.unlock()
	switch {
	case l.way.scheme == "basic":
		return l.cred.Basic(), nil
	case l.way.scheme != "bearer":
		return "", nil
	case l.cred.RegistryToken != "":
		return "Bearer " + l.cred.RegistryToken, nil
	}
	if l.token != "" && "Bearer "+l.token != refused && time.Now().Before(l.renewAt) {
		return "Bearer " + l.token, nil
	}
	if err := l.renew(ctx); err != nil {
		return "", err
	}
	return "Bearer " + l.token, nil
}

// keepFresh renews the token each time before it ends, until ctx ends. The next request may come minutes later, while
// packages are fetched, and then need not wait for a token. keepFresh ignores errors: the next request reports them.
func (l *login) keepFresh(ctx context.Context) {
	for {
		wait, ok := l.untilRenewal(ctx)
		if !ok {
			return
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
		if _, err := l.authorization(ctx, ""); err != nil {
			return
		}
	}
}

// untilRenewal returns how long the token may still be used. The result is false without a token.
func (l *login) untilRenewal(ctx context.Context) (time.Duration, bool) {
	if l.lock(ctx) != nil {
		return 0, false
	}
	defer l.unlock()
	return time.Until(l.renewAt), l.token != ""
}

// bearer reports whether the registry requires tokens.
func (l *login) bearer(ctx context.Context) bool {
	if l.lock(ctx) != nil {
		return false
	}
	defer l.unlock()
	return l.way.scheme == "bearer"
}

// A token is the answer of a token server.
type token struct {
	Token        string `json:"token"`
	AccessToken  string `json:"access_token"`
	RefreshToken string `json:"refresh_token"`
	ExpiresIn    int64  `json:"expires_in"` // in seconds
}

// renew asks for a token while the login is locked. Where the server refuses a token for the repositories to mount
// from, renew asks for the first scope only.
func (l *login) renew(ctx context.Context) error {
	realm, err := l.realm()
	if err != nil {
		return err
	}
	t, err := l.exchange(ctx, realm)
	var refusal *transport.Error
	if errors.As(err, &refusal) && len(l.scopes) > 1 && (refusal.StatusCode == http.StatusUnauthorized || refusal.StatusCode == http.StatusForbidden) {
		l.scopes = l.scopes[:1]
		t, err = l.exchange(ctx, realm)
	}
	if err != nil {
		return &tokenError{realm.Host, err}
	}
	life := min(time.Duration(t.ExpiresIn)*time.Second, 24*time.Hour)
	if life <= 0 {
		life = defaultLife
	}
	l.seen.Store(&t.Token)
	l.token, l.renewAt = t.Token, time.Now().Add(life-min(life/4, maxMargin))
	if t.RefreshToken != "" {
		l.identity = t.RefreshToken
	}
	return nil
}

// A tokenError says what a token server refused.
type tokenError struct {
	host string
	err  error
}

func (e *tokenError) Error() string {
	what := "asking token server " + e.host + " for a token: "
	var te *transport.Error
	if errors.As(e.err, &te) {
		return what + "it " + answer(te)
	}
	return what + plain(e.err, nil)
}

func (e *tokenError) Unwrap() error { return e.err }

// realm returns the token server's address. The server gets the credentials, so realm refuses an address that a false
// answer may have named: plain http where the registry uses https, or an address of an internal network where the
// registry's is not.
func (l *login) realm() (*url.URL, error) {
	u, err := url.Parse(l.way.params["realm"])
	if err != nil || u.Host == "" {
		return nil, errors.New("the registry requires a token but names no valid address of a token server")
	}
	host, own := u.Hostname(), hostOf(l.registry.RegistryStr())
	switch {
	case u.Scheme != "https" && (u.Scheme != "http" || l.scheme != "http"):
		return nil, &refusedError{fmt.Sprintf("the registry names a token server at %s://%s, which is not https", u.Scheme, u.Host)}
	case host != own && isInternal(host) && !isInternal(own):
		return nil, &refusedError{fmt.Sprintf("the registry names a token server at %q, an address of an internal network", u.Host)}
	}
	return u, nil
}

func hostOf(registry string) string { return (&url.URL{Host: registry}).Hostname() }

// exchange requests a token: with the identity token where there is one, otherwise with user and password.
func (l *login) exchange(ctx context.Context, realm *url.URL) (token, error) {
	if l.identity != "" {
		t, err := l.ask(ctx, l.identityRequest, realm)
		var te *transport.Error
		if !errors.As(err, &te) || te.StatusCode != http.StatusNotFound && te.StatusCode != http.StatusMethodNotAllowed {
			return t, err
		}
	}
	return l.ask(ctx, l.basicRequest, realm)
}

// identityRequest makes the token request of OAuth 2 (RFC 6749, 6).
func (l *login) identityRequest(ctx context.Context, realm *url.URL) (*http.Request, error) {
	form := url.Values{
		"grant_type": {"refresh_token"}, "refresh_token": {l.identity}, "client_id": {clientID},
		"service": {l.way.params["service"]}, "scope": {strings.Join(l.scopes, " ")},
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, realm.String(), strings.NewReader(form.Encode()))
	if err == nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	return req, err
}

func (l *login) basicRequest(ctx context.Context, realm *url.URL) (*http.Request, error) {
	u := *realm
	q := u.Query()
	if s := l.way.params["service"]; s != "" {
		q.Set("service", s)
	}
	q["scope"] = l.scopes
	u.RawQuery = q.Encode()
	return http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
}

// ask sends a request to the token server. It repeats the request where the answer is incomplete.
func (l *login) ask(ctx context.Context, request func(context.Context, *url.URL) (*http.Request, error), realm *url.URL) (token, error) {
	client := http.Client{Transport: onlyTo{l.inner, realm, l.cred.Basic()}, CheckRedirect: checkRedirect}
	return whole(ctx, l.policy, realm.Host, func(ctx context.Context) (token, error) {
		req, err := request(ctx, realm)
		if err != nil {
			return token{}, err
		}
		return l.answer(client.Do(req))
	})
}

func (l *login) answer(resp *http.Response, err error) (token, error) {
	var t token
	if err != nil {
		return t, err
	}
	defer resp.Body.Close()
	if err := checkStatus(resp, http.StatusOK); err != nil {
		return t, err
	}
	raw, err := oci.ReadAll(resp.Body, maxToken)
	if err != nil {
		return t, err
	}
	if json.Unmarshal(raw, &t) != nil { // json's error might contain the token
		return t, errors.New("the answer is not JSON")
	}
	if t.Token == "" {
		t.Token = t.AccessToken
	}
	if t.Token == "" || strings.ContainsFunc(t.Token, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
		return t, errors.New("the answer has no token")
	}
	return t, nil
}

// onlyTo adds a header to the requests to one host only.
type onlyTo struct {
	inner  http.RoundTripper
	realm  *url.URL
	header string
}

func (t onlyTo) RoundTrip(req *http.Request) (*http.Response, error) {
	if t.header != "" && req.Method == http.MethodGet && req.URL.Scheme == t.realm.Scheme && req.URL.Host == t.realm.Host {
		req = authorized(req, t.header)
	}
	return t.inner.RoundTrip(req)
}

// checkStatus returns an error where an answer has a status that is not in want. It reads the answer's message as far
// as it can. Where the message is incomplete, the error says so.
func checkStatus(resp *http.Response, want ...int) error {
	if slices.Contains(want, resp.StatusCode) {
		return nil
	}
	body := &forgiving{ReadCloser: resp.Body}
	resp.Body = body
	err := transport.CheckError(resp, want...)
	if errors.Is(body.err, patience.ErrSlow) {
		return fmt.Errorf("%w; %w", err, body.err)
	}
	return err
}

// forgiving ends where its reader fails, and stores the error.
type forgiving struct {
	io.ReadCloser
	err error
}

func (f *forgiving) Read(p []byte) (int, error) {
	n, err := f.ReadCloser.Read(p)
	if err != nil {
		f.err, err = err, io.EOF
	}
	return n, err
}
