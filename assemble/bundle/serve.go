package bundle

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"strings"

	"github.com/pyimg/pyimg/assemble/bundle/manifest"
	"github.com/pyimg/pyimg/internal/serve"
)

// Handler serves a complete bundle's files, whole or in ranges, to apk, pip, pyimg and other clients. What the bundle has
// not, though an index may list it, is not found.
func (b *Bundle) Handler() http.Handler {
	text := b.manifestText()
	files := serve.Files(func(path string) (serve.File, error) {
		if path == manifest.Name {
			return serve.File{Type: "application/json", Open: func(context.Context) (io.ReadSeekCloser, error) {
				content, err := text()
				return unclosed{content}, err
			}}, nil
		}
		f, ok := b.File(path)
		if !ok {
			return serve.File{}, fmt.Errorf("the bundle has no such file: %w", fs.ErrNotExist)
		}
		return serve.File{SHA256: f.SHA256, Open: func(ctx context.Context) (io.ReadSeekCloser, error) { return b.openSeekable(ctx, f) }}, nil
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet || r.Method == http.MethodHead {
			if r.URL.Path == "/" {
				b.serveRoot(w, r)
				return
			}
			if page, ok := b.wheelPage(r.URL.Path); ok {
				w.Header().Set("Content-Type", "text/html; charset=utf-8")
				fmt.Fprint(w, page)
				return
			}
		}
		files.ServeHTTP(w, r)
	})
}

// unclosed needs no closing.
type unclosed struct{ io.ReadSeeker }

func (unclosed) Close() error { return nil }

// openSeekable opens a file whose content nobody checks but who fetches it.
func (b *Bundle) openSeekable(ctx context.Context, f manifest.File) (io.ReadSeekCloser, error) {
	r, err := b.open(ctx, f)
	if err != nil {
		return nil, err
	}
	if content, ok := r.(io.ReadSeekCloser); ok {
		return content, nil
	}
	return nil, errors.Join(errors.New("a bundle on another server is not served on"), r.Close())
}

// serveRoot says what there is.
func (b *Bundle) serveRoot(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	fmt.Fprintf(w, "bundle %s for %s\n", b.WholeID(), strings.Join(b.Platforms, ", "))
	for _, dir := range b.Repositories() {
		fmt.Fprintf(w, "http://%s/%s\n", r.Host, dir)
	}
	if b.HasWheels() {
		fmt.Fprintf(w, "http://%s%s\n", r.Host, SimplePath)
	}
}
