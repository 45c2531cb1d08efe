package push_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/validate"

	"github.com/pyimg/pyimg/internal/imagetest"
	"github.com/pyimg/pyimg/push"
	"github.com/pyimg/pyimg/push/oci"
	"github.com/pyimg/pyimg/push/remote"
)

func TestPushOrder(t *testing.T) {
	t.Parallel()
	s, idx := newServer(t, nil), imagetest.Sample(t)
	refs := []string{s.host() + "/a/b:one", s.host() + "/a/b:two"}
	res, err := anonymous().Push(t.Context(), idx, refs, push.Options{})
	if err != nil {
		t.Fatal(err)
	}
	log := s.log()
	root := imagetest.Digest(t, idx)
	firstTag := slices.Index(log, "PUT one")
	for i, line := range log {
		switch {
		case line == "PUT one" || line == "PUT two":
		case strings.HasPrefix(line, "PUT ") && i > firstTag:
			t.Errorf("%s after the first tag", line)
		case line == "PUT upload" && slices.ContainsFunc(log[:i], func(l string) bool { return strings.HasPrefix(l, "PUT sha256:") }):
			t.Errorf("blob uploaded after a manifest")
		}
	}
	if got := count(log, "PUT sha256:"); got != 2 {
		t.Errorf("%d manifests pushed by digest, want those of the platforms: the index goes straight under its tag", got)
	}
	if got := count(log[slices.Index(log, "PUT two"):], "HEAD "); got != 2 {
		t.Errorf("%d tags verified after the push, want 2", got)
	}
	if want := []string{refs[0] + "@" + root, refs[1] + "@" + root}; !slices.Equal(res.Refs, want) {
		t.Errorf("Refs = %q, want %q", res.Refs, want)
	}
}

func TestPushCounts(t *testing.T) {
	t.Parallel()
	s, idx := newServer(t, nil), imagetest.Sample(t)
	first, err := anonymous().Push(t.Context(), idx, []string{s.host() + "/a:1"}, push.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if log := s.log(); first.BlobsSent != 5 || count(log, "PUT upload") != 5 || int(first.Requests) != len(log) {
		t.Errorf("sent %d blobs in %d requests, the server saw %d in %d, want 5: 3 layers and 2 configs",
			first.BlobsSent, first.Requests, count(log, "PUT upload"), len(log))
	}
	again, err := anonymous().Push(t.Context(), idx, []string{s.host() + "/a:1"}, push.Options{})
	if log := s.log(); err != nil || again.Requests != 2 || len(log) != 2 {
		t.Errorf("pushing again took %q (%v), want 2 requests", log, err)
	}
	tagged, err := anonymous().Push(t.Context(), idx, []string{s.host() + "/a:2"}, push.Options{})
	if log := s.log(); err != nil || tagged.BlobsSent != 0 || tagged.BlobsPresent != 5 || count(log, "POST") != 0 {
		t.Errorf("a second tag: %+v %q (%v), want no upload and 5 blobs present", tagged, log, err)
	}
	if again.Digest != first.Digest || len(again.Platforms) != 2 || again.Platforms[0].Platform.String() != "linux/amd64" {
		t.Errorf("the result of a no-op is %+v, want what the push gave: %+v", again, first)
	}
}

// opened counts how often a layer is opened and closed.
type opened struct {
	v1.Layer
	opens, closes *atomic.Int32
}

func (o opened) Compressed() (io.ReadCloser, error) {
	rc, err := o.Layer.Compressed()
	o.opens.Add(1)
	return closing{rc, o.closes}, err
}

type closing struct {
	io.ReadCloser
	closes *atomic.Int32
}

func (c closing) Close() error { c.closes.Add(1); return c.ReadCloser.Close() }

func TestLayerOpenedOnlyWhenMissing(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil)
	var opens, closes atomic.Int32
	img := imagetest.Image(t, "amd64", opened{imagetest.Layer(t, 500), &opens, &closes})
	imagetest.Digest(t, img) // the first call reads the layer to compute the digest
	opens.Store(0)
	closes.Store(0)
	for tag := range 3 {
		if _, err := anonymous().Push(t.Context(), imagetest.Index(map[string]v1.Image{"amd64": img}), []string{fmt.Sprintf("%s/a:%d", s.host(), tag)}, push.Options{}); err != nil {
			t.Fatal(err)
		}
	}
	if opens.Load() != 1 || closes.Load() != 1 {
		t.Errorf("three pushes opened the layer %d times and closed it %d times, want once", opens.Load(), closes.Load())
	}
}

func TestOneLimitForAll(t *testing.T) {
	t.Parallel()
	s := newServer(t, func(_ http.ResponseWriter, r *http.Request) bool {
		if isUpload(r) {
			time.Sleep(20 * time.Millisecond)
		}
		return false
	})
	images := map[string]v1.Image{}
	for _, arch := range []string{"amd64", "arm64", "riscv64", "s390x"} {
		images[arch] = imagetest.Image(t, arch, imagetest.Layer(t, 100), imagetest.Layer(t, 200), imagetest.Layer(t, 300), imagetest.Layer(t, 400))
	}
	r := anonymous()
	r.Jobs = 3
	if _, err := r.Push(t.Context(), imagetest.Index(images), []string{s.host() + "/a:1", s.host() + "/b:1"}, push.Options{}); err != nil {
		t.Fatal(err)
	}
	if s.peak != 3 {
		t.Errorf("%d uploads at once, want 3", s.peak)
	}
}

