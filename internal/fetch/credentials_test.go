package fetch_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pyimg/pyimg/internal/fetch"
	"github.com/pyimg/pyimg/internal/fixture"
)

// netrc writes a netrc file and returns an environment that names it.
func netrc(t *testing.T, content string) map[string]string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "netrc")
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return map[string]string{"NETRC": name}
}

// home writes ~/.netrc and returns an environment with that home.
func home(t *testing.T, content string) map[string]string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, ".netrc"), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return map[string]string{"HOME": dir}
}

func environment(env map[string]string, named ...string) fetch.Credentials {
	return fetch.Environment(func(name string) string { return env[name] }, named...)
}

func TestCredentialsOfTheEnvironment(t *testing.T) {
	t.Parallel()
	m, location := start(t, []byte("data"))
	m.User, m.Password = "bob", "pa:ss"
	auth := func(s string) map[string]string { return map[string]string{"HTTP_AUTH": s} }
	for name, tt := range map[string]struct {
		env  map[string]string
		says string // "" where fetching succeeds
	}{
		"netrc":              {netrc(t, "machine 127.0.0.1 login bob password pa:ss\n"), ""},
		"netrc of home":      {home(t, "machine 127.0.0.1\n\tlogin bob\n\tpassword pa:ss\n"), ""},
		"default":            {netrc(t, "machine other login x password y default login bob password pa:ss"), ""},
		"account":            {netrc(t, "machine 127.0.0.1 login bob account z password pa:ss machine 127.0.0.1 login x"), ""},
		"first entry wins":   {netrc(t, "machine 127.0.0.1 login x password swordfish machine 127.0.0.1 login bob password pa:ss"), "refuses the credentials of"},
		"other machine":      {netrc(t, "machine other login bob password pa:ss"), `no credentials for host "127.0.0.1" and realm "fixture"`},
		"empty":              {netrc(t, ""), "no credentials for host"},
		"half an entry":      {netrc(t, "machine 127.0.0.1 login"), "no credentials for host"},
		"missing netrc":      {map[string]string{"NETRC": filepath.Join(t.TempDir(), "none")}, "reading credentials: open"},
		"no home netrc":      {map[string]string{"HOME": t.TempDir()}, "no credentials for host"},
		"netrc is endless":   {map[string]string{"NETRC": "/dev/zero"}, "has more than 1048576 bytes"},
		"HTTP_AUTH":          {auth("basic:*:bob:pa:ss"), ""},
		"realm":              {auth("Basic:fixture:bob:pa:ss"), ""},
		"another realm":      {auth("basic:other:bob:pa:ss"), "no credentials for host"},
		"not basic":          {auth("digest:*:bob:swordfish"), "expected basic:REALM:USER:PASSWORD"},
		"too short":          {auth("basic:bob:swordfish"), "expected basic:REALM:USER:PASSWORD"},
		"wrong password":     {auth("basic:*:bob:swordfish"), "refuses the credentials of HTTP_AUTH"},
		"nothing in either":  {nil, "no credentials for host"},
		"netrc before other": {map[string]string{"NETRC": netrc(t, "machine 127.0.0.1 login bob password pa:ss")["NETRC"], "HTTP_AUTH": "basic:*:x:swordfish"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if name == "netrc is endless" {
				if _, err := os.Stat("/dev/zero"); err != nil {
					t.Skip(err)
				}
			}
			c := fetch.Client{Credentials: environment(tt.env, location), Sleep: new(waits).sleep}
			got, err := read(t.Context(), &c, location)
			if tt.says == "" {
				if err != nil || string(got) != "data" {
					t.Errorf("got %q, error %v", got, err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), tt.says) || strings.Contains(err.Error(), "swordfish") {
				t.Errorf("error %v, want %q and no password", err, tt.says)
			}
		})
	}
}

func TestCredentialsAreSentOnlyWhereTheyAreAskedFor(t *testing.T) {
	t.Parallel()
	m, location := start(t, []byte("data"))
	env := netrc(t, "default login bob password swordfish")
	c := fetch.Client{Credentials: environment(env, location)}
	if _, err := read(t.Context(), &c, location); err != nil {
		t.Fatal(err)
	}
	for _, r := range m.Requests() {
		if r.Authorization != "" {
			t.Errorf("%s %s has Authorization %q, and nobody asked", r.Method, r.Path, r.Authorization)
		}
	}

	asks := func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "" {
			t.Errorf("%s of %s has Authorization", r.URL, r.Host)
		}
		w.Header().Set("WWW-Authenticate", `Basic realm="x"`)
		w.WriteHeader(http.StatusUnauthorized)
	}
	other := httptest.NewServer(http.HandlerFunc(asks))
	defer other.Close()
	redirects := httptest.NewServer(http.RedirectHandler(other.URL+"/file", http.StatusFound))
	defer redirects.Close()
	proxied := fetch.Client{HTTP: &http.Client{Transport: answers(func(r *http.Request) *http.Response {
		w := httptest.NewRecorder()
		asks(w, r)
		return w.Result()
	})}}
	for name, tt := range map[string]struct {
		client *fetch.Client
		url    string
		named  []string
		says   string
	}{
		"a host that nobody named": {new(fetch.Client), other.URL + "/file", []string{location}, "no credentials for host"},
		"a redirect":               {new(fetch.Client), redirects.URL + "/file", []string{redirects.URL, other.URL}, "a redirect led to another host"},
		"plain http":               {&proxied, "http://example.invalid/file", []string{"http://example.invalid"}, "sent over https only"},
	} {
		tt.client.Credentials, tt.client.Sleep = environment(env, tt.named...), new(waits).sleep
		_, err := read(t.Context(), tt.client, tt.url)
		if err == nil || !strings.Contains(err.Error(), tt.says) || strings.Contains(err.Error(), "swordfish") {
			t.Errorf("%s: error %v, want %q", name, err, tt.says)
		}
	}
}

