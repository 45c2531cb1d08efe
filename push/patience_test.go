package push_test

import (
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/pyimg/pyimg/internal/fixture"
	"github.com/pyimg/pyimg/internal/patience"
	"github.com/pyimg/pyimg/push"
	"github.com/pyimg/pyimg/push/remote"
)

// faulty is a wire that passes some requests to fault.
type faulty struct {
	wire
	fault func(*http.Request) (*http.Response, error) // nil, nil means that the wire answers
}

func (f *faulty) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.URL.Scheme != "https" {
		if resp, err := f.fault(req); resp != nil || err != nil {
			return resp, err
		}
	}
	return f.wire.RoundTrip(req)
}

// at applies a fault to the requests whose path contains a text.
func at(path string, fault func(*http.Request) (*http.Response, error)) func(*http.Request) (*http.Response, error) {
	return func(req *http.Request) (*http.Response, error) {
		if strings.Contains(req.URL.Path, path) {
			return fault(req)
		}
		return nil, nil
	}
}

func refuse(*http.Request) (*http.Response, error) {
	return nil, &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}
}

func hang(req *http.Request) (*http.Response, error) {
	<-req.Context().Done()
	return nil, req.Context().Err()
}

func busy(req *http.Request) (*http.Response, error) {
	rec := httptest.NewRecorder()
	rec.WriteHeader(http.StatusBadGateway)
	resp := rec.Result()
	resp.Request = req
	return resp, nil
}

// trickle answers with a byte a second, without end.
func trickle(req *http.Request) (*http.Response, error) {
	resp := &http.Response{StatusCode: http.StatusOK, Request: req, ContentLength: -1, Header: http.Header{
		"Content-Type": {"application/vnd.oci.image.index.v1+json"},
	}, Body: io.NopCloser(trickling{req})}
	return resp, nil
}

// trickleFault answers as trickle does, with an error's status.
func trickleFault(req *http.Request) (*http.Response, error) {
	resp, err := trickle(req)
	resp.StatusCode = http.StatusBadGateway
	return resp, err
}

type trickling struct{ req *http.Request }

func (t trickling) Read(p []byte) (int, error) {
	select {
	case <-time.After(time.Second):
		p[0] = ' '
		return 1, nil
	case <-t.req.Context().Done():
		return 0, t.req.Context().Err()
	}
}

// TestWaitingEnds measures, in fake time, how long it takes until reading an image fails.
func TestWaitingEnds(t *testing.T) {
	t.Parallel()
	idx := images(t, 1)
	for what, fault := range map[string]func(*http.Request) (*http.Response, error){
		"is refused": refuse, "is busy": busy, "hangs": hang, "trickles": trickle, "trickles its error": trickleFault,
	} {
		for where, path := range map[string]string{"greeting": "/v2/", "token": "/token", "manifest": "/manifests/", "config or layer": "/blobs/"} {
			if what == "trickles" && where == "greeting" {
				continue // this answer is not read
			}
			t.Run(where+" "+what, func(t *testing.T) {
				t.Parallel()
				bubble(t, func(t *testing.T) {
					reg := guardedRegistry()
					push1(t, withPassword(&wire{handler: reg}), idx, host+"/a:1")
					w := &faulty{wire: wire{handler: reg}, fault: at(path, fault)}
					client := withPassword(&w.wire)
					client.Transport = w
					began := time.Now()
					err := readAll(t, client, host+"/a:1")
					var pe *remote.Error
					if took := time.Since(began); took > 17*time.Second || !errors.As(err, &pe) || pe.Unauthorized() {
						t.Errorf("ends after %v with %v, want an Error within 17 s", took, err)
					}
					if where == "token" && !strings.Contains(err.Error(), "token server") {
						t.Errorf("error %q does not name the token server", err)
					}
				})
			})
		}
	}
}