func TestRefsCheckedBeforeAnythingIsSent(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil)
	_, err := anonymous().Push(t.Context(), imagetest.Sample(t), []string{s.host() + "/a:1", "UPPER/case:x", "host/a:b:c"}, push.Options{})
	if err == nil || !strings.Contains(err.Error(), "UPPER/case:x") || !strings.Contains(err.Error(), "host/a:b:c") {
		t.Errorf("Push = %v, want both bad references named", err)
	}
	if log := s.log(); len(log) != 0 {
		t.Errorf("sent %q before all references were checked", log)
	}
}

func TestReferenceWithPasswordIsNotRepeated(t *testing.T) {
	t.Parallel()
	_, err := anonymous().Push(t.Context(), imagetest.Sample(t), []string{"user:hunter2@example.com/a:1"}, push.Options{})
	if err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("Push = %v, want an error without the password", err)
	}
}

func TestPushByDigest(t *testing.T) {
	t.Parallel()
	s, idx := newServer(t, nil), imagetest.Sample(t)
	ref := s.host() + "/a@" + imagetest.Digest(t, idx)
	res, err := anonymous().Push(t.Context(), idx, []string{ref}, push.Options{})
	if err != nil || !slices.Equal(res.Refs, []string{ref}) {
		t.Fatalf("Push = %v, %v", res.Refs, err)
	}
	other := s.host() + "/a@sha256:" + strings.Repeat("0", 64)
	if _, err := anonymous().Push(t.Context(), idx, []string{other}, push.Options{}); err == nil {
		t.Error("pushed under the digest of another image")
	}
}

func TestNoTagMovesOnFailure(t *testing.T) {
	t.Parallel()
	fail := map[string]func(r *http.Request) bool{
		"upload": isUpload,
		"begin":  func(r *http.Request) bool { return r.Method == http.MethodPost },
		"manifest": func(r *http.Request) bool {
			return r.Method == http.MethodPut && strings.Contains(r.URL.Path, "/manifests/sha256:")
		},
	}
	for name, which := range fail {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			good := newServer(t, nil)
			bad := newServer(t, func(w http.ResponseWriter, r *http.Request) bool {
				if which(r) {
					http.Error(w, "no", http.StatusInternalServerError)
				}
				return which(r)
			})
			_, err := anonymous().Push(t.Context(), imagetest.Sample(t), []string{good.host() + "/a:1", bad.host() + "/a:1"}, push.Options{})
			var pe *remote.Error
			if !errors.As(err, &pe) || pe.Status != 500 || pe.Host != bad.host() {
				t.Errorf("Push = %v, want an Error with status 500 of %s", err, bad.host())
			}
			if got := count(append(good.log(), bad.log()...), "PUT 1"); got != 0 {
				t.Errorf("%d tags moved", got)
			}
		})
	}
}

func TestRetries(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		answer func(w http.ResponseWriter)
	}{
		{"500", func(w http.ResponseWriter) { w.WriteHeader(http.StatusInternalServerError) }},
		{"503", func(w http.ResponseWriter) { w.WriteHeader(http.StatusServiceUnavailable) }},
		{"429", func(w http.ResponseWriter) { w.WriteHeader(http.StatusTooManyRequests) }},
		{"reset", func(http.ResponseWriter) { panic(http.ErrAbortHandler) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var mu sync.Mutex
			failed := map[string]bool{}
			// The first try of each request fails; an upload fails after half of its body.
			s := newServer(t, func(w http.ResponseWriter, r *http.Request) bool {
				key := r.Method + r.URL.Path
				if isUpload(r) {
					key = "PUT" + r.URL.Query().Get("digest")
				}
				mu.Lock()
				fail := !failed[key]
				failed[key] = true
				mu.Unlock()
				if !fail {
					return false
				}
				_, _ = io.CopyN(io.Discard, r.Body, r.ContentLength/2)
				tt.answer(w)
				return true
			})
			ref := s.host() + "/a:1"
			if _, err := anonymous().Push(t.Context(), imagetest.Sample(t), []string{ref}, push.Options{}); err != nil {
				t.Fatal(err)
			}
			pullAndValidate(t, ref)
		})
	}
}

