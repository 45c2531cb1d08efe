package fetch_test

import (
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pyimg/pyimg/internal/fetch"
	"github.com/pyimg/pyimg/internal/fixture"
)

// readIf calls OpenIf and reads all of the file. data is nil where OpenIf opened nothing.
func readIf(t *testing.T, c *fetch.Client, location, validator string) (data []byte, next string) {
	t.Helper()
	r, next, err := c.OpenIf(t.Context(), location, validator)
	if err != nil {
		t.Fatal(err)
	}
	if r == nil {
		return nil, next
	}
	defer r.Close()
	data, err = io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return data, next
}

func TestOpenIfUnchanged(t *testing.T) {
	t.Parallel()
	m, url := start(t, []byte("one"), fixture.Fault{Status: 503, Times: 1})
	c := &fetch.Client{Sleep: new(waits).sleep, Jobs: 1}
	data, validator := readIf(t, c, url, "")
	if string(data) != "one" || validator == "" {
		t.Fatalf("OpenIf = %q, validator %q, want the file and a validator", data, validator)
	}
	m.Forget()
	m.Fail(fixture.Fault{Status: 503, Times: 1})
	for range 2 { // there is one slot, which the first call must free
		if data, next := readIf(t, c, url, validator); data != nil || next != validator {
			t.Errorf("OpenIf = %q, validator %q, want nothing and %q again", data, next, validator)
		}
	}
	requests := m.Requests()
	if len(requests) != 3 || requests[1].Status != http.StatusNotModified || requests[1].Sent != 0 {
		t.Errorf("requests %+v, want a failure and two answers 304 without a body", requests)
	}
	m.Put("file", []byte("two"))
	if data, next := readIf(t, c, url, validator); string(data) != "two" || next == validator || next == "" {
		t.Errorf("OpenIf of a changed file = %q, validator %q, want the file and another validator", data, next)
	}
}

func TestOpenIfValidators(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	before := now.Add(-time.Hour).Format(http.TimeFormat)
	for name, tt := range map[string]struct {
		header        map[string]string
		want          string
		asked, askedV string // the headers of the next request
	}{
		"weak ETag":             {map[string]string{"ETag": `W/"x"`, "Last-Modified": before}, `W/"x"`, "If-None-Match", `W/"x"`},
		"date":                  {map[string]string{"Last-Modified": before}, before, "If-Modified-Since", before},
		"date of this second":   {map[string]string{"Last-Modified": now.Format(http.TimeFormat)}, "", "", ""},
		"none":                  {nil, "", "", ""},
		"what is none":          {map[string]string{"ETag": "x", "Last-Modified": "today"}, "", "", ""},
		"longer than it may be": {map[string]string{"ETag": `"` + strings.Repeat("x", 2000) + `"`}, "", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var last http.Header
			s := &fixture.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				last = r.Header.Clone()
				w.Header().Set("Date", now.Format(http.TimeFormat))
				for k, v := range tt.header {
					w.Header().Set(k, v)
				}
				_, _ = io.WriteString(w, "body")
			})}
			url, err := s.Serve(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			_, got := readIf(t, &fetch.Client{}, url, "")
			if got != tt.want {
				t.Fatalf("validator %q, want %q", got, tt.want)
			}
			// A server without conditional requests sends the file again.
			if data, _ := readIf(t, &fetch.Client{}, url, got); string(data) != "body" {
				t.Errorf("OpenIf = %q, want the file", data)
			}
			for _, h := range []string{"If-None-Match", "If-Modified-Since"} {
				want := ""
				if h == tt.asked {
					want = tt.askedV
				}
				if v := last.Get(h); v != want {
					t.Errorf("%s: %q, want %q", h, v, want)
				}
			}
		})
	}
}

// TestOpenIfOfJunk calls OpenIf with a validator that no server can have sent. It must be ignored.
func TestOpenIfOfJunk(t *testing.T) {
	t.Parallel()
	_, url := start(t, []byte("one"))
	for _, junk := range []string{"yesterday", "\"a\r\nb\"", "\x00"} {
		if data, _ := readIf(t, &fetch.Client{Retries: -1}, url, junk); string(data) != "one" {
			t.Errorf("OpenIf with %q = %q, want the file", junk, data)
		}
	}
}

// TestUnaskedNotModified has a server that answers 304 to a request without a condition.
func TestUnaskedNotModified(t *testing.T) {
	t.Parallel()
	_, url := start(t, []byte("one"), fixture.Fault{Status: http.StatusNotModified})
	if r, _, err := (&fetch.Client{Retries: -1}).OpenIf(t.Context(), url, ""); err == nil {
		t.Errorf("OpenIf = %v, want an error", r)
	}
}

func TestOpenIfOfFiles(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte("one"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, location := range []string{file, "file://" + file} {
		if data, validator := readIf(t, &fetch.Client{Offline: true}, location, `"x"`); string(data) != "one" || validator != "" {
			t.Errorf("OpenIf(%q) = %q, validator %q, want the file and none", location, data, validator)
		}
	}
}

func TestOpenIfOffline(t *testing.T) {
	t.Parallel()
	if _, _, err := (&fetch.Client{Offline: true}).OpenIf(t.Context(), "http://example.com/", `"x"`); !errors.Is(err, fetch.ErrOffline) {
		t.Errorf("OpenIf = %v, want %v", err, fetch.ErrOffline)
	}
}
