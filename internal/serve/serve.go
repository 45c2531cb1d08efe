// Package serve serves files over http to clients that nobody knows: GET and HEAD, ranges, entity tags, and no path but
// those that name a file. It says what requests came, as lines of text or of JSON. It knows nothing of what is in the
// files, and has no password and no TLS: whoever fetches checks what comes.
package serve

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"strings"
	"time"
)

// A File is what is served at a path.
type File struct {
	Type   string // its media type; "" is bytes that are not to be sniffed, or inflated on their way
	SHA256 string // in hex, from which its entity tag is made; "" for none
	Open   func(context.Context) (io.ReadSeekCloser, error)
}

// Files serves the files that find finds by their path, which is slashed, relative and clean; "" is the root. find returns
// an fs.ErrNotExist where there is no such file; the text of that error is the answer.
func Files(find func(path string) (File, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "this serves files, to GET and HEAD", http.StatusMethodNotAllowed)
			return
		}
		path := strings.TrimPrefix(r.URL.Path, "/")
		if path != "" && !fs.ValidPath(path) || path == "." {
			http.Error(w, "no file has such a path", http.StatusNotFound)
			return
		}
		f, err := find(path)
		if err == nil {
			err = f.serve(w, r)
		}
		switch {
		case errors.Is(err, fs.ErrNotExist):
			http.Error(w, strings.TrimSuffix(err.Error(), ": "+fs.ErrNotExist.Error()), http.StatusNotFound)
		case err != nil:
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	})
}

// serve answers with the file. An error means that nothing was answered yet.
func (f File) serve(w http.ResponseWriter, r *http.Request) error {
	content, err := f.Open(r.Context())
	if err != nil {
		return err
	}
	defer content.Close()
	h := w.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Type", "application/octet-stream")
	if f.Type != "" {
		h.Set("Content-Type", f.Type)
	}
	if f.SHA256 != "" {
		h.Set("ETag", `"`+f.SHA256+`"`)
	}
	http.ServeContent(w, r, "", time.Time{}, content)
	return nil
}

// Run serves until ctx ends, and lets the transfers that run then come to their end, for a while.
func Run(ctx context.Context, l net.Listener, h http.Handler) error {
	const patience = 10 * time.Second
	srv := &http.Server{Handler: h, ReadHeaderTimeout: 30 * time.Second, IdleTimeout: 2 * time.Minute}
	ended := make(chan error, 1)
	stop := context.AfterFunc(ctx, func() {
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
		defer cancel()
		err := srv.Shutdown(grace)
		if errors.Is(err, context.DeadlineExceeded) {
			err = srv.Close()
		}
		ended <- err
	})
	if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		stop()
		return fmt.Errorf("serving: %w", err)
	}
	return <-ended
}
