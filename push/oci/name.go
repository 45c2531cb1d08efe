package oci

import (
	"fmt"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
)

// ExplainReference says why s is no reference where that is simple to say (repository names are lower case); else it
// returns err, which is what parsing it said.
func ExplainReference(s string, err error) error {
	host, path, ok := strings.Cut(s, "/")
	if !ok || !strings.ContainsAny(host, ".:") && host != "localhost" {
		host, path = "", s
	}
	repo, rest := path, ""
	if at := strings.IndexAny(path, ":@"); at >= 0 {
		repo, rest = path[:at], path[at:]
	}
	lower := strings.ToLower(repo) + rest
	if host != "" {
		lower = host + "/" + lower
	}
	if _, lerr := name.ParseReference(lower); lerr != nil || lower == s {
		return err
	}
	return fmt.Errorf("repository names are lower case; did you mean %q?", lower)
}
