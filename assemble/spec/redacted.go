package spec

import (
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/pyimg/pyimg/internal/redact"
)

// Redacted returns the spec for printing: its URLs have no user names, passwords, queries and fragments.
func (s Spec) Redacted() Spec {
	s.Alpine.Mirrors = redacted(s.Alpine.Mirrors)
	s.Alpine.Repositories = redacted(s.Alpine.Repositories)
	if s.Python.Wheels != nil {
		s.Python.Wheels = redacted(s.Python.Wheels)
	}
	s.Runtimes = slices.Clone(s.Runtimes)
	for i := range s.Runtimes {
		r := &s.Runtimes[i]
		r.Source, r.Mirror, r.Sources = redactedURL(r.Source), redactedURL(r.Mirror), maps.Clone(r.Sources)
		for p, source := range r.Sources {
			r.Sources[p] = redactedURL(source)
		}
	}
	return s
}

func redacted(locations []string) []string {
	out := make([]string, len(locations))
	for i, l := range locations {
		out[i] = redactedURL(l)
	}
	return out
}

// redactedURL changes only URLs that have credentials, because redact.URL escapes placeholders such as {version}.
func redactedURL(location string) string {
	if _, where := cutTag(location); !hasCredentials(where) {
		return location
	}
	return strings.NewReplacer("%7B", "{", "%7D", "}").Replace(redact.URL(location))
}

// hasCredentials reports whether a URL has, or may have, a user name, a password, a query or a fragment.
func hasCredentials(location string) bool {
	if !IsURL(location) {
		return false
	}
	u, err := url.Parse(location)
	if err != nil || u.Opaque != "" {
		return strings.ContainsAny(location, "@?#")
	}
	return u.User != nil || u.RawQuery != "" || u.Fragment != ""
}
