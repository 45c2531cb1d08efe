package draft

import (
	"io/fs"
	"net/url"
	"path"
	"slices"
	"strings"

	"github.com/pyimg/pyimg/assemble/draft/pyproject"
	"github.com/pyimg/pyimg/internal/redact"
)

// publicIndex is the index that pip and uv ask where no file says otherwise.
const publicIndex = pyproject.PublicIndex

// An index is where a project's tools look for packages.
type index struct {
	at      string // a URL or, for --find-links, a folder of the project
	rank    rank
	instead bool // it is asked instead of the public index, not in addition to it
}

// A rank says which indexes are asked first. pip takes the best file of all places, a spec uses the first that has the project: so what
// somebody named comes before the public index, which anybody may upload to.
type rank int

const (
	linkedFolder      rank = iota // --find-links
	pipIndex                      // --index-url: a later one replaces it
	namedIndex                    // --extra-index-url and uv's indexes
	lastIndex                     // uv's default index
	supplementalIndex             // poetry's, asked after the public one
	explicitIndex                 // uv's and poetry's, asked for single packages alone
)

// indexOfOption returns the index that an option of pip or uv names, see "pip install --help" and "uv pip install --help".
func indexOfOption(name, value string) (index, bool) {
	switch name {
	case "-i", "--index-url", "--pypi-url":
		return index{value, pipIndex, true}, true
	case "--default-index":
		return index{value, lastIndex, true}, true
	case "--extra-index-url", "--index":
		return index{value, namedIndex, false}, true
	case "-f", "--find-links":
		return index{value, linkedFolder, false}, true
	}
	return index{}, false
}

// indexVariable takes over what an environment variable of pip or uv says of indexes.
func (m *maker) indexVariable(name, value string) {
	option := ""
	switch name {
	case "PIP_INDEX_URL", "UV_INDEX_URL":
		option = "--index-url"
	case "UV_DEFAULT_INDEX":
		option = "--default-index"
	case "PIP_EXTRA_INDEX_URL", "UV_EXTRA_INDEX_URL", "UV_INDEX":
		option = "--extra-index-url"
	case "UV_FIND_LINKS": // its values are parted by commas
		option, value = "--find-links", strings.ReplaceAll(value, ",", " ")
	case "PIP_FIND_LINKS":
		option = "--find-links"
	case "PIP_NO_INDEX", "UV_NO_INDEX":
		m.wants.noIndex = m.wants.noIndex || slices.Contains([]string{"1", "true", "yes", "on"}, strings.ToLower(value))
	}
	for word := range strings.FieldsSeq(value) {
		if i, ok := indexOfOption(option, word); ok {
			m.addIndex(i)
		}
	}
}

func (m *maker) addIndex(i index) {
	if i.at == "" {
		return // a variable without a value
	}
	if i.rank == pipIndex {
		m.wants.indexes = slices.DeleteFunc(m.wants.indexes, func(old index) bool { return old.rank == pipIndex })
	}
	m.wants.indexes = append(m.wants.indexes, i)
}

// folderOf returns the first of some paths that is a folder of the project, and else the last.
func (m *maker) folderOf(candidates ...string) string {
	for _, c := range candidates {
		if c != "" && fs.ValidPath(path.Clean(c)) && m.isDir(path.Clean(c)) {
			return path.Clean(c)
		}
	}
	return candidates[len(candidates)-1]
}

// indexes are where wheels of requirements are, in the order in which pyimg asks. The public index is among them unless another one is
// asked instead of it; and where nothing else can be named, because a spec needs one.
func (m *maker) indexes() []string {
	var out []string
	add := func(at string) {
		if at != "" && !slices.ContainsFunc(out, func(old string) bool { return strings.TrimRight(old, "/") == strings.TrimRight(at, "/") }) {
			out = append(out, at)
		}
	}
	named := slices.Clone(m.wants.indexes)
	slices.SortStableFunc(named, func(a, b index) int { return int(a.rank - b.rank) })
	public := !m.wants.noIndex && !slices.ContainsFunc(named, func(i index) bool { return i.instead })
	for _, i := range named {
		if i.rank > lastIndex && public {
			add(publicIndex)
		}
		if m.wants.noIndex && i.rank != linkedFolder {
			continue
		}
		if i.rank == linkedFolder && strings.Contains(i.at, "://") {
			m.note("the page of links", hide(i.at), "it is no index of packages", "put its wheels into a folder, and name that under python.wheels")
			continue
		}
		at := m.indexAt(i.at)
		if i.rank == explicitIndex {
			m.note("the index of packages", at, "the project asks it for single packages alone", "put their wheels into a folder, and name that under python.wheels")
			continue
		}
		add(at)
	}
	if m.wants.noIndex && len(out) == 0 {
		m.note("--no-index", "", "no folder of wheels is named that is here", "replace the public index under python.wheels")
	}
	if public || len(out) == 0 {
		add(publicIndex)
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
	switch {
	case !strings.Contains(raw, "://"):
		m.note("the folder of packages", hide(raw), "there is no such folder here", "name it under python.wheels")
		return ""
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || strings.ContainsAny(raw, "${}"):
		m.note("the index of packages", hide(raw), "its URL is not a plain one", "name it under python.wheels")
		return ""
	}
	secret, query := u.User != nil, u.RawQuery != "" || u.Fragment != ""
	u.User, u.RawQuery, u.ForceQuery, u.Fragment = nil, "", false, ""
	if secret {
		m.note("the index of packages", u.String(), "a spec holds no password", "put \"machine "+u.Hostname()+" login NAME password ...\" into ~/.netrc")
	}
	if query {
		m.note("the index of packages", u.String(), "a spec holds no query, which may hold a token", "name the index under python.wheels as it is reached without one")
	}
	return u.String()
}

// hide removes user names, passwords and queries from the URLs in a text, also in one with a shell's quotes.
func hide(text string) string {
	words := strings.Split(text, " ")
	for i, w := range words {
		if plain := strings.NewReplacer(`"`, "", "'", "", `\`, "").Replace(w); redact.HasSecrets(plain) {
			words[i] = redact.Text(plain)
		}
	}
	return redact.Text(strings.Join(words, " "))
}
