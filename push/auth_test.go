package push_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-containerregistry/pkg/authn"

	"github.com/pyimg/pyimg/internal/imagetest"
	"github.com/pyimg/pyimg/push"
	"github.com/pyimg/pyimg/push/auth"
	"github.com/pyimg/pyimg/push/remote"
)

const password = "correct-horse"

// login returns a keychain with one password for one host.
func login(host string) authn.Keychain {
	content := fmt.Sprintf(`{"auths":{%q:{"auth":%q}}}`, host, base64.StdEncoding.EncodeToString([]byte("me:"+password)))
	return auth.Keychain(func(key string) string { return map[string]string{"DOCKER_AUTH_CONFIG": content}[key] })
}

// basic requires the password.
func basic(w http.ResponseWriter, r *http.Request) bool {
	if _, p, ok := r.BasicAuth(); ok && p == password {
		return false
	}
	w.Header().Set("WWW-Authenticate", `Basic realm="x"`)
	w.WriteHeader(http.StatusUnauthorized)
	return true
}

func TestBasicAuth(t *testing.T) {
	t.Parallel()
	s := newServer(t, basic)
	r := anonymous()
	r.Keychain = login(s.host())
	if _, err := r.Push(t.Context(), imagetest.Sample(t), []string{s.host() + "/a:1"}, push.Options{}); err != nil {
		t.Error(err)
	}
}

func TestRefusedCredentialsNameTheirSource(t *testing.T) {
	t.Parallel()
	s := newServer(t, func(w http.ResponseWriter, r *http.Request) bool {
		w.Header().Set("WWW-Authenticate", `Basic realm="x"`)
		w.WriteHeader(http.StatusUnauthorized)
		fmt.Fprintf(w, `{"errors":[{"code":"UNAUTHORIZED","message":"bad: %s %s"}]}`, password, r.Header.Get("Authorization"))
		return true
	})
	r := anonymous()
	r.Keychain = login(s.host())
	_, err := r.Push(t.Context(), imagetest.Sample(t), []string{s.host() + "/a:1"}, push.Options{})
	var pe *remote.Error
	if !errors.As(err, &pe) || !pe.Unauthorized() || pe.Credentials != "DOCKER_AUTH_CONFIG" {
		t.Fatalf("Push = %v, want one that says DOCKER_AUTH_CONFIG was refused", err)
	}
	for _, secret := range []string{password, base64.StdEncoding.EncodeToString([]byte("me:" + password))} {
		if strings.Contains(err.Error(), secret) {
			t.Errorf("error %q repeats a secret that the registry echoed", err)
		}
	}
}

// TestEchoedTokenIsNotRepeated has a registry whose answer repeats the token that it received.
func TestEchoedTokenIsNotRepeated(t *testing.T) {
	t.Parallel()
	ts := &tokens{each: 1000}
	s := newServer(t, func(w http.ResponseWriter, r *http.Request) bool {
		if ts.answer(w, r) || r.Method != http.MethodPost {
			return r.URL.Path == "/token" || r.Header.Get("Authorization") == ""
		}
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprintf(w, `{"errors":[{"code":"DENIED","message":"to %s"}]}`, r.Header.Get("Authorization"))
		return true
	})
	r := anonymous()
	r.Keychain = login(s.host())
	_, err := r.Push(t.Context(), imagetest.Sample(t), []string{s.host() + "/a:1"}, push.Options{})
	if err == nil || !strings.Contains(err.Error(), "to Bearer [redacted]") {
		t.Errorf("Push = %v, want the token redacted", err)
	}
}

// tokens is a registry with its own token server. A token can be used for a number of requests.
type tokens struct {
	mu     sync.Mutex
	issued int
	left   int
	each   int
}

