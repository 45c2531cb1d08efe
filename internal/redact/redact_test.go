package redact_test

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/pyimg/pyimg/internal/redact"
)

func TestURL(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ location, want string }{
		{"https://host/a", "https://host/a"},
		{"https://host/a?b=c", "https://host/a"},
		{"https://host/a?", "https://host/a"},
		{"https://host/a#f", "https://host/a"},
		{"https://host?X-Amz-Signature=abc#f", "https://host"},
		{"https://me:pw@host/a", "https://host/a"},
		{"https://me@host/a?x=y@z", "https://host/a"},
		{"https://me:p@w@host:x/a?q=1", "https://host:x/a"},
		{"https://me:p?w@host:x/a", "https://(hidden)"},
		{"https://host:x/a?mail=me@host&sig=abc", "https://(hidden)"},
		{"https://host:x/%zz?sig=abc", "https://host:x/%zz"},
		{"@edge https://me:pw@host/a?b", "@edge https://host/a"},
		{"http:me:pw@host://x", "(hidden)"},
		{"https://host/a@1", "https://host/a@1"},
		{"file:///a/b?c", "file:///a/b"},
		{"/path/with@sign?and=query#x", "/path/with@sign?and=query#x"},
		{"me:pw@host", "me:pw@host"},
	} {
		if got := redact.URL(tt.location); got != tt.want {
			t.Errorf("URL(%q) = %q, want %q", tt.location, got, tt.want)
		}
	}
}

func TestText(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ text, want string }{
		{"", ""},
		{"no URL here: a/b?c", "no URL here: a/b?c"},
		{`Get "https://me:pw@host/a?sig=abc": EOF`, `Get "https://host/a": EOF`},
		{"fetching https://host/a?sig=abc: EOF", "fetching https://host/a: EOF"},
		{"(https://host/a?sig=abc), http://me@h/b.", "(https://host/a), http://h/b."},
		{"two: https://a/?x\nhttps://b/?y", "two: https://a/\nhttps://b/"},
		{"a lone :// is none", "a lone :// is none"},
		{"https://", "https://"},
	} {
		if got := redact.Text(tt.text); got != tt.want {
			t.Errorf("Text(%q) = %q, want %q", tt.text, got, tt.want)
		}
	}
}

func TestSecrets(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"":                             false,
		"a ? and @ b":                  false,
		"https://host/a":               false,
		"https://host/a.whl#sha256=00": false,
		"https://host/a?sig=1":         true,
		"https://me@host/a":            true,
		"https://host:x/a@b":           true,
		"-i https://host/simple\n--extra-index-url https://me:pw@host/simple\n":             true,
		`wheels = [{ url = "https://host/a.whl" }, { url = "https://host/b.whl?token=1" }]`: true,
		`wheels = [{ url = "https://host/a.whl" }]  # why?`:                                 false,
	} {
		if got := redact.HasSecrets(text); got != want {
			t.Errorf("HasSecrets(%q) = %v, want %v", text, got, want)
		}
	}
}

func TestCause(t *testing.T) {
	t.Parallel()
	cause := errors.New("refused")
	inner := &url.Error{Op: "Get", URL: "https://host/?sig=abc", Err: cause}
	for _, err := range []error{inner, fmt.Errorf("asking: %w", &url.Error{Op: "Get", URL: "https://host/?sig=abc", Err: inner}), cause} {
		if got := redact.Cause(err); got != cause { //nolint:errorlint // the cause itself, not an error that wraps it
			t.Errorf("Cause(%v) = %v, want %v", err, got, cause)
		}
	}
	location := fmt.Errorf("failed to parse Location header %q: %w", "http://h:1:2/?sig=abc", cause)
	got := redact.Cause(&url.Error{Op: "Get", URL: "https://host/", Err: location})
	if !errors.Is(got, cause) || got.Error() != `failed to parse Location header "http://h:1:2/": refused` {
		t.Errorf("Cause of a bad redirect = %v", got)
	}
	if redact.Cause(nil) != nil {
		t.Error("Cause(nil) is an error")
	}
}

func FuzzURL(f *testing.F) {
	f.Add("https://", "me", "pw", "host/a", "sig=")
	f.Add("http://", "m e", "p/w", "host:x/%zz", "a@b&")
	f.Fuzz(func(t *testing.T, scheme, user, password, rest, query string) {
		secret := "Zq9-" + strings.ReplaceAll(password, "@", "")
		signature := "Yp8-signature"
		location := scheme + "://" + user + ":" + secret + "@" + rest + "?" + query + signature
		if strings.Contains(rest, secret) || strings.ContainsAny(scheme+user, "/?# ") {
			return // the text is not a password then
		}
		got := redact.URL(location)
		if strings.Contains(got, signature) {
			t.Errorf("URL(%q) = %q", location, got)
		}
		if u, err := url.Parse(location); err == nil && u.User == nil {
			return // in a URL, the text after the user is then a path
		}
		if strings.Contains(got, secret) {
			t.Errorf("URL(%q) = %q", location, got)
		}
	})
}

func FuzzText(f *testing.F) {
	f.Add("fetching ", "https://host/a?", ": EOF")
	f.Fuzz(func(t *testing.T, before, location, after string) {
		text := before + location + after
		got := redact.Text(text)
		if !strings.Contains(text, "://") && got != text {
			t.Errorf("Text(%q) = %q, which has no URL", text, got)
		}
		if again := redact.Text(got); redact.Text(again) != again {
			t.Errorf("Text(%q) = %q, and then %q", text, got, again)
		}
	})
}
