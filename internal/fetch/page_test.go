package fetch_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/pyimg/pyimg/internal/fetch"
)

func TestOpenPage(t *testing.T) {
	t.Parallel()
	mux := http.NewServeMux()
	mux.HandleFunc("/old/", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/new/?page=1", http.StatusFound) })
	mux.HandleFunc("/new/", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", r.Header.Get("Accept"))
		_, _ = io.WriteString(w, "page")
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	c := new(fetch.Client)
	page, err := c.OpenPage(t.Context(), server.URL+"/old/", "application/json")
	if err != nil {
		t.Fatal(err)
	}
	defer page.Close()
	text, err := io.ReadAll(page)
	if err != nil || string(text) != "page" || page.ContentType != "application/json" || page.URL != server.URL+"/new/?page=1" {
		t.Errorf("the page is %q, %v, %q at %q", text, err, page.ContentType, page.URL)
	}
	name := filepath.Join(t.TempDir(), "page")
	if err := os.WriteFile(name, []byte("file"), 0o600); err != nil {
		t.Fatal(err)
	}
	local, err := c.OpenPage(t.Context(), name, "application/json")
	if err != nil {
		t.Fatal(err)
	}
	defer local.Close()
	if local.ContentType != "" || local.URL != name {
		t.Errorf("the file has the type %q and is at %q", local.ContentType, local.URL)
	}
}
