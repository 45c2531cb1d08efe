package spec

import (
	_ "embed"
	"path/filepath"
	"slices"
	"strings"
)

// IsURL reports whether s is a URL, not a path.
func IsURL(s string) bool { return strings.Contains(s, "://") }

// Locations returns the mirrors, the repositories without their tags, the runtimes' sources and mirrors, as they are
// in force on the spec's platforms, and the indexes of wheels. Most are URLs.
func (s Spec) Locations() []string {
	all := slices.Clone(s.Alpine.Mirrors)
	for _, r := range s.Alpine.Repositories {
		_, where := cutTag(r)
		all = append(all, where)
	}
	for _, r := range s.Runtimes {
		all = append(all, r.Mirror)
		for _, p := range append(platformsOf(r.Sources), s.Platforms...) {
			all = append(all, r.At(p))
		}
	}
	for _, p := range append(platformsOf(s.Base.Sources), s.Platforms...) {
		if ref := s.Base.At(p); ref != "" {
			all = append(all, ref)
		}
	}
	for _, m := range s.Python.Mirrors {
		all = append(all, m.URLs...)
	}
	return append(all, s.Python.Indexes()...)
}

// HasCredentials reports whether a URL of the spec has a user name, a password or a query, which pyimg never writes down.
func (s Spec) HasCredentials() bool {
	return slices.ContainsFunc(s.Locations(), hasCredentials)
}

// cutTag splits "@tag URL"; without a tag all of s is the place.
func cutTag(s string) (tag, where string) {
	if !strings.HasPrefix(s, "@") {
		return "", s
	}
	tag, where, _ = strings.Cut(s[1:], " ")
	return tag, strings.TrimSpace(where)
}

// isPath reports whether a repository is given by URL or directory, not by its name on the mirrors.
func isPath(s string) bool { return IsURL(s) || strings.Contains(s, "/") || s == "." || s == ".." }

// Path returns a path of the spec, ready to be opened; URLs stay.
func (s Spec) Path(p string) string {
	if IsURL(p) || filepath.IsAbs(p) || s.Dir == "" {
		return p
	}
	return filepath.Join(s.Dir, p)
}

// KeyPaths returns the key files and folders of the spec, ready to be opened.
func (s Spec) KeyPaths() []string {
	paths := make([]string, len(s.Alpine.Keys))
	for i, k := range s.Alpine.Keys {
		paths[i] = s.Path(k)
	}
	return paths
}

// FromDir is a path as it is from the spec's folder, with slashes, so that it means the same wherever the folder is.
func (s Spec) FromDir(p string) string {
	dir, err := filepath.Abs(s.Dir)
	if err == nil {
		if p, err = filepath.Abs(p); err == nil {
			if rel, err := filepath.Rel(dir, p); err == nil {
				p = rel
			}
		}
	}
	return filepath.ToSlash(p)
}
