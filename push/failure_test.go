package push_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/pyimg/pyimg/internal/imagetest"
	"github.com/pyimg/pyimg/push"
	"github.com/pyimg/pyimg/push/disk"
	"github.com/pyimg/pyimg/push/oci"
)

// lying is a layer whose bytes do not match its digest.
type lying struct {
	v1.Layer
	change func([]byte) []byte
}

func (l lying) Compressed() (io.ReadCloser, error) {
	rc, err := l.Layer.Compressed()
	if err != nil {
		return nil, err
	}
	defer rc.Close()
	b, err := io.ReadAll(rc)
	return io.NopCloser(bytes.NewReader(l.change(b))), err
}

func TestLyingLayer(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func([]byte) []byte{
		"flipped": func(b []byte) []byte { b[len(b)/2] ^= 1; return b },
		"short":   func(b []byte) []byte { return b[:len(b)-1] },
		"long":    func(b []byte) []byte { return append(b, 0) },
		"empty":   func([]byte) []byte { return nil },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t, nil)
			honest := imagetest.Image(t, "amd64", imagetest.Layer(t, 100_000))
			idx := lyingIndex{imagetest.Index(map[string]v1.Image{"amd64": honest}), lyingImage{honest, change}}
			_, err := anonymous().Push(t.Context(), idx, []string{s.host() + "/a:1"}, push.Options{})
			var mismatch *oci.DigestError
			if !errors.As(err, &mismatch) {
				t.Errorf("Push = %v, want a DigestError", err)
			}
			if log := s.log(); count(log, "PUT 1")+count(log, "PUT sha256") != 0 {
				t.Errorf("manifests were pushed: %q", log)
			}
			if err := disk.WriteLayout(t.Context(), t.TempDir(), "", idx); !errors.As(err, &mismatch) {
				t.Errorf("WriteLayout = %v, want a DigestError", err)
			}
		})
	}
}

type lyingImage struct {
	v1.Image
	change func([]byte) []byte
}

func (i lyingImage) LayerByDigest(h v1.Hash) (v1.Layer, error) {
	l, err := i.Image.LayerByDigest(h)
	return lying{l, i.change}, err
}

// lyingIndex returns another image than it lists.
type lyingIndex struct {
	view
	image v1.Image
}

type view = v1.ImageIndex // an alias, because v1.ImageIndex has a method ImageIndex

func (i lyingIndex) Image(v1.Hash) (v1.Image, error) { return i.image, nil }

func TestLyingManifest(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil)
	honest, other := imagetest.Image(t, "amd64", imagetest.Layer(t, 10)), imagetest.Image(t, "amd64", imagetest.Layer(t, 20))
	idx := lyingIndex{imagetest.Index(map[string]v1.Image{"amd64": honest}), other}
	_, err := anonymous().Push(t.Context(), idx, []string{s.host() + "/a:1"}, push.Options{})
	var mismatch *oci.DigestError
	if !errors.As(err, &mismatch) {
		t.Errorf("Push = %v, want a DigestError", err)
	}
}

func TestRegistryStoresOtherBytes(t *testing.T) {
	t.Parallel()
	s := newServer(t, func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodPut || !strings.Contains(r.URL.Path, "/manifests/") {
			return false
		}
		w.Header().Set("Docker-Content-Digest", "sha256:"+strings.Repeat("1", 64))
		w.WriteHeader(http.StatusCreated)
		return true
	})
	_, err := anonymous().Push(t.Context(), imagetest.Sample(t), []string{s.host() + "/a:1"}, push.Options{})
	if err == nil || count(s.log(), "PUT 1") != 0 {
		t.Errorf("Push = %v, want an error before the tag", err)
	}
}

// TestCancel cancels a push that waits: for the registry, for a retry, and for a layer whose reader blocks. Without the cancel the push
// would end after 30 seconds at the earliest.
func TestCancel(t *testing.T) {
	t.Parallel()
	hang := make(chan struct{})
	t.Cleanup(func() { close(hang) })
	img := imagetest.Image(t, "amd64", imagetest.Layer(t, 100))
	for _, tt := range []struct {
		name   string
		idx    v1.ImageIndex
		answer func(w http.ResponseWriter, r *http.Request) bool
	}{
		{"registry hangs", imagetest.Sample(t), func(_ http.ResponseWriter, r *http.Request) bool {
			if isUpload(r) {
				_, _ = io.Copy(io.Discard, r.Body) // otherwise the server does not notice that the client is gone
				<-r.Context().Done()
			}
			return isUpload(r)
		}},
		{"retry waits", imagetest.Sample(t), func(w http.ResponseWriter, r *http.Request) bool {
			w.Header().Set("Retry-After", "30")
			w.WriteHeader(http.StatusServiceUnavailable)
			return true
		}},
		{"layer hangs", lyingIndex{imagetest.Index(map[string]v1.Image{"amd64": img}), stuckImage{img, hang}}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newServer(t, tt.answer)
			ctx, cancel := context.WithCancel(t.Context())
			var began time.Time
			time.AfterFunc(200*time.Millisecond, func() { began = time.Now(); cancel() })
			_, err := anonymous().Push(ctx, tt.idx, []string{s.host() + "/a:1"}, push.Options{})
			if took := time.Since(began); took > 20*time.Second || !errors.Is(err, context.Canceled) {
				t.Errorf("Push ended %v after the cancel with %v", took, err)
			}
			s.CloseClientConnections()
		})
	}
}

type stuckImage struct {
	v1.Image
	until chan struct{}
}

func (i stuckImage) LayerByDigest(h v1.Hash) (v1.Layer, error) {
	l, err := i.Image.LayerByDigest(h)
	return stuck{l, i.until}, err
}

type stuck struct {
	v1.Layer
	until chan struct{}
}

func (s stuck) Compressed() (io.ReadCloser, error) { return s, nil }
func (s stuck) Read([]byte) (int, error)           { <-s.until; return 0, io.EOF }
func (s stuck) Close() error                       { return nil }