func pullAndValidate(t *testing.T, ref string) {
	t.Helper()
	idx, err := anonymous().Get(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Index(idx); err != nil {
		t.Error(err)
	}
}

func TestRetryAfterIsRespected(t *testing.T) {
	t.Parallel()
	var first atomic.Bool
	s := newServer(t, func(w http.ResponseWriter, r *http.Request) bool {
		if !isUpload(r) || !first.CompareAndSwap(false, true) {
			return false
		}
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(http.StatusServiceUnavailable)
		return true
	})
	began := time.Now()
	if _, err := anonymous().Push(t.Context(), imagetest.Sample(t), []string{s.host() + "/a:1"}, push.Options{}); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took < time.Second {
		t.Errorf("took %v, the registry asked for a second", took)
	}
}

func TestSingleImageKeepsItsDigest(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil)
	img := imagetest.Image(t, "arm64", imagetest.Layer(t, 100))
	one, err := oci.Wrap(img)
	if err != nil {
		t.Fatal(err)
	}
	res, err := anonymous().Push(t.Context(), one, []string{s.host() + "/a:1"}, push.Options{})
	if err != nil || res.Digest != imagetest.Digest(t, img) || res.Platforms[0].Platform.String() != "linux/arm64" {
		t.Fatalf("Push = %+v, %v, want the image's own digest %s", res, err, imagetest.Digest(t, img))
	}
	got, err := anonymous().Get(t.Context(), s.host()+"/a:1")
	if err != nil {
		t.Fatal(err)
	}
	if root, err := oci.Root(got); err != nil || root.Digest.String() != imagetest.Digest(t, img) {
		t.Errorf("Get: the root is %v, %v, want the image", root.Digest, err)
	}
	if im, err := got.IndexManifest(); err != nil || len(im.Manifests) != 1 || im.Manifests[0].Platform.String() != "linux/arm64" {
		t.Errorf("Get gives an index of %+v, %v, want one of the image's platform", im, err)
	}
}

func TestNestedIndex(t *testing.T) {
	t.Parallel()
	s, inner := newServer(t, nil), imagetest.Sample(t)
	outer := mutate.AppendManifests(imagetest.Index(nil), mutate.IndexAddendum{Add: inner})
	if _, err := anonymous().Push(t.Context(), outer, []string{s.host() + "/a:1"}, push.Options{}); err != nil {
		t.Fatal(err)
	}
	log := s.log()
	if a, b := slices.Index(log, "PUT "+imagetest.Digest(t, inner)), slices.Index(log, "PUT 1"); a < 0 || b < a {
		t.Errorf("inner index at %d, outer at %d", a, b)
	}
}

// recorder is a Progress.
type recorder struct {
	mu   sync.Mutex
	sums map[string]int64
	done int
}

func (r *recorder) Start(_, name string, _ int64) push.Task { return &recorded{r, name} }

type recorded struct {
	*recorder
	name string
}

func (r *recorded) Add(n int64) { r.mu.Lock(); defer r.mu.Unlock(); r.sums[r.name] += n }
func (r *recorded) Done(error)  { r.mu.Lock(); defer r.mu.Unlock(); r.done++ }

func TestProgressSumsUpAfterRetries(t *testing.T) {
	t.Parallel()
	var first atomic.Bool
	s := newServer(t, func(_ http.ResponseWriter, r *http.Request) bool {
		if isUpload(r) && first.CompareAndSwap(false, true) {
			panic(http.ErrAbortHandler)
		}
		return false
	})
	rec := &recorder{sums: map[string]int64{}}
	res, err := anonymous().Push(t.Context(), imagetest.Sample(t), []string{s.host() + "/a:1"}, push.Options{Progress: rec})
	if err != nil {
		t.Fatal(err)
	}
	var sum int64
	for _, n := range rec.sums {
		sum += n
	}
	if sum != res.BytesSent || rec.done != res.BlobsSent {
		t.Errorf("progress counted %d bytes in %d uploads, the result %d in %d", sum, rec.done, res.BytesSent, res.BlobsSent)
	}
}

func TestErrorNamesWhatWasDone(t *testing.T) {
	t.Parallel()
	s := newServer(t, func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodPost {
			return false
		}
		w.WriteHeader(http.StatusForbidden)
		_, _ = fmt.Fprint(w, `{"errors":[{"code":"DENIED","message":"not\u001b[31m yours"}]}`)
		return true
	})
	_, err := anonymous().Push(t.Context(), imagetest.Sample(t), []string{s.host() + "/a/b:1"}, push.Options{})
	var pe *remote.Error
	if !errors.As(err, &pe) || !pe.Unauthorized() {
		t.Fatalf("Push = %v, want an Error for the lack of rights", err)
	}
	for _, want := range []string{"uploading blob", s.host() + "/a/b", "403 Forbidden", "DENIED", "no credentials for " + s.host()} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error %q does not say %q", err, want)
		}
	}
	if strings.Contains(err.Error(), "\x1b") {
		t.Errorf("error %q holds an escape", err)
	}
}

func TestPlainHTTPIsNotGuessed(t *testing.T) {
	t.Parallel()
	r := anonymous()
	r.Tries = 1
	r.Transport = roundTrip(func(req *http.Request) (*http.Response, error) {
		if req.URL.Scheme == "http" {
			t.Errorf("sent plain http to %s", req.URL)
		}
		return nil, errors.New("nobody there")
	})
	_, err := r.Push(t.Context(), imagetest.Sample(t), []string{"10.1.2.3:5000/a:1"}, push.Options{})
	if err == nil || !strings.Contains(err.Error(), "--insecure") {
		t.Errorf("Push = %v, want an error that names --insecure", err)
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
