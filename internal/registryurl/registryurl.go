// Package registryurl names what is in registries: an artifact by a reference, oci:HOST/REPOSITORY:TAG, as people write it, and a
// manifest or a blob by a URL, oci://HOST/REPOSITORY/manifests/TAG and oci://HOST/REPOSITORY/blobs/DIGEST/NAME, as locks have it.
package registryurl

import (
	"errors"
	"fmt"
	"net/url"
	"path"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
)

const (
	prefix = "oci:"
	scheme = "oci://"
)

// A Reference names an artifact of a registry. It has a tag or a digest.
type Reference struct {
	Repository string // HOST/REPOSITORY
	Tag        string
	Digest     string // "sha256:..."
}

// IsReference reports whether s is meant as oci:HOST/REPOSITORY.
func IsReference(s string) bool { return strings.HasPrefix(s, prefix) }

// ParseReference reads oci:HOST/REPOSITORY[:TAG][@DIGEST]. Without either the tag is "latest".
func ParseReference(s string) (Reference, error) {
	ref := strings.TrimPrefix(s, prefix)
	host, _, _ := strings.Cut(ref, "/")
	switch {
	case strings.Contains(ref, "://"), strings.HasPrefix(ref, "//"), strings.Contains(host, "@") && !strings.Contains(host, "@sha256:"):
		return Reference{}, errors.New("expected oci:HOST/REPOSITORY:TAG, not a URL and without a password; log in instead") // s may hold a password
	case ref == "" || strings.HasPrefix(ref, ".") || strings.HasPrefix(ref, "/") || strings.Contains(ref, `\`):
		return Reference{}, fmt.Errorf("expected oci:HOST/REPOSITORY:TAG, found %.200q; name a folder without oci: in front", s)
	}
	parsed, err := name.ParseReference(ref)
	if err != nil {
		return Reference{}, fmt.Errorf("expected oci:HOST/REPOSITORY:TAG, found %.200q: %w", s, err)
	}
	out := Reference{Repository: parsed.Context().RegistryStr() + "/" + parsed.Context().RepositoryStr()}
	switch parsed := parsed.(type) {
	case name.Digest:
		out.Digest = parsed.DigestStr()
	case name.Tag:
		out.Tag = parsed.TagStr()
	}
	return out, nil
}

// String is the reference as people write it.
func (r Reference) String() string {
	if r.Digest != "" {
		return prefix + r.Repository + "@" + r.Digest
	}
	return prefix + r.Repository + ":" + r.Tag
}

// Pinned is the reference with a digest instead of a tag.
func (r Reference) Pinned(digest string) Reference {
	return Reference{Repository: r.Repository, Digest: digest}
}

// Identifier is the tag or the digest.
func (r Reference) Identifier() string {
	if r.Digest != "" {
		return r.Digest
	}
	return r.Tag
}

// A Location is a manifest or a blob of a repository.
type Location struct {
	Repository string // HOST/REPOSITORY
	Manifest   string // a tag or a digest; "" for a blob
	Blob       string // its digest
	Name       string // what a blob is called
}

// String is the URL.
func (l Location) String() string {
	if l.Manifest != "" {
		return scheme + l.Repository + "/manifests/" + l.Manifest
	}
	return scheme + l.Repository + "/blobs/" + l.Blob + "/" + url.PathEscape(l.Name)
}

// IsLocation reports whether a URL names something in a registry.
func IsLocation(s string) bool { return strings.HasPrefix(s, scheme) }

// ParseLocation reads the URL of a manifest or a blob.
func ParseLocation(s string) (Location, error) {
	wrong := errors.New("expected oci://HOST/REPOSITORY/manifests/TAG or oci://HOST/REPOSITORY/blobs/DIGEST/NAME")
	u, err := url.Parse(s)
	if err != nil || !IsLocation(s) || u.User != nil || u.Host == "" || u.RawQuery != "" || u.Fragment != "" {
		return Location{}, wrong
	}
	dir, last := path.Split(u.Path)
	dir = strings.Trim(dir, "/")
	if repository, ok := strings.CutSuffix(dir, "/manifests"); ok && last != "" {
		return checked(Location{Repository: u.Host + "/" + repository, Manifest: last}, last)
	}
	dir, digest := path.Split(dir)
	if repository, ok := strings.CutSuffix(strings.Trim(dir, "/"), "/blobs"); ok && last != "" {
		return checked(Location{Repository: u.Host + "/" + repository, Blob: digest, Name: last}, digest)
	}
	return Location{}, wrong
}

// checked refuses a location whose parts a registry's own path could not have.
func checked(l Location, identifier string) (Location, error) {
	ref := l.Repository + ":" + identifier
	if strings.Contains(identifier, ":") {
		ref = l.Repository + "@" + identifier
	}
	if _, err := name.ParseReference(ref); err != nil || l.Blob != "" && !strings.Contains(l.Blob, ":") {
		return Location{}, fmt.Errorf("%.200q is not the name of a manifest or a blob", ref)
	}
	return l, nil
}
