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

// A server is a registry on loopback that records its requests. A test can replace its answers.
type server struct {
	*httptest.Server

	mu       sync.Mutex
	requests []*http.Request // without bodies
	uploads  int             // running now
	peak     int             // the most uploads that ran at once

	atOnce bool // it takes a blob with the request that begins its upload

	// answer may answer in place of the registry. It then returns true.
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
		if q := r.URL.Query(); r.Method == http.MethodPost && q.Has("digest") && !s.atOnce {
			q.Del("digest")
			r.URL.RawQuery = q.Encode()
		}
		inner.ServeHTTP(w, r)
	}))
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // hides errors of TLS handshakes: clients try https first
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

// log lists "METHOD what" for the requests since the last call. what is "blob", "upload", or the manifest's tag or
// digest.
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

// count returns how many lines begin with prefix.
func count(lines []string, prefix string) int {
	n := 0
	for _, l := range lines {
		if strings.HasPrefix(l, prefix) {
			n++
		}
	}
	return n
}

// anonymous returns a client that uses no credentials of this machine and gives up soon.
func anonymous() push.Registry {
	return push.Registry{Client: remote.Client{Keychain: authn.NewMultiKeychain(), Backoff: time.Millisecond}}
}
