package push_test

import (
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/registry"

	"github.com/pyimg/pyimg/push"
	"github.com/pyimg/pyimg/push/remote"
)

// A server is a registry on loopback that remembers what it was asked and can be told to answer otherwise.
type server struct {
	*httptest.Server

	mu       sync.Mutex
	requests []*http.Request // without bodies
	uploads  int             // under way
	peak     int             // most uploads under way at once

	// answer may answer in the registry's place; it then says true.
	answer func(w http.ResponseWriter, r *http.Request) bool
}

func newServer(t *testing.T, answer func(w http.ResponseWriter, r *http.Request) bool) *server {
	t.Helper()
	s := &server{answer: answer}
	inner := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.note(r, 1)
		defer s.note(r, -1)
		if s.answer != nil && s.answer(w, r) {
			return
		}
		inner.ServeHTTP(w, r)
	}))
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // of TLS handshakes, which a client tries first
	s.Start()
	t.Cleanup(s.Close)
	return s
}

func (s *server) note(r *http.Request, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n > 0 {
		s.requests = append(s.requests, r.Clone(r.Context()))
	}
	if isUpload(r) {
		s.uploads += n
		s.peak = max(s.peak, s.uploads)
	}
}

func isUpload(r *http.Request) bool {
	return r.Method == http.MethodPut && strings.Contains(r.URL.Path, "/blobs/uploads/")
}

func (s *server) host() string { return strings.TrimPrefix(s.URL, "http://") }

// log lists "METHOD what" of the requests since the last call: blob, upload, or the manifest's tag or digest.
func (s *server) log() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []string
	for _, r := range s.requests {
		what := r.URL.Path
		switch {
		case strings.Contains(what, "/blobs/uploads/"):
			what = "upload"
		case strings.Contains(what, "/blobs/"):
			what = "blob"
		case strings.Contains(what, "/manifests/"):
			_, what, _ = strings.Cut(what, "/manifests/")
		}
		out = append(out, r.Method+" "+what)
	}
	s.requests = nil
	return out
}

// count is how many of the lines begin so.
func count(lines []string, prefix string) int {
	n := 0
	for _, l := range lines {
		if strings.HasPrefix(l, prefix) {
			n++
		}
	}
	return n
}

// anonymous knows nothing of the machine that the test runs on, and is quick to give up.
func anonymous() push.Registry {
	return push.Registry{Client: remote.Client{Keychain: authn.NewMultiKeychain(), Backoff: time.Millisecond}}
}
