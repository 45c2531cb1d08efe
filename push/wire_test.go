package push_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"syscall"
	"time"

	"github.com/pyimg/pyimg/internal/fixture"
	"github.com/pyimg/pyimg/push"
)

// host is the address of a wire's registry.
const host = "127.0.0.1:5000"

// A wire passes requests to a handler in this process, and each request takes a fixed time. In a bubble of
// testing/synctest the time is therefore a count of round trips, and waits of minutes cost nothing.
type wire struct {
	handler http.Handler
	trip    time.Duration

	mu   sync.Mutex
	at   int // uploads running now
	most int // the most uploads that ran at once
}

func (w *wire) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.URL.Scheme == "https" {
		return nil, errors.New("http: server gave HTTP response to HTTPS client")
	}
	defer w.count(req)()
	time.Sleep(w.trip)
	in := req.Clone(req.Context())
	in.Host = req.URL.Host
	if in.Body == nil {
		in.Body = http.NoBody
	}
	sent := bodyOf(req)
	answer := make(chan *http.Response, 1)
	go func() {
		answer <- serve(w.handler, in)
	}()
	select {
	case resp := <-answer:
		_ = sent.Close()
		if resp == nil {
			return nil, syscall.ECONNRESET
		}
		resp.Request = req
		return resp, nil
	case <-req.Context().Done():
		_ = sent.Close()
		return nil, context.Cause(req.Context())
	}
}

func bodyOf(req *http.Request) io.Closer {
	if req.Body == nil {
		return http.NoBody
	}
	return req.Body
}

func (w *wire) count(req *http.Request) func() {
	if !isUpload(req) && req.Method != http.MethodPatch {
		return func() {}
	}
	add := func(n int) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.at += n
		w.most = max(w.most, w.at)
	}
	add(1)
	return func() { add(-1) }
}

// serve returns the handler's answer. It returns nil where the handler broke off before the first byte. Where it broke
// off later, the answer is incomplete, too.
func serve(h http.Handler, req *http.Request) (resp *http.Response) {
	rec := httptest.NewRecorder()
	defer func() {
		if recover() == nil {
			return
		}
		if resp = nil; rec.Body.Len() > 0 {
			resp = rec.Result()
			resp.Body = io.NopCloser(io.MultiReader(bytes.NewReader(rec.Body.Bytes()), broken{}))
		}
	}()
	h.ServeHTTP(rec, req)
	resp = rec.Result()
	if req.Method == http.MethodHead {
		resp.Body = http.NoBody
	}
	return resp
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// clientOver returns a registry client over a wire, with the waits of real use.
func clientOver(w *wire) push.Registry {
	r := anonymous()
	r.Backoff, r.Transport = 0, w
	return r
}

// withPassword returns such a client with a password for the registry.
func withPassword(w *wire) push.Registry {
	r := clientOver(w)
	r.Keychain = login(host)
	return r
}

// guardedRegistry returns a registry that requires tokens.
func guardedRegistry() *fixture.Registry {
	reg := fixture.NewRegistry()
	reg.Tokens = &fixture.Tokens{User: "me", Password: password}
	return reg
}