func (s *tokens) answer(w http.ResponseWriter, r *http.Request) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.URL.Path == "/token" {
		s.issued++
		s.left = s.each
		fmt.Fprintf(w, `{"token":"token%d"}`, s.issued)
		return true
	}
	if r.Header.Get("Authorization") == fmt.Sprintf("Bearer token%d", s.issued) && s.left > 0 {
		s.left--
		return false
	}
	w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer realm="http://%s/token",service="x"`, r.Host))
	w.WriteHeader(http.StatusUnauthorized)
	return true
}

func TestTokenRunsOutDuringThePush(t *testing.T) {
	t.Parallel()
	for _, each := range []int{3, 4, 5, 1000} { // with each number the token is used up at another request: before a POST, before a PUT
		for _, atOnce := range []bool{false, true} {
			ts := &tokens{each: each}
			s := newServer(t, ts.answer)
			s.atOnce = atOnce
			r := anonymous()
			r.Keychain, r.Jobs = login(s.host()), 1
			if _, err := r.Push(t.Context(), imagetest.Sample(t), []string{s.host() + "/a:1"}, push.Options{}); err != nil {
				t.Errorf("with %d requests a token, at once %t: %v", each, atOnce, err)
			}
		}
	}
}

func TestNoOpWithTokenTakesFourRequestsAtMost(t *testing.T) {
	t.Parallel()
	s, idx := newServer(t, (&tokens{each: 1000}).answer), imagetest.Sample(t)
	r := anonymous()
	r.Keychain = login(s.host())
	for range 2 {
		s.log()
		if _, err := r.Push(t.Context(), idx, []string{s.host() + "/a:1"}, push.Options{}); err != nil {
			t.Fatal(err)
		}
	}
	if log := s.log(); len(log) > 4 {
		t.Errorf("a no-op took %q", log)
	}
}

// thief records all Authorization headers and form fields that it receives.
type thief struct {
	*httptest.Server
	got   atomic.Pointer[string]
	calls atomic.Int32
}

func newThief(t *testing.T) *thief {
	t.Helper()
	th := &thief{}
	th.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		th.calls.Add(1)
		_ = r.ParseForm()
		if got := r.Header.Get("Authorization") + r.Header.Get("Cookie") + r.PostForm.Encode(); got != "" {
			th.got.Store(&got)
		}
		w.Header().Set("WWW-Authenticate", `Basic realm="give"`)
		w.WriteHeader(http.StatusUnauthorized)
	}))
	t.Cleanup(th.Close)
	return th
}

// TestCredentialsStayWithTheirHost has a registry that received the password and then redirects us to another host, at
// each kind of request.
func TestCredentialsStayWithTheirHost(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string // a name with "may" is a request that may follow the redirect, without credentials
		which func(*http.Request) bool
		code  int
	}{
		{"may ping", func(r *http.Request) bool { return r.URL.Path == "/v2/" }, http.StatusTemporaryRedirect},
		{"may head manifest", func(r *http.Request) bool {
			return r.Method == http.MethodHead && strings.Contains(r.URL.Path, "/manifests/")
		}, http.StatusTemporaryRedirect},
		{"may head blob", func(r *http.Request) bool {
			return r.Method == http.MethodHead && strings.Contains(r.URL.Path, "/blobs/")
		}, http.StatusFound},
		{"begin", func(r *http.Request) bool { return r.Method == http.MethodPost }, http.StatusTemporaryRedirect},
		{"location", func(r *http.Request) bool { return r.Method == http.MethodPost }, http.StatusAccepted},
		{"upload", isUpload, http.StatusTemporaryRedirect},
		{"manifest", func(r *http.Request) bool {
			return r.Method == http.MethodPut && strings.Contains(r.URL.Path, "/manifests/")
		}, http.StatusPermanentRedirect},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			th := newThief(t)
			s := newServer(t, func(w http.ResponseWriter, r *http.Request) bool {
				if !tt.which(r) {
					return basic(w, r)
				}
				w.Header().Set("Location", th.URL+"/v2/stolen")
				w.WriteHeader(tt.code)
				return true
			})
			r := anonymous()
			r.Keychain, r.Tries = login(s.host()), 2
			_, err := r.Push(t.Context(), imagetest.Sample(t), []string{s.host() + "/a:1"}, push.Options{})
			if strings.HasPrefix(tt.name, "may") != (err == nil) {
				t.Errorf("Push = %v", err)
			}
			if got := th.got.Load(); got != nil {
				t.Errorf("the other host was sent %q", *got)
			}
			if err != nil && strings.Contains(err.Error(), password) {
				t.Errorf("error %q holds the password", err)
			}
		})
	}
}

// TestIdentityTokenStaysWithItsTokenServer: the token server redirects the form that holds the identity token.
func TestIdentityTokenStaysWithItsTokenServer(t *testing.T) {
	t.Parallel()
	th := newThief(t)
	s := newServer(t, func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/token" {
			http.Redirect(w, r, th.URL, http.StatusTemporaryRedirect)
			return true
		}
		w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer realm="http://%s/token",service="x"`, r.Host))
		w.WriteHeader(http.StatusUnauthorized)
		return true
	})
	r := anonymous()
	content := fmt.Sprintf(`{"auths":{%q:{"identitytoken":%q}}}`, s.host(), password)
	r.Keychain = auth.Keychain(func(key string) string { return map[string]string{"DOCKER_AUTH_CONFIG": content}[key] })
	_, err := r.Push(t.Context(), imagetest.Sample(t), []string{s.host() + "/a:1"}, push.Options{})
	if err == nil || th.calls.Load() != 0 || strings.Contains(err.Error(), password) {
		t.Errorf("Push = %v; the other host saw %d requests", err, th.calls.Load())
	}
}

// TestNoDowngrade has a registry behind TLS that redirects to plain http, on its own host and on another one.
func TestNoDowngrade(t *testing.T) {
	t.Parallel()
	th := newThief(t)
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, th.URL+r.URL.Path, http.StatusTemporaryRedirect)
	}))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	host := strings.TrimPrefix(s.URL, "https://")
	for _, insecure := range []bool{false, true} {
		r := anonymous()
		r.Keychain, r.Transport, r.Tries, r.Insecure = login(host), s.Client().Transport, 1, insecure
		_, err := r.Push(t.Context(), imagetest.Sample(t), []string{host + "/a:1"}, push.Options{})
		if err == nil || th.calls.Load() != 0 {
			t.Errorf("insecure %t: Push = %v; plain http saw %d requests", insecure, err, th.calls.Load())
		}
	}
}

func TestBrokenAuthFileIsAnAuthError(t *testing.T) {
	t.Parallel()
	r := push.Registry{Client: remote.Client{Keychain: auth.Keychain(func(k string) string { return map[string]string{"DOCKER_AUTH_CONFIG": "{"}[k] })}}
	_, err := r.Push(t.Context(), imagetest.Sample(t), []string{"127.0.0.1:1/a:1"}, push.Options{})
	var pe *remote.Error
	if !errors.As(err, &pe) || !pe.Unauthorized() || !strings.Contains(err.Error(), "DOCKER_AUTH_CONFIG") {
		t.Errorf("Push = %v, want an authentication error that names DOCKER_AUTH_CONFIG", err)
	}
}