// answers is a transport that answers without a network.
type answers func(*http.Request) *http.Response

func (a answers) RoundTrip(r *http.Request) (*http.Response, error) {
	resp := a(r)
	resp.Request = r
	return resp, nil
}

// TestNoCredentialsOnTheWayBack has a host that redirects to another, which redirects back.
func TestNoCredentialsOnTheWayBack(t *testing.T) {
	t.Parallel()
	var seen string
	var first *httptest.Server
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, first.URL+"/back", http.StatusFound)
	}))
	defer other.Close()
	first = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/back" {
			seen = r.Header.Get("Authorization")
			return
		}
		http.Redirect(w, r, other.URL, http.StatusFound)
	}))
	defer first.Close()
	if _, err := read(t.Context(), new(fetch.Client), withUser(first.URL)+"/file"); err != nil {
		t.Fatal(err)
	}
	if seen != "" {
		t.Errorf("the other host made the first one get %q", seen)
	}
}

func TestRealms(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		challenges []string
		realm      string // "-" where the credentials are not sent
	}{
		{[]string{`Basic realm="a, b=\"c\"", charset="UTF-8"`}, `a, b="c"`},
		{[]string{`basic realm=plain`}, "plain"},
		{[]string{`Basic`}, ""},
		{[]string{`Digest realm="d", nonce="n", Basic realm="b"`}, "b"},
		{[]string{`Bearer realm="https://t/", service="s"`, `BASIC charset="UTF-8", REALM="b"`}, "b"},
		{[]string{`Bearer realm="b"`}, "-"},
		{[]string{`Digest realm="Basic realm=b"`}, "-"},
		{nil, "-"},
	} {
		asked := &recording{realm: "-"}
		c := fetch.Client{Credentials: asked, Sleep: new(waits).sleep, HTTP: &http.Client{Transport: answers(func(*http.Request) *http.Response {
			w := httptest.NewRecorder()
			w.Header()["Www-Authenticate"] = tt.challenges
			w.WriteHeader(http.StatusUnauthorized)
			return w.Result()
		})}}
		if _, err := read(t.Context(), &c, "https://host/file"); err == nil {
			t.Errorf("%q: no error", tt.challenges)
		}
		if asked.realm != tt.realm {
			t.Errorf("%q: asked for realm %q, want %q", tt.challenges, asked.realm, tt.realm)
		}
	}
}

// recording has no credentials and records the realm.
type recording struct{ realm string }

func (r *recording) Login(_, realm string) (fetch.Login, error) {
	r.realm = realm
	return fetch.Login{}, nil
}

func FuzzCredentials(f *testing.F) {
	f.Add("machine h login a password b", "basic:*:u:p", `Basic realm="x"`)
	f.Add("default", ":::", `a=b,"\`)
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, content, auth, challenge string) {
		name := filepath.Join(dir, "netrc")
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		requests := 0
		c := fetch.Client{Credentials: environment(map[string]string{"NETRC": name, "HTTP_AUTH": auth}, "https://h/"), Sleep: new(waits).sleep,
			HTTP: &http.Client{Transport: answers(func(*http.Request) *http.Response {
				requests++
				w := httptest.NewRecorder()
				w.Header()["Www-Authenticate"] = []string{challenge}
				w.WriteHeader(http.StatusUnauthorized)
				return w.Result()
			})}}
		if _, err := read(t.Context(), &c, "https://h/file"); err == nil || requests > 2 {
			t.Errorf("error %v after %d requests, want one after at most 2", err, requests)
		}
	})
}

func TestCredentialsOutliveABrokenTransfer(t *testing.T) {
	t.Parallel()
	data := fixture.Bulk("broken", 100_000)
	m, location := start(t, data, fixture.Fault{Truncate: 50_000, Times: 1})
	m.User, m.Password = "bob", "swordfish"
	c := fetch.Client{Credentials: environment(netrc(t, "default login bob password swordfish"), location), Sleep: new(waits).sleep}
	if got, err := read(t.Context(), &c, location); err != nil || len(got) != len(data) {
		t.Errorf("got %d bytes of %d, error %v", len(got), len(data), err)
	}
}
