package push_test

import (
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/pyimg/pyimg/internal/imagetest"
	"github.com/pyimg/pyimg/push"
	"github.com/pyimg/pyimg/push/oci"
)

// TestAttachmentsShareBlobs: what the artifacts of several images have in common is sent once, and never while a manifest that names
// it is sent.
func TestAttachmentsShareBlobs(t *testing.T) {
	t.Parallel()
	idx := imagetest.Sample(t)
	root, err := oci.Root(idx)
	if err != nil {
		t.Fatal(err)
	}
	m, err := idx.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	artifact := push.Artifact{Type: "application/spdx+json", Files: []push.File{{Name: "a", Open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader("document")), nil }}}}
	to := map[v1.Hash][]push.Artifact{root.Digest: {artifact, artifact}}
	for _, d := range m.Manifests {
		to[d.Digest] = []push.Artifact{artifact}
	}
	uploads := func(attach bool) int64 {
		var n atomic.Int64
		next := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPost {
				n.Add(1)
			}
			next.ServeHTTP(w, r)
		}))
		defer server.Close()
		ref := strings.TrimPrefix(server.URL, "http://") + "/app:1"
		s, err := push.Registry{}.Begin(t.Context(), []string{ref}, push.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if attach {
			s.Attach(func() (push.Attachments, error) { return push.Attachments{To: to, Required: true}, nil })
		}
		if _, err := s.Push(t.Context(), idx); err != nil {
			t.Fatal(err)
		}
		return n.Load()
	}
	if with, without := uploads(true), uploads(false); with != without+2 {
		t.Errorf("%d uploads with artifacts, %d without; want 2 more: the empty config and the file", with, without)
	}
}
