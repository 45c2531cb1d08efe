package gitinfo

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// A config is the values of a repository's configuration, in the order of the file. See git-config(1), "Syntax". Files that it
// includes are not read.
type config []setting

type setting struct {
	section, subsection, key string // section and key in lower case
	value                    string
}

// get returns the last value of a key; "" without one.
func (c config) get(section, subsection, key string) string {
	for _, s := range slices.Backward(c) {
		if s.section == section && s.subsection == subsection && s.key == key {
			return s.value
		}
	}
	return ""
}

// parseConfig reads a configuration.
func parseConfig(text []byte) (config, error) {
	var c config
	var section, subsection string
	rest := strings.ReplaceAll(string(text), "\r\n", "\n")
	header := regexp.MustCompile(`^\[\s*([A-Za-z0-9.-]+)(?:\s+"((?:[^"\\\n]|\\.)*)")?\s*\]`)
	escape := regexp.MustCompile(`\\(.)`)
	key := regexp.MustCompile(`^([A-Za-z][A-Za-z0-9-]*)[ \t]*`)
	for line := 1; rest != ""; {
		rest = strings.TrimLeft(rest, " \t")
		if h := header.FindStringSubmatch(rest); h != nil {
			section, subsection = strings.ToLower(h[1]), escape.ReplaceAllString(h[2], "$1")
			rest = rest[len(h[0]):]
			continue // a key may follow in the same line
		}
		k := key.FindStringSubmatch(rest)
		switch {
		case strings.HasPrefix(rest, "\n"):
			rest, line = rest[1:], line+1
			continue
		case strings.HasPrefix(rest, "#"), strings.HasPrefix(rest, ";"):
			_, rest, _ = strings.Cut(rest, "\n")
			line++
			continue
		case k == nil || section == "":
			return nil, fmt.Errorf("line %d of its configuration is no setting", line)
		}
		s := setting{section: section, subsection: subsection, key: strings.ToLower(k[1])}
		rest = rest[len(k[0]):]
		if after, has := strings.CutPrefix(rest, "="); has {
			rest = after
			var lines int
			s.value, rest, lines = value(rest)
			line += lines
		} else {
			_, rest, _ = strings.Cut(rest, "\n")
			line++
		}
		c = append(c, s)
	}
	return c, nil
}

// value reads a value up to the end of its line, with quotes, escapes and continued lines. It returns what follows, and how many lines
// it took.
func value(text string) (v, rest string, lines int) {
	var out strings.Builder
	quoted, kept := false, 0 // kept: bytes that trailing white space does not cut off
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\n':
			return out.String()[:kept], text[i+1:], lines + 1
		case c == '\\' && i+1 < len(text):
			i++
			if text[i] == '\n' {
				lines++
				continue
			}
			out.WriteByte(unescaped(text[i]))
			kept = out.Len()
		case c == '"':
			quoted = !quoted
			kept = out.Len()
		case !quoted && (c == '#' || c == ';'):
			_, rest, _ = strings.Cut(text[i:], "\n")
			return out.String()[:kept], rest, lines + 1
		case !quoted && (c == ' ' || c == '\t'):
			if out.Len() > 0 {
				out.WriteByte(c)
			}
		default:
			out.WriteByte(c)
			kept = out.Len()
		}
	}
	return out.String()[:kept], "", lines
}

func unescaped(c byte) byte {
	switch c {
	case 'n':
		return '\n'
	case 't':
		return '\t'
	case 'b':
		return '\b'
	}
	return c
}

// source is the URL of the remote that a branch is from: its own, else origin, else the only one. note says why there is none.
func (c config) source(branch string) (source, note string) {
	var remotes []string
	for _, s := range c {
		if s.section == "remote" && s.key == "url" && !slices.Contains(remotes, s.subsection) {
			remotes = append(remotes, s.subsection)
		}
	}
	remote := c.get("branch", branch, "remote")
	if branch == "" || !slices.Contains(remotes, remote) {
		remote = "origin"
	}
	switch {
	case len(remotes) == 0:
		return "", "the repository has no remote"
	case !slices.Contains(remotes, remote) && len(remotes) > 1:
		return "", "the repository has several remotes, and none of them is origin"
	case !slices.Contains(remotes, remote):
		remote = remotes[0]
	}
	if source = publicURL(c.get("remote", remote, "url")); source == "" {
		return "", fmt.Sprintf("the remote %q is no URL that others could open", remote)
	}
	return source, ""
}

// forges serve what has an ssh address at the same path over https.
func forges() []string { return []string{"github.com", "gitlab.com", "codeberg.org", "bitbucket.org"} }

// publicURL is the address of a remote without user, password, query and fragment. It is "" for a folder of this machine.
func publicURL(address string) string {
	if !strings.Contains(address, "://") {
		host, path, ok := strings.Cut(address, ":")
		if !ok || strings.ContainsAny(host, `/\`) || len(host) < 2 || strings.HasPrefix(path, ":") {
			return "" // a folder, perhaps C:\..., or a program (ext::...)
		}
		address = "ssh://" + host + "/" + strings.TrimPrefix(path, "/") // git@HOST:PATH
	}
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || !slices.Contains([]string{"https", "http", "ssh", "git", "git+ssh"}, u.Scheme) || strings.ContainsFunc(address, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return ""
	}
	if u.Scheme != "https" && u.Scheme != "http" && strings.Contains(u.Path, "@") {
		return "" // "https:/USER:PASSWORD@HOST/PATH" lacks a slash, and looks like HOST:PATH with a password in the path
	}
	u.User, u.RawQuery, u.ForceQuery, u.Fragment, u.RawFragment = nil, "", false, "", ""
	if slices.Contains(forges(), strings.ToLower(u.Hostname())) {
		u.Scheme, u.Host = "https", strings.ToLower(u.Hostname())
		u.Path = strings.TrimSuffix(strings.TrimSuffix(u.Path, "/"), ".git")
		u.RawPath = ""
	}
	return u.String()
}