// TestTricklingAnswersToAnUpload: the bodies of answers to an upload are not needed, so they must not delay it.
func TestTricklingAnswersToAnUpload(t *testing.T) {
	t.Parallel()
	idx := images(t, 1)
	for what, status := range map[string]int{"accepted": http.StatusAccepted, "failed": http.StatusInternalServerError} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			bubble(t, func(t *testing.T) {
				reg := guardedRegistry()
				w := &faulty{wire: wire{handler: reg}, fault: at("/blobs/uploads/", func(req *http.Request) (*http.Response, error) {
					resp, err := trickle(req)
					resp.StatusCode = status
					resp.Header.Set("Location", "/v2/a/blobs/uploads/1")
					return resp, err
				})}
				client := withPassword(&w.wire)
				client.Transport = w
				began := time.Now()
				_, err := client.Push(t.Context(), idx, []string{host + "/a:1"}, push.Options{})
				if took := time.Since(began); took > 17*time.Second || !errors.Is(err, patience.ErrSlow) {
					t.Errorf("ends after %v with %v, want ErrSlow within 17 s", took, err)
				}
			})
		})
	}
}

// readAll reads an image's manifests, configs and layers.
func readAll(t *testing.T, client push.Registry, ref string) error {
	t.Helper()
	idx, err := client.Get(t.Context(), ref)
	if err != nil {
		return err
	}
	im, err := idx.IndexManifest()
	if err != nil {
		return err
	}
	img, err := idx.Image(im.Manifests[0].Digest)
	if err != nil {
		return err
	}
	if _, err := img.RawConfigFile(); err != nil {
		return err
	}
	ls, err := img.Layers()
	if err != nil {
		return err
	}
	return readLayer(ls[0])
}

func readLayer(l v1.Layer) error {
	rc, err := l.Compressed()
	if err != nil {
		return err
	}
	defer rc.Close()
	_, err = io.Copy(io.Discard, rc)
	return err
}

// TestPushWaitsEnd: a push ends where its registry disappears in the middle.
func TestPushWaitsEnd(t *testing.T) {
	t.Parallel()
	idx := images(t, 3)
	for what, fault := range map[string]func(*http.Request) (*http.Response, error){"is refused": refuse, "is busy": busy} {
		for _, path := range []string{"/v2/", "/token", "/blobs/uploads/", "/manifests/"} {
			t.Run(path+" "+what, func(t *testing.T) {
				t.Parallel()
				bubble(t, func(t *testing.T) {
					w := &faulty{wire: wire{handler: guardedRegistry()}, fault: at(path, fault)}
					client := withPassword(&w.wire)
					client.Transport = w
					began := time.Now()
					_, err := client.Push(t.Context(), idx, []string{host + "/a:1"}, push.Options{})
					if took := time.Since(began); err == nil || took > 16*time.Second {
						t.Errorf("ends after %v with %v, want an error within 16 s", took, err)
					}
				})
			})
		}
	}
}

// TestNotice: Notice is called at the first failure that is tried again.
func TestNotice(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		w := &faulty{wire: wire{handler: fixture.NewRegistry()}, fault: at("/v2/", refuse)}
		client := clientOver(&w.wire)
		client.Transport = w
		began := time.Now()
		var mu sync.Mutex
		var said []string
		client.Notice = func(host string, cause error, _ time.Duration) {
			mu.Lock()
			defer mu.Unlock()
			said = append(said, fmt.Sprintf("%s: %v after %v", host, cause, time.Since(began)))
		}
		if _, err := client.Get(t.Context(), host+"/a:1"); err == nil {
			t.Fatal("Get found a registry")
		}
		if len(said) != 1 || !strings.HasPrefix(said[0], host+": ") || !strings.HasSuffix(said[0], "connection refused after 0s") {
			t.Errorf("said %q, want the refused connection once, at once", said)
		}
	})
}

// TestUntrustedCertificate: an untrusted certificate ends the push at the first request, and the error says what to do.
func TestUntrustedCertificate(t *testing.T) {
	t.Parallel()
	s := httptest.NewUnstartedServer(http.NotFoundHandler())
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	var mu sync.Mutex
	connections := 0
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		mu.Lock()
		defer mu.Unlock()
		if state == http.StateNew {
			connections++
		}
	}
	s.StartTLS()
	t.Cleanup(s.Close)
	_, err := anonymous().Get(t.Context(), strings.TrimPrefix(s.URL, "https://")+"/a:1")
	if err == nil || !strings.Contains(err.Error(), "certificate") || !strings.Contains(err.Error(), "--ca-file") {
		t.Errorf("Get = %v, want an error of the certificate that names --ca-file", err)
	}
	mu.Lock()
	defer mu.Unlock()
	if connections != 1 {
		t.Errorf("%d connections, want 1", connections)
	}
}
