package serve_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/pyimg/pyimg/internal/serve"
)

type content struct{ *strings.Reader }

func (content) Close() error { return nil }

const sum = "0123456789abcdef"

// find finds "a/b", the root, and a file that cannot be opened.
func find(path string) (serve.File, error) {
	open := func(text string) func(context.Context) (io.ReadSeekCloser, error) {
		return func(context.Context) (io.ReadSeekCloser, error) { return content{strings.NewReader(text)}, nil }
	}
	switch path {
	case "":
		return serve.File{Type: "text/plain", Open: open("root")}, nil
	case "a/b":
		return serve.File{SHA256: sum, Open: open("0123456789")}, nil
	case "broken":
		return serve.File{Open: func(context.Context) (io.ReadSeekCloser, error) { return nil, errors.New("the disk is broken") }}, nil
	}
	return serve.File{}, fmt.Errorf("there is no such file: %w", fs.ErrNotExist)
}

func TestFiles(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, method, path string
		header             map[string]string
		status             int
		body               string
		want               map[string]string
	}{
		{name: "a file", path: "/a/b", status: 200, body: "0123456789", want: map[string]string{
			"ETag": `"` + sum + `"`, "Content-Type": "application/octet-stream", "X-Content-Type-Options": "nosniff", "Content-Length": "10"}},
		{name: "head", method: "HEAD", path: "/a/b", status: 200, want: map[string]string{"Content-Length": "10"}},
		{name: "a range", path: "/a/b", header: map[string]string{"Range": "bytes=2-4"}, status: 206, body: "234"},
		{name: "a range beyond it", path: "/a/b", header: map[string]string{"Range": "bytes=20-"}, status: 416, body: "invalid range: failed to overlap\n"},
		{name: "known already", path: "/a/b", header: map[string]string{"If-None-Match": `"` + sum + `"`}, status: 304},
		{name: "the range of another file", path: "/a/b", header: map[string]string{"Range": "bytes=2-4", "If-Range": `"other"`}, status: 200, body: "0123456789"},
		{name: "the root", path: "/", status: 200, body: "root", want: map[string]string{"Content-Type": "text/plain"}},
		{name: "missing", path: "/c", status: 404, body: "there is no such file\n"},
		{name: "broken", path: "/broken", status: 500, body: "the disk is broken\n"},
		{name: "post", method: "POST", path: "/a/b", status: 405, body: "only GET and HEAD are allowed here\n", want: map[string]string{"Allow": "GET, HEAD"}},
		{name: "a folder above", path: "/a/../a/b", status: 404, body: "the path is not valid\n"},
		{name: "a folder above, escaped", path: "/a/%2e%2e/a/b", status: 404, body: "the path is not valid\n"},
		{name: "two slashes", path: "//a/b", status: 404, body: "the path is not valid\n"},
		{name: "a slash at the end", path: "/a/b/", status: 404, body: "the path is not valid\n"},
		{name: "a dot", path: "/.", status: 404, body: "the path is not valid\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := httptest.NewRequestWithContext(t.Context(), cmp.Or(c.method, "GET"), "http://host"+c.path, nil)
			for k, v := range c.header {
				r.Header.Set(k, v)
			}
			w := httptest.NewRecorder()
			serve.Files(find).ServeHTTP(w, r)
			if w.Code != c.status || w.Body.String() != c.body {
				t.Errorf("answer %d with %q, want %d with %q", w.Code, w.Body, c.status, c.body)
			}
			for k, v := range c.want {
				if got := w.Header().Get(k); got != v {
					t.Errorf("%s is %q, want %q", k, got, v)
				}
			}
		})
	}
}

func TestLogged(t *testing.T) {
	t.Parallel()
	var text, lines bytes.Buffer
	asText, asJSON := serve.Text(&text), serve.JSON(&lines)
	h := serve.Logged(serve.Files(find), func(r serve.Request) { asText(r); asJSON(r) })
	server := httptest.NewServer(h)
	defer server.Close()
	want := []serve.Request{
		{Method: "GET", Path: "/a/b", Status: 200, Bytes: 10},
		{Method: "HEAD", Path: "/a/b", Status: 200},
		{Method: "GET", Path: "/none\nat all", Status: 404, Bytes: int64(len("there is no such file\n"))},
	}
	for _, path := range []string{"GET /a/b?token=secret", "HEAD /a/b", "GET /none%0aat%20all"} {
		method, path, _ := strings.Cut(path, " ")
		r, err := http.NewRequestWithContext(t.Context(), method, server.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, resp.Body); err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
	}
	server.Close() // waits for the handlers, which log at their end
	if n := strings.Count(text.String(), "\n"); n != len(want) || strings.Contains(text.String(), "secret") || !strings.Contains(text.String(), `GET "/none\nat all" 404 22 bytes`) {
		t.Errorf("the log is\n%s", &text)
	}
	for d := json.NewDecoder(&lines); len(want) > 0; want = want[1:] {
		var got serve.Request
		if err := d.Decode(&got); err != nil {
			t.Fatal(err)
		}
		if got.Time.IsZero() || got.From == "" || got.Seconds < 0 {
			t.Errorf("%+v lacks something", got)
		}
		if got.Method != want[0].Method || got.Path != want[0].Path || got.Status != want[0].Status || got.Bytes != want[0].Bytes {
			t.Errorf("logged is %+v, want %+v", got, want[0])
		}
	}
}

// TestRun ends when its context ends, after the running transfer.
func TestRun(t *testing.T) {
	t.Parallel()
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	h := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		cancel() // during this request
		<-ctx.Done()
		fmt.Fprint(w, "done")
	})
	ended := make(chan error, 1)
	go func() { ended <- serve.Run(ctx, l, h) }()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+l.Addr().String(), nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, err := io.ReadAll(resp.Body); err != nil || string(body) != "done" {
		t.Errorf("the answer is %q, %v", body, err)
	}
	if err := <-ended; err != nil {
		t.Errorf("Run = %v", err)
	}
}
