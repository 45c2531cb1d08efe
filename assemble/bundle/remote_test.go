package bundle_test

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pyimg/pyimg/assemble/bundle"
	"github.com/pyimg/pyimg/assemble/bundle/manifest"
	"github.com/pyimg/pyimg/internal/fetch"
)

// liar serves a bundle, but for one file, which answer answers.
func liar(t *testing.T, honest http.Handler, path string, answer http.HandlerFunc) *bundle.Bundle {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/"+path {
			answer(w, r)
			return
		}
		honest.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	b, err := bundle.OpenURL(t.Context(), server.URL, &fetch.Client{Retries: -1})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestServersSizesCount has a server that sends other sizes than its manifest says, and one that never ends.
func TestServersSizesCount(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.relock(t, "linux/amd64")
	dir := filepath.Join(t.TempDir(), "b")
	s.create(t, dir)
	local := open(t, dir)
	const apk = "alpine/v3.20/main/x86_64/busybox-1.36.1-r29.apk"
	for _, path := range []string{"pyimg.yaml", "pyimg.lock", manifest.FilesPath("pyimg"), apk} {
		f, ok := local.File(path)
		if !ok {
			t.Fatalf("no %s", path)
		}
		whole := read(t, dir, path)
		for _, c := range []struct {
			name   string
			answer http.HandlerFunc
			want   string
		}{
			{"without end", func(w http.ResponseWriter, r *http.Request) {
				_, _ = w.Write(whole)
				for err := error(nil); err == nil && r.Context().Err() == nil; {
					_, err = w.Write(make([]byte, 4096))
				}
			}, fmt.Sprintf("it has more than the expected %d bytes", f.Size)},
			{"too short", func(w http.ResponseWriter, _ *http.Request) {
				_, _ = w.Write(whole[:len(whole)-1])
				w.(http.Flusher).Flush() // no Content-Length
			}, fmt.Sprintf("it has %d bytes, expected %d", f.Size-1, f.Size)},
			{"announced too long", func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Length", fmt.Sprint(f.Size+1))
			}, fmt.Sprintf("its server says %d bytes, the manifest %d", f.Size+1, f.Size)},
		} {
			b := liar(t, local.Handler(), path, c.answer)
			r, err := b.Open(t.Context(), f)
			n := int64(0)
			if err == nil {
				n, err = io.Copy(io.Discard, r)
				if _, again := r.Read(make([]byte, 1)); !errors.Is(again, err) {
					t.Errorf("%s, %s: the next Read = %v", path, c.name, again)
				}
				_ = r.Close()
			}
			if !errors.As(err, new(*bundle.FaultError)) || !strings.Contains(err.Error(), c.want) || n > f.Size {
				t.Errorf("%s, %s: %d bytes and %v, want a FaultError with %q", path, c.name, n, err, c.want)
			}
			if _, err := b.Read(t.Context(), path); !errors.As(err, new(*bundle.FaultError)) {
				t.Errorf("%s, %s: Read = %v", path, c.name, err)
			}
		}
		// The folder that a spec's files make is no way around it.
		if path == manifest.FilesPath("pyimg") {
			b := liar(t, local.Handler(), path, func(w http.ResponseWriter, r *http.Request) {
				for err := error(nil); err == nil && r.Context().Err() == nil; {
					_, err = w.Write([]byte(strings.Repeat("no tar", 100)))
				}
			})
			s, err := b.ReadSpec(t.Context(), "pyimg")
			if err != nil {
				t.Fatal(err)
			}
			if _, err := b.FolderOf(s).Open(t.Context()); !errors.As(err, new(*bundle.FaultError)) {
				t.Errorf("opening the spec's folder: %v", err)
			}
		}
	}
}

// TestServersFailuresAreNoFaults has a server that fails, about which a bundle can do nothing.
func TestServersFailuresAreNoFaults(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "b")
	tiny(t, dir, 0)
	local := open(t, dir)
	f := local.Of(manifest.Index)[0]
	for name, answer := range map[string]http.HandlerFunc{
		"unavailable": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) },
		"cut": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", fmt.Sprint(f.Size))
			_, _ = w.Write(make([]byte, f.Size/2))
			panic(http.ErrAbortHandler)
		},
	} {
		_, err := liar(t, local.Handler(), f.Path, answer).Read(t.Context(), f.Path)
		if !errors.As(err, new(*bundle.ReadError)) || errors.As(err, new(*bundle.FaultError)) || !errors.As(err, new(*fetch.Error)) {
			t.Errorf("%s: Read = %v, want a ReadError with fetch's", name, err)
		}
	}
	_, err := liar(t, local.Handler(), f.Path, http.NotFound).Read(t.Context(), f.Path)
	if !errors.As(err, new(*bundle.FaultError)) || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing: Read = %v, want a FaultError, and none of a file that need not be there", err)
	}
}
