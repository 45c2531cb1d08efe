package push_test

import (
	"encoding/pem"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/pyimg/pyimg/internal/fixture"
	"github.com/pyimg/pyimg/internal/imagetest"
	"github.com/pyimg/pyimg/push"
	"github.com/pyimg/pyimg/push/remote"
)

func TestCAFile(t *testing.T) {
	t.Parallel()
	s := httptest.NewUnstartedServer(fixture.NewRegistry())
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	dir := t.TempDir()
	right, wrong := filepath.Join(dir, "ca.pem"), filepath.Join(dir, "wrong.pem")
	cert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	for name, content := range map[string][]byte{right: cert, wrong: []byte("none")} {
		if err := os.WriteFile(name, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	ref := strings.TrimPrefix(s.URL, "https://") + "/a:1"
	for _, tt := range []struct {
		file string
		ok   bool
	}{{right, true}, {"", false}, {wrong, false}, {filepath.Join(dir, "missing"), false}} {
		r := anonymous()
		r.CAFile, r.Tries = tt.file, 1
		if _, err := r.Push(t.Context(), imagetest.Sample(t), []string{ref}, push.Options{}); (err == nil) != tt.ok {
			t.Errorf("with CA file %q: Push = %v", tt.file, err)
		}
		if err := r.CheckRefs([]string{ref}, push.Options{}); (err == nil) != (tt.ok || tt.file == "") {
			t.Errorf("with CA file %q: CheckRefs = %v", tt.file, err)
		}
	}
}

// TestPlainHTTPByHost: plain http that is allowed for one host is not allowed for another.
func TestPlainHTTPByHost(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	plain := map[string]bool{}
	r := anonymous()
	r.Tries, r.InsecureHosts = 1, []string{"one.example:5000"}
	r.Transport = roundTrip(func(req *http.Request) (*http.Response, error) {
		mu.Lock()
		defer mu.Unlock()
		if req.URL.Scheme == "http" {
			plain[req.URL.Host] = true
		}
		return nil, errors.New("nobody there")
	})
	for _, host := range []string{"one.example:5000", "one.example", "two.example:5000"} {
		if _, err := r.Push(t.Context(), imagetest.Sample(t), []string{host + "/a:1"}, push.Options{}); err == nil {
			t.Errorf("pushed to %s", host)
		}
	}
	if len(plain) != 1 || !plain["one.example:5000"] {
		t.Errorf("plain http went to %v, want one.example:5000 alone", plain)
	}
}

// TestTokenServerMustBeBelievable: a registry must not make us send a password to an address of an internal network.
func TestTokenServerMustBeBelievable(t *testing.T) {
	t.Parallel()
	for _, realm := range []string{"http://auth.example/token", "https://169.254.169.254/token", "https://10.0.0.1/token", "ftp://auth.example", "", "https://"} {
		var mu sync.Mutex
		var asked []string
		r := anonymous()
		r.Tries, r.Keychain = 1, login("registry.example")
		r.Transport = roundTrip(func(req *http.Request) (*http.Response, error) {
			mu.Lock()
			defer mu.Unlock()
			asked = append(asked, req.URL.Host)
			rec := httptest.NewRecorder()
			rec.Header().Set("WWW-Authenticate", `Bearer realm="`+realm+`",service="x"`)
			rec.WriteHeader(http.StatusUnauthorized)
			resp := rec.Result()
			resp.Request = req
			return resp, nil
		})
		_, err := r.Push(t.Context(), imagetest.Sample(t), []string{"registry.example/a:1"}, push.Options{})
		if err == nil || len(asked) != 1 || asked[0] != "registry.example" {
			t.Errorf("realm %q: Push = %v, asked %q", realm, err, asked)
		}
	}
}

// TestReadyTellsOfAWrongPassword: Ready returns the error of a wrong password, before the image is made.
func TestReadyTellsOfAWrongPassword(t *testing.T) {
	t.Parallel()
	reg := guardedRegistry()
	reg.Tokens.Password = "another"
	session, err := withPassword(&wire{handler: reg}).Begin(t.Context(), []string{host + "/a:1"}, push.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	var pe *remote.Error
	if err := session.Ready(t.Context()); !errors.As(err, &pe) || !pe.Unauthorized() {
		t.Errorf("Ready = %v, want an authentication error", err)
	}
}
