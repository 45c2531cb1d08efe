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

// Credentials finds the user name and password for a server that asks for them. Its errors contain neither.
type Credentials interface {
	// Login returns the credentials for a host (HOST or HOST:PORT) and a realm, or the zero Login where there are
	// none.
	Login(host, realm string) (Login, error)
}

// A Login is a user name and a password.
type Login struct {
	User, Password string
	Source         string // where the credentials were found, for errors
}

// The variables that apk(8) reads, and the file that it reads without NETRC.
const (
	netrcVariable = "NETRC"
	authVariable  = "HTTP_AUTH"
	netrcFile     = ".netrc"
)

// Environment returns the credentials that apk(8) takes from its environment: first those in the file that NETRC names
// or, without NETRC, in ~/.netrc, then those in HTTP_AUTH, which is basic:REALM:USER:PASSWORD. Only the hosts in the
// URLs named get credentials.
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
	hosts  []string // as written in URLs, in lower case

	once  sync.Once
	name  string // the path of the netrc file
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

// maxNetrc bounds a netrc file: an entry has some 60 bytes.
const maxNetrc = 1 << 20

// read reads the netrc file. It may be missing where NETRC is not set.
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
	f, err := regular.OpenStream(e.name) // users write NETRC=/dev/null to have no credentials
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

// findNetrc returns the first entry for a host, or the default entry where that comes earlier. As in apk's libfetch,
// the file is a list of words between white space; it has no quotes and no comments.
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
		default: // the word begins another entry or a macro
			words = nil
		}
	}
	return user, password, found && user+password != ""
}

// parseAuth reads HTTP_AUTH. Its realm * matches all realms. It returns nothing where the realm does not match.
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

// An unauthorized is an answer with status 401. It says what the server asked for and why we did not send it.
type unauthorized struct {
	statusError
	basic  bool // the host in the URL asked for Basic authentication
	realm  string
	reason string
}

func (u *unauthorized) Error() string {
	return u.statusError.Error() + "; " + u.reason
}

func (u *unauthorized) Unwrap() error { return u.statusError }

// newUnauthorized reads the challenge of an answer. A host that a redirect led to gets no credentials.
func (d *download) newUnauthorized(resp *http.Response) *unauthorized {
	u := &unauthorized{statusError: statusError(resp.StatusCode), reason: "put credentials for it into ~/" + netrcFile + " or " + authVariable}
	if resp.Request == nil || !sameOrigin(d.url, resp.Request.URL) {
		u.reason = "a redirect led to another host, which gets no credentials"
		return u
	}
	if u.realm, u.basic = basicRealm(resp.Header.Values("WWW-Authenticate")); !u.basic {
		u.reason = "the server asks for another kind of credentials than Basic"
	}
	return u
}

// login finds credentials for a server that asks for them. It reports whether there are some that have not been sent
// yet.
func (d *download) login(err error) bool {
	var asked *unauthorized
	if !errors.As(err, &asked) || !asked.basic {
		return false
	}
	if d.user != nil {
		asked.reason = "the server refuses the credentials of " + d.source
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

// isLoopback reports whether a host is this machine. It looks at the name only.
func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// basicRealm finds the Basic challenge in WWW-Authenticate headers and returns its realm (RFC 9110, 11.6.1).
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

// splitQuoted splits a text at the commas that are not in quoted strings.
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

// unquote returns the value of an HTTP quoted-string or token.
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
