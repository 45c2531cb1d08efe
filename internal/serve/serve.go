// Package serve serves files over http to any client: GET and HEAD, ranges, entity tags, and only paths that name a
// file. It logs requests as text or JSON. It does not know what the files contain, and has no passwords and no TLS:
// clients must check what they fetch.
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

// A File is a file that is served at a path.
type File struct {
	Type   string // its media type; "" means bytes that browsers must not interpret or decompress
	SHA256 string // in hex, for the entity tag; "" for no tag
	Open   func(context.Context) (io.ReadSeekCloser, error)
}

// Files serves the files that find returns. path uses slashes and is relative and clean; "" is the root. find returns
// an fs.ErrNotExist where there is no such file; the client gets the text of that error.
func Files(find func(path string) (File, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "only GET and HEAD are allowed here", http.StatusMethodNotAllowed)
			return
		}
		path := strings.TrimPrefix(r.URL.Path, "/")
		if path != "" && !fs.ValidPath(path) || path == "." {
			http.Error(w, "the path is not valid", http.StatusNotFound)
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

// serve answers with the file. After an error nothing has been written yet.
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

// Run serves until ctx ends. It then waits a limited time for running transfers.
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
