package fetch

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/pyimg/pyimg/internal/redact"
	"github.com/pyimg/pyimg/internal/regular"
)

// Credentials finds a user name and a password for a server that asks for them. Its errors hold neither.
type Credentials interface {
	// Login returns what to send to a host (HOST or HOST:PORT) for a realm; the zero Login is nothing.
	Login(host, realm string) (Login, error)
}

// A Login is a user name and a password.
type Login struct {
	User, Password string
	Source         string // where they come from, for errors
}

// The variables that apk(8) reads, and the file that it falls back to.
const (
	netrcVariable = "NETRC"
	authVariable  = "HTTP_AUTH"
	netrcFile     = ".netrc"
)

// Environment returns the credentials that apk(8) takes from its environment: those of the file that NETRC names, else of
// ~/.netrc, and then those of HTTP_AUTH, which is basic:REALM:USER:PASSWORD. Hosts that no URL of named has get none.
func Environment(getenv func(string) string, named ...string) Credentials {
	e := &environment{getenv: getenv}
	for _, location := range named {
		if u, ok := remote(location); ok {
			e.hosts = append(e.hosts, strings.ToLower(u.Host))
		}
	}
	return e
}

type environment struct {
	getenv func(string) string
	hosts  []string // as in URLs, in lower case

	once  sync.Once
	name  string // of the netrc file
	netrc string
	err   error
}

// Login implements Credentials.
func (e *environment) Login(host, realm string) (Login, error) {
	if !slices.Contains(e.hosts, strings.ToLower(host)) {
		return Login{}, nil
	}
	e.once.Do(e.read)
	if e.err != nil {
		return Login{}, e.err
	}
	if user, password, ok := findNetrc(e.netrc, (&url.URL{Host: host}).Hostname()); ok {
		return Login{user, password, fmt.Sprintf("%q", e.name)}, nil
	}
	user, password, err := parseAuth(e.getenv(authVariable), realm)
	if err != nil || user == "" {
		return Login{}, err
	}
	return Login{user, password, authVariable}, nil
}

// maxNetrc bounds a netrc file: its entries are some 60 bytes each.
const maxNetrc = 1 << 20

// read reads the netrc file. Without NETRC there may be none.
func (e *environment) read() {
	named := e.getenv(netrcVariable)
	e.name = named
	if named == "" {
		home := e.getenv("HOME")
		if home == "" {
			return
		}
		e.name = filepath.Join(home, netrcFile)
	}
	f, err := regular.OpenStream(e.name) // NETRC=/dev/null is a way to have none
	if err != nil {
		if named != "" || !errors.Is(err, fs.ErrNotExist) {
			e.err = fmt.Errorf("reading credentials: %w", err)
		}
		return
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxNetrc+1))
	if err == nil && len(data) > maxNetrc {
		err = fmt.Errorf("%q has more than %d bytes", e.name, maxNetrc)
	}
	if err != nil {
		e.err = fmt.Errorf("reading credentials: %w", err)
		return
	}
	e.netrc = string(data)
}

// findNetrc finds the first entry for a host, or the default entry where that comes first. As in apk's libfetch a file is
// words between white space, without quotes and comments.
func findNetrc(netrc, host string) (user, password string, found bool) {
	words := strings.Fields(netrc)
	next := func() string {
		if len(words) == 0 {
			return ""
		}
		w := words[0]
		words = words[1:]
		return w
	}
	for len(words) > 0 && !found {
		switch next() {
		case "default":
			found = true
		case "machine":
			found = strings.EqualFold(next(), host)
		}
	}
	for found && len(words) > 0 {
		switch next() {
		case "login":
			user = next()
		case "password":
			password = next()
		case "account":
			next()
		default: // the next entry, or a macro
			words = nil
		}
	}
	return user, password, found && user+password != ""
}

// parseAuth reads HTTP_AUTH, whose realm is * for all realms. It returns nothing where the realm is another one.
func parseAuth(value, realm string) (user, password string, err error) {
	if value == "" {
		return "", "", nil
	}
	parts := strings.SplitN(value, ":", 4)
	if len(parts) < 4 || !strings.EqualFold(parts[0], "basic") || parts[2] == "" {
		return "", "", fmt.Errorf("reading credentials from %s: expected basic:REALM:USER:PASSWORD, with * for any REALM", authVariable)
	}
	if parts[1] != "*" && parts[1] != realm {
		return "", "", nil
	}
	return parts[2], parts[3], nil
}

