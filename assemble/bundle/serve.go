package bundle

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/pyimg/pyimg/assemble/bundle/manifest"
)

// Handler serves a complete bundle's files, whole or in ranges, to apk, to pyimg and to whoever asks. What the bundle has
// not, though an index may list it, is not found.
func (b *Bundle) Handler() http.Handler {
	text := b.manifestText()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "this serves files, to GET and HEAD", http.StatusMethodNotAllowed)
			return
		}
		name := strings.TrimPrefix(r.URL.Path, "/")
		if name == "" {
			b.serveRoot(w, r)
			return
		}
		if name == manifest.Name {
			content, err := text()
			if err != nil {
				http.Error(w, err.Error(), http.StatusInternalServerError)
				return
			}
			w.Header().Set("Content-Type", "application/json")
			http.ServeContent(w, r, "", time.Time{}, content)
			return
		}
		f, ok := b.File(name)
		if !ok {
			http.Error(w, "the bundle has no such file", http.StatusNotFound)
			return
		}
		body, err := b.open(r.Context(), f)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		defer body.Close()
		content, ok := body.(io.ReadSeeker)
		if !ok {
			http.Error(w, "a bundle on another server is not served on", http.StatusInternalServerError)
			return
		}
		w.Header().Set("ETag", `"`+f.SHA256+`"`)
		w.Header().Set("Content-Type", "application/octet-stream") // no file here is to be sniffed, or inflated on its way
		http.ServeContent(w, r, "", time.Time{}, content)
	})
}

// serveRoot says what there is.
func (b *Bundle) serveRoot(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	fmt.Fprintf(w, "bundle %s for %s\n", b.WholeID(), strings.Join(b.Platforms, ", "))
	for _, dir := range b.Repositories() {
		fmt.Fprintf(w, "http://%s/%s\n", r.Host, dir)
	}
}
