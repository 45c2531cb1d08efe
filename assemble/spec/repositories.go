package spec

import (
	"errors"
	"path"
	"slices"
	"strings"

	"github.com/pyimg/pyimg/apk"
	"github.com/pyimg/pyimg/internal/redact"
)

// Repositories are the repositories of a spec, in the spec's order.
type Repositories []Repository

// A Repository has packages. Its Mirrors are ready to be opened.
type Repository struct {
	*apk.Repository
	Public []string // by mirror, for locks and messages: without credentials, and a directory as the spec names it
}

// NeedsBranch reports whether a repository is given by its name on the mirrors.
func (a Alpine) NeedsBranch() bool {
	return slices.ContainsFunc(a.Repositories, func(r string) bool { _, where := cutTag(r); return !isPath(where) })
}

// repositories turns the spec's names, URLs and directories into places that can be opened.
func (s Spec) SourceRepositories() (Repositories, error) {
	var rs Repositories
	for _, r := range s.Alpine.Repositories {
		tag, where := cutTag(r)
		repo := Repository{Repository: &apk.Repository{Tag: tag}}
		add := func(base, rest string) {
			repo.Mirrors = append(repo.Mirrors, strings.TrimRight(s.Path(base), "/")+rest)
			repo.Public = append(repo.Public, strings.TrimRight(redact.URL(base), "/")+rest)
		}
		if isPath(where) {
			add(where, "")
		} else {
			for _, m := range s.Alpine.Mirrors {
				add(m, "/"+s.Alpine.Branch+"/"+where)
			}
		}
		rs = append(rs, repo)
	}
	if len(rs) == 0 {
		return nil, errors.New("no repository to take packages from; name one with --repository or alpine.repositories")
	}
	return rs, nil
}

// APK returns the repositories for the solver.
func (rs Repositories) APK() []*apk.Repository {
	out := make([]*apk.Repository, len(rs))
	for i, r := range rs {
		out[i] = r.Repository
	}
	return out
}

// PublicURLs returns the URLs of a package, for locks and messages.
func (rs Repositories) PublicURLs(p *apk.Package) []string {
	for _, r := range rs {
		if r.Repository == p.Repository {
			return r.urls(p.Arch, p.String())
		}
	}
	return redact.URLs(p.URLs())
}

// urls returns the public URLs of the package NAME-VERSION.
func (r Repository) urls(arch, nameVersion string) []string {
	urls := make([]string, len(r.Public))
	for i, m := range r.Public {
		urls[i] = m + "/" + path.Join(arch, nameVersion+".apk")
	}
	return urls
}

// Holding finds the repository that has a package at these public URLs.
func (rs Repositories) Holding(urls []string, arch, nameVersion string) (Repository, bool) {
	for _, r := range rs {
		if slices.Equal(r.urls(arch, nameVersion), urls) {
			return r, true
		}
	}
	return Repository{}, false
}