// An unauthorized is the answer 401: what the server asks for, and why it did not get it.
type unauthorized struct {
	statusError
	basic  bool // asked of the host that the URL names
	realm  string
	reason string
}

func (u *unauthorized) Error() string {
	return u.statusError.Error() + "; " + u.reason
}

func (u *unauthorized) Unwrap() error { return u.statusError }

// newUnauthorized reads what an answer asks for. Another host than the one asked, to which a redirect led, gets nothing.
func (d *download) newUnauthorized(resp *http.Response) *unauthorized {
	u := &unauthorized{statusError: statusError(resp.StatusCode), reason: "put credentials for it into ~/" + netrcFile + " or " + authVariable}
	if resp.Request == nil || !sameOrigin(d.url, resp.Request.URL) {
		u.reason = "a redirect led to another host, which gets no credentials"
		return u
	}
	if u.realm, u.basic = basicRealm(resp.Header.Values("WWW-Authenticate")); !u.basic {
		u.reason = "it asks for another kind of credentials than Basic"
	}
	return u
}

// login takes credentials for a server that asks for them. It reports whether there are some that were not sent yet.
func (d *download) login(err error) bool {
	var asked *unauthorized
	if !errors.As(err, &asked) || !asked.basic {
		return false
	}
	if d.user != nil {
		asked.reason = "it does not take the credentials of " + d.source
		return false
	}
	if d.client.Credentials == nil {
		return false
	}
	found, err := d.client.Credentials.Login(d.url.Host, asked.realm)
	switch {
	case err != nil:
		asked.reason = redact.Text(err.Error())
	case found == Login{}:
		asked.reason = fmt.Sprintf("no credentials for host %q and realm %q are in ~/%s or %s", d.url.Hostname(), asked.realm, netrcFile, authVariable)
	case d.url.Scheme != "https" && !isLoopback(d.url.Hostname()):
		asked.reason = fmt.Sprintf("the credentials of %s are sent over https only", found.Source)
	default:
		d.user, d.source = url.UserPassword(found.User, found.Password), found.Source
		return true
	}
	return false
}

// isLoopback reports whether a host is this machine by its name alone.
func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// basicRealm finds the challenge Basic in WWW-Authenticate headers and returns its realm (RFC 9110, 11.6.1).
func basicRealm(headers []string) (realm string, found bool) {
	for _, h := range headers {
		basic := false
		for _, part := range splitQuoted(h) {
			part = strings.TrimSpace(part)
			name, value, _ := strings.Cut(part, "=")
			scheme, parameter, begins := strings.Cut(strings.TrimSpace(name), " ")
			if begins || !strings.Contains(part, "=") { // SCHEME or SCHEME NAME=VALUE
				basic = strings.EqualFold(scheme, "basic")
				found = found || basic
				name = parameter
			}
			if basic && strings.EqualFold(strings.TrimSpace(name), "realm") {
				return unquote(strings.TrimSpace(value)), true
			}
		}
	}
	return "", found
}

// splitQuoted splits at the commas outside of quoted strings.
func splitQuoted(s string) []string {
	var parts []string
	start, quoted := 0, false
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\' && quoted:
			i++
		case s[i] == '"':
			quoted = !quoted
		case s[i] == ',' && !quoted:
			parts = append(parts, s[start:i])
			start = i + 1
		}
	}
	return append(parts, s[start:])
}

// unquote returns what a quoted-string or a token of HTTP says.
func unquote(s string) string {
	if len(s) < 2 || s[0] != '"' || s[len(s)-1] != '"' {
		return s
	}
	var out strings.Builder
	for s = s[1 : len(s)-1]; s != ""; s = s[1:] {
		if s[0] == '\\' && len(s) > 1 {
			s = s[1:]
		}
		out.WriteByte(s[0])
	}
	return out.String()
}
