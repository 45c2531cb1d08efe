package push_test

import (
	"bytes"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/pyimg/pyimg/push"
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
	return push.Registry{Keychain: authn.NewMultiKeychain(), Backoff: time.Millisecond}
}

// layer makes a layer of random bytes, compressed once and not at each read.
func layer(t *testing.T, size int64) v1.Layer {
	t.Helper()
	l, err := random.Layer(size, types.OCILayer)
	if err != nil {
		t.Fatal(err)
	}
	r, err := l.Compressed()
	if err != nil {
		t.Fatal(err)
	}
	content, err := io.ReadAll(r)
	if err := errors.Join(err, r.Close()); err != nil {
		t.Fatal(err)
	}
	open := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(content)), nil }
	if l, err = tarball.LayerFromOpener(open, tarball.WithMediaType(types.OCILayer)); err != nil {
		t.Fatal(err)
	}
	return l
}

// image makes an image for linux on arch.
func image(t *testing.T, arch string, layers ...v1.Layer) v1.Image {
	t.Helper()
	img, err := mutate.ConfigFile(mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON),
		&v1.ConfigFile{OS: "linux", Architecture: arch, Config: v1.Config{Cmd: []string{"/hello"}}, RootFS: v1.RootFS{Type: "layers"}})
	if err != nil {
		t.Fatal(err)
	}
	if img, err = mutate.AppendLayers(img, layers...); err != nil {
		t.Fatal(err)
	}
	return img
}

func index(images map[string]v1.Image) v1.ImageIndex {
	idx := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	arches := make([]string, 0, len(images))
	for arch := range images {
		arches = append(arches, arch)
	}
	slices.Sort(arches)
	for _, arch := range arches {
		idx = mutate.AppendManifests(idx, mutate.IndexAddendum{Add: images[arch], Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: arch}}})
	}
	return idx
}

// sample is an index of two platforms with two layers each, of which they share one.
func sample(t *testing.T) v1.ImageIndex {
	t.Helper()
	shared := layer(t, 3000)
	return index(map[string]v1.Image{
		"amd64": image(t, "amd64", shared, layer(t, 2000)),
		"arm64": image(t, "arm64", shared, layer(t, 1000)),
	})
}

func digest(t *testing.T, d interface{ Digest() (v1.Hash, error) }) string {
	t.Helper()
	h, err := d.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return h.String()
}

func emptyImage() v1.Image { return empty.Image }

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}
