package repository_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pyimg/pyimg/wheel/index"
	"github.com/pyimg/pyimg/wheels/repository"
)

// get asks a server for a path.
func get(t *testing.T, url string, headers ...string) (*http.Response, string) {
	t.Helper()
	q, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		q.Header.Set(headers[i], headers[i+1])
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	r, err := client.Do(q)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r, string(body)
}

func served(t *testing.T) (*repository.Repository, repository.Record, string) {
	t.Helper()
	r := repository.Open(t.TempDir())
	rec := add(t, r, "foo", "1.0", "a")
	if _, err := r.Publish(nil); err != nil {
		t.Fatal(err)
	}
	if err := r.WriteStatus(); err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(r.Handler())
	t.Cleanup(s.Close)
	return r, rec, s.URL
}

func TestServeNegotiates(t *testing.T) {
	t.Parallel()
	_, _, url := served(t)
	const v1 = "application/vnd.pypi.simple.v1+"
	for accept, want := range map[string]string{
		"": "text/html; charset=utf-8", "*/*": "text/html; charset=utf-8", "text/html": "text/html; charset=utf-8", v1 + "json": v1 + "json",
		v1 + "html": v1 + "html", v1 + "json, " + v1 + "html; q=0.1, text/html; q=0.01": v1 + "json", v1 + "json;q=0.1, text/html": "text/html; charset=utf-8",
		"application/vnd.pypi.simple.latest+json": v1 + "json", "application/json": "text/html; charset=utf-8", "text/html;q=x": "text/html; charset=utf-8",
	} {
		r, body := get(t, url+"/simple/foo/", "Accept", accept)
		if got := r.Header.Get("Content-Type"); got != want || r.Header.Get("Vary") != "Accept" || r.StatusCode != http.StatusOK {
			t.Errorf("Accept %q: %d %s, want %s", accept, r.StatusCode, got, want)
		}
		if isJSON := json.Valid([]byte(body)); isJSON != strings.HasSuffix(want, "json") {
			t.Errorf("Accept %q: the body is %.50q", accept, body)
		}
		if strings.HasSuffix(want, "json") && (!strings.Contains(body, `"core-metadata":{"sha256":`) || strings.Contains(body, "dist-info-metadata")) {
			t.Errorf("METADATA's hash by its older name ends pip 23.0: %s", body)
		}
	}
}

func TestServeAnswers(t *testing.T) {
	t.Parallel()
	r, rec, url := served(t)
	if err := os.Symlink("/etc/passwd", filepath.Join(r.Dir(), filepath.Dir(rec.Path()), "evil-1-py3-none-any.whl")); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]int{
		"/simple/": 200, "/simple": 301, "/simple/foo": 301, "/simple/Foo/": 301, "/simple/bar/": 404, "/simple/foo/index.html": 200, "/": 200, "/manifest.json": 200,
		"/manifest.json.sigstore.json": 404, "/" + rec.Path(): 200, "/" + rec.Path() + ".metadata": 200, "/" + rec.Path() + ".needs.json": 200,
		"/records/foo/" + rec.File + ".json": 404, "/.lock": 404, "/files/": 404, "/../x": 404, "/simple/../records/": 404, "/simple/%2e%2e/": 404, "/status/foo.json": 404,
		"/" + filepath.Dir(rec.Path()) + "/evil-1-py3-none-any.whl": 404,
	} {
		if got, body := get(t, url+path); got.StatusCode != want {
			t.Errorf("%s: %d, want %d (%.60q)", path, got.StatusCode, want, body)
		}
	}
	got, body := get(t, url+"/"+rec.Path(), "Range", "bytes=1-3")
	if got.StatusCode != http.StatusPartialContent || len(body) != 3 || got.Header.Get("ETag") == "" {
		t.Errorf("a range: %d, %d bytes, ETag %q", got.StatusCode, len(body), got.Header.Get("ETag"))
	}
	if got, _ := get(t, url+"/"+rec.Path(), "If-None-Match", got.Header.Get("ETag")); got.StatusCode != http.StatusNotModified {
		t.Errorf("what the client has: %d", got.StatusCode)
	}
	page, _ := get(t, url+"/simple/foo/")
	if got, _ := get(t, url+"/simple/foo/", "If-None-Match", page.Header.Get("ETag")); got.StatusCode != http.StatusNotModified {
		t.Errorf("a page that the client has: %d", got.StatusCode)
	}
}

// opener opens addresses for wheel/index as pip would.
type opener struct{ t *testing.T }

func (o opener) Open(_ context.Context, address, accept string) (*index.Response, error) {
	r, body := get(o.t, address, "Accept", accept) //nolint:contextcheck // it has the test's
	return &index.Response{Body: io.NopCloser(strings.NewReader(body)), ContentType: r.Header.Get("Content-Type")}, nil
}

func TestServedIndexIsRead(t *testing.T) {
	t.Parallel()
	r, rec, url := served(t)
	x, err := index.NewRemote(url+"/simple/", opener{t})
	if err != nil {
		t.Fatal(err)
	}
	later := add(t, r, "foo", "2.0", "b") // while it is served
	files, found, err := x.Project(t.Context(), "foo")
	if err != nil || !found || len(files) != 2 || files[0].Size != rec.Size || files[1].Hashes["sha256"] != later.SHA256 {
		t.Fatalf("files %+v, %v, %v", files, found, err)
	}
	if m, err := x.Metadata(t.Context(), files[0]); err != nil || m.Name != "foo" {
		t.Errorf("metadata %+v, %v", m, err)
	}
}

func TestStatus(t *testing.T) {
	t.Parallel()
	r := repository.Open(t.TempDir())
	add(t, r, "foo", "1.9", "a")
	add(t, r, "foo", "1.10", "b")
	if err := r.SetFailure(repository.Failure{Project: "foo", Version: "2", Python: "cp313", Platform: "linux/arm64", Reason: "<script>alert(1)</script>"}); err != nil {
		t.Fatal(err)
	}
	s, err := r.Status()
	if err != nil {
		t.Fatal(err)
	}
	var rows []string
	for _, row := range s.Rows {
		rows = append(rows, row.Project+" "+row.Version+" "+strings.Join(row.Cells, "|"))
	}
	if got, want := strings.Join(rows, "\n"), "foo 2 cp313 failed|\nfoo 1.10 |py3-none\nfoo 1.9 |py3-none"; got != want || strings.Join(s.Platforms, " ") != "aarch64 any" {
		t.Errorf("rows for %q:\n%s\nwant\n%s", s.Platforms, got, want)
	}
	if err := r.WriteStatus(); err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(filepath.Join(r.Dir(), repository.StatusName))
	if err != nil || strings.Contains(string(page), "<script>alert") || !strings.Contains(string(page), "&lt;script&gt;alert") {
		t.Errorf("%v: the page has %s", err, page)
	}
}
