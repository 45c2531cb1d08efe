package draft

import (
	"io/fs"
	"net/url"
	"path"
	"slices"
	"strings"
)

// publicIndex is the index that pip and uv ask where no file says otherwise.
const publicIndex = "https://pypi.org/simple/"

// An index is where a project's tools look for packages: a URL or, for --find-links, a folder of the project.
type index struct {
	at      string // a URL, or a path
	instead bool   // of the public index; the others are asked in addition to it
}

// indexOfOption returns the index that an option of pip or uv names, see "pip install --help" and "uv pip install --help".
func indexOfOption(name, value string) (index, bool) {
	switch name {
	case "-i", "--index-url", "--pypi-url", "--default-index":
		return index{value, true}, true
	case "--extra-index-url", "--index", "-f", "--find-links":
		return index{value, false}, true
	}
	return index{}, false
}

// indexesOfVariable returns the indexes that an environment variable of pip or uv names.
func indexesOfVariable(name, value string) (out []index) {
	option := map[string]string{
		"PIP_INDEX_URL": "--index-url", "UV_INDEX_URL": "--index-url", "UV_DEFAULT_INDEX": "--index-url",
		"PIP_EXTRA_INDEX_URL": "--extra-index-url", "UV_EXTRA_INDEX_URL": "--extra-index-url", "UV_INDEX": "--extra-index-url",
		"PIP_FIND_LINKS": "--find-links", "UV_FIND_LINKS": "--find-links",
	}[name]
	for word := range strings.FieldsSeq(value) {
		if i, ok := indexOfOption(option, word); ok {
			out = append(out, i)
		}
	}
	return out
}

// indexes are where wheels of requirements are, in the order in which the project's files name them. The public index comes last, unless
// one that a spec can name is asked instead of it.
func (m *maker) indexes() []string {
	var out []string
	instead := false
	for _, i := range m.wants.indexes {
		instead = instead || i.instead
		at := m.indexAt(i.at)
		if at != "" && !slices.Contains(out, at) {
			out = append(out, at)
		}
	}
	if (!instead || len(out) == 0) && !slices.Contains(out, publicIndex) {
		out = append(out, publicIndex)
	}
	return out
}

// indexAt is an index as a spec names it; "" if it cannot, which is noted.
func (m *maker) indexAt(raw string) string {
	if _, u, named := strings.Cut(raw, "="); named && !strings.Contains(strings.TrimSuffix(raw, "="+u), ":") {
		raw = u // uv's NAME=URL
	}
	if name := path.Clean(raw); fs.ValidPath(name) && m.isDir(name) {
		return name
	}
	u, err := url.Parse(raw)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || strings.ContainsAny(raw, "${}") {
		m.note("the index of packages", shorten(stripped(raw)), "its URL is not a plain one", "name it under python.wheels")
		return ""
	}
	secret, query := u.User != nil, u.RawQuery != "" || u.Fragment != ""
	u.User, u.RawQuery, u.Fragment = nil, "", ""
	if secret {
		m.note("the index of packages", u.String(), "a spec holds no password", "put \"machine "+u.Hostname()+" login NAME password ...\" into ~/.netrc")
	}
	if query {
		m.note("the index of packages", u.String(), "a spec holds no query, which may hold a token", "name the index under python.wheels as it is reached without one")
	}
	return u.String()
}

// stripped leaves out what may be secret in a URL that cannot be read: what is before "@", and a query.
func stripped(raw string) string {
	if i := strings.LastIndex(raw, "@"); i >= 0 {
		raw = raw[i+1:]
	}
	raw, _, _ = strings.Cut(raw, "?")
	return raw
}
