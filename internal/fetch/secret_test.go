package fetch_test

import (
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/pyimg/pyimg/internal/fetch"
	"github.com/pyimg/pyimg/internal/fixture"
)

// withUser puts a user name and a password into a URL.
func withUser(location string) string {
	return strings.Replace(location, "://", "://someone:se%63ret@", 1)
}

func TestBasicAuth(t *testing.T) {
	t.Parallel()
	m, location := start(t, []byte("data"))
	m.User, m.Password = "someone", "secret"
	if got, err := read(t.Context(), new(fetch.Client), withUser(location)); err != nil || string(got) != "data" {
		t.Errorf("got %q, error %v", got, err)
	}
	if _, err := read(t.Context(), new(fetch.Client), location); err == nil {
		t.Error("without a password: no error")
	}
}

func TestErrorsAreRedacted(t *testing.T) {
	t.Parallel()
	_, busy := start(t, nil, fixture.Fault{Status: 503})
	_, missing := start(t, nil, fixture.Fault{Status: 404})
	_, broken := start(t, fixture.Bulk("broken", 1000), fixture.Fault{Truncate: 10})
	for _, location := range []string{
		withUser(busy), withUser(missing), withUser(broken), withUser("http://127.0.0.1:1/refused"),
		withUser(busy) + "?sig=secret", withUser(missing) + "?sig=secret#secret", withUser("http://127.0.0.1:1/refused?sig=secret"),
		withUser("http://[::1/bracket"), withUser("http://host:port/x"), withUser("http://h%zz/x"), withUser("http:///no-host"),
		"http://someone:se/cret@host:port/x", withUser("ftp://host/x"), withUser("file://host/x"),
	} {
		c := fetch.Client{Sleep: new(waits).sleep, Retries: 1}
		_, err := read(t.Context(), &c, location)
		if err == nil {
			t.Errorf("reading %q: no error", location)
			continue
		}
		for _, word := range []string{"someone", "secret", "se%63ret", "cret@"} {
			if strings.Contains(err.Error(), word) {
				t.Errorf("reading %q: the error says %q: %v", location, word, err)
			}
		}
	}
}

func TestRedirects(t *testing.T) {
	t.Parallel()
	var seen http.Header
	target := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { seen = r.Header.Clone() }))
	defer target.Close()
	same := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/same":
			http.Redirect(w, r, "/end", http.StatusFound)
		case "/other":
			http.Redirect(w, r, strings.Replace(target.URL, "://", "://evil:evil@", 1)+"/end?token=1", http.StatusFound)
		case "/loop":
			http.Redirect(w, r, "/loop", http.StatusFound)
		case "/broken":
			w.Header().Set("Location", "http://evil:evil@127.0.0.1:1:2/?token=evil")
			w.WriteHeader(http.StatusFound)
		case "/scheme":
			http.Redirect(w, r, "ftp://host/file", http.StatusFound)
		}
		seen = r.Header.Clone()
	}))
	defer same.Close()
	for _, tt := range []struct {
		path, auth, says string
	}{
		{"/same", "Basic c29tZW9uZTpzZWNyZXQ=", ""},
		{"/other", "", ""},
		{"/loop", "Basic c29tZW9uZTpzZWNyZXQ=", "refusing a redirect"},
		{"/broken", "Basic c29tZW9uZTpzZWNyZXQ=", `failed to parse Location header "http://127.0.0.1:1:2/"`},
		{"/scheme", "Basic c29tZW9uZTpzZWNyZXQ=", `redirect to scheme "ftp"`},
	} {
		var w waits
		c := fetch.Client{Sleep: w.sleep}
		_, err := read(t.Context(), &c, withUser(same.URL)+tt.path)
		if got := seen.Get("Authorization"); got != tt.auth {
			t.Errorf("%s: the last request has Authorization %q, want %q", tt.path, got, tt.auth)
		}
		if (err == nil) != (tt.says == "") || err != nil && !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: error %v, want %q", tt.path, err, tt.says)
		}
		if len(w.list) > 0 {
			t.Errorf("%s: waited %v, want no second try", tt.path, w.list)
		}
	}
}

func TestNoRedirectFromHTTPSToHTTP(t *testing.T) {
	t.Parallel()
	plain := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the redirect was followed") }))
	defer plain.Close()
	secure := httptest.NewTLSServer(http.RedirectHandler(plain.URL, http.StatusFound))
	defer secure.Close()
	c := fetch.Client{HTTP: secure.Client(), Sleep: new(waits).sleep}
	_, err := c.Open(t.Context(), secure.URL+"/file")
	if err == nil || !strings.Contains(err.Error(), "from https down to http") {
		t.Errorf("error %v, want a refusal", err)
	}
}

func TestUnknownCertificate(t *testing.T) {
	t.Parallel()
	secure := httptest.NewUnstartedServer(http.NotFoundHandler())
	secure.Config.ErrorLog = log.New(io.Discard, "", 0) // hides the client's alert
	secure.StartTLS()
	defer secure.Close()
	var w waits
	c := fetch.Client{Sleep: w.sleep}
	if _, err := c.Open(t.Context(), secure.URL+"/file"); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("error %v, want one of the certificate", err)
	}
	if len(w.list) > 0 {
		t.Errorf("waited %v, want no second try", w.list)
	}
}

func TestProxyFromEnvironmentIsHeeded(t *testing.T) {
	t.Parallel()
	var asked string
	proxy := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { asked = r.URL.String() }))
	defer proxy.Close()
	u, err := url.Parse(proxy.URL)
	if err != nil {
		t.Fatal(err)
	}
	// net/http reads the environment once a process, so this test sets the proxy in the transport.
	c := fetch.Client{HTTP: &http.Client{Transport: &http.Transport{Proxy: http.ProxyURL(u)}}}
	if _, err := read(t.Context(), &c, withUser("http://example.invalid/file")); err != nil {
		t.Fatal(err)
	}
	if asked != "http://example.invalid/file" {
		t.Errorf("the proxy was asked for %q", asked)
	}
}
