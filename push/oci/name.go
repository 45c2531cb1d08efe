package oci

import (
	"fmt"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
)

// ExplainReference returns an error that explains why s is not a reference, where the cause is an upper-case letter in
// a repository name. Otherwise it returns err, the error of parsing s.
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
