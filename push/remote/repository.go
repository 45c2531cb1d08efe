package remote

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/pyimg/pyimg/internal/patience"
	"github.com/pyimg/pyimg/push/auth"
	"github.com/pyimg/pyimg/push/oci"
)

// A Repository is one repository of a registry. See the OCI distribution specification. Safe for concurrent use.
type Repository struct {
	Repo   name.Repository
	login  *login
	client *http.Client
	policy patience.Policy
	cred   auth.Credential
	habits *habits
	chunk  atomic.Int64 // in bytes: how much one request sends, after the registry refused more; 0 means no limit
}

// maxRedirects is the limit of net/http.
const maxRedirects = 10

// checkRedirect keeps a registry from redirecting us to an address that only this network can reach.
func checkRedirect(req *http.Request, via []*http.Request) error {
	if len(via) >= maxRedirects {
		return &refusedError{fmt.Sprintf("more than %d redirects", maxRedirects)}
	}
	from, to := via[0].URL.Hostname(), req.URL.Hostname()
	if from != to && isInternal(to) {
		return &refusedError{fmt.Sprintf("%q redirects to %q, an address of an internal network", from, to)}
	}
	return nil
}

// Fail makes an [*Error] of err; op is what was being done. It returns nil for nil.
func (s *Repository) Fail(op string, err error) error {
	cred := s.cred
	if token := s.login.seen.Load(); token != nil && cred.RegistryToken == "" {
		cred.RegistryToken = *token
	}
	return newError(op, s.Repo.Name(), s.Repo.RegistryStr(), cred, err)
}

func (s *Repository) url(kind, what string) string { return s.urlOf(s.Repo, kind, what) }

// urlOf returns the URL of a manifest, blob or list in a repository of the same registry.
func (s *Repository) urlOf(repo name.Repository, kind, what string) string {
	u := url.URL{Scheme: s.login.scheme, Host: repo.RegistryStr(), Path: "/v2/" + repo.RepositoryStr() + "/" + kind + "/" + what}
	return u.String()
}

// do sends a request and closes the body of the answer. It returns an error where the answer's status is not in want.
func (s *Repository) do(ctx context.Context, method, url string, h http.Header, body io.Reader, want ...int) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, url, body)
	if err != nil {
		return nil, err
	}
	for k, v := range h {
		req.Header[k] = v
	}
	return s.answer(req, want...)
}

// answer sends a request and reads its answer to the end.
func (s *Repository) answer(req *http.Request, want ...int) (*http.Response, error) {
	resp, err := s.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if err := checkStatus(resp, want...); err != nil {
		return resp, err
	}
	if err := discard(resp); errors.Is(err, patience.ErrSlow) {
		return resp, err
	}
	return resp, nil
}

// head asks for something that may be missing. It takes a refusal to answer as missing: the write that follows gets an
// answer with a body, which says why.
func (s *Repository) head(ctx context.Context, url string, h http.Header) (*http.Response, bool, error) {
	resp, err := s.do(ctx, http.MethodHead, url, h, nil, http.StatusOK, http.StatusNotFound,
		http.StatusUnauthorized, http.StatusForbidden, http.StatusMethodNotAllowed)
	if err != nil {
		return nil, false, err
	}
	return resp, resp.StatusCode == http.StatusOK, nil
}

// accepted returns the header with the media types of manifests that we read.
func accepted() http.Header {
	return http.Header{"Accept": {strings.Join([]string{
		string(types.OCIImageIndex), string(types.OCIManifestSchema1), string(types.DockerManifestList), string(types.DockerManifestSchema2),
	}, ", ")}}
}

// LogIn fetches a token where the registry requires one. It fails where the credentials are wrong.
func (s *Repository) LogIn(ctx context.Context) error {
	_, err := s.login.authorization(ctx, "")
	return s.Fail("logging in", err)
}

// KeepToken renews the token each time before it ends, until ctx ends.
func (s *Repository) KeepToken(ctx context.Context) { s.login.keepFresh(ctx) }

// DigestOf returns the digest that a tag or digest names, or "" where there is no such manifest.
func (s *Repository) DigestOf(ctx context.Context, identifier string) (string, error) {
	resp, there, err := s.head(ctx, s.url("manifests", identifier), accepted())
	if err != nil {
		return "", s.Fail(fmt.Sprintf("asking for manifest %q", identifier), err)
	}
	if !there {
		return "", nil
	}
	if digest := resp.Header.Get("Docker-Content-Digest"); digest != "" {
		return digest, nil
	}
	desc, _, err := s.Manifest(ctx, identifier) // the registry omits the header, as the specification allows
	return desc.Digest.String(), err
}

// Manifest reads a manifest by its tag or digest. It checks a manifest that was named by digest.
func (s *Repository) Manifest(ctx context.Context, identifier string) (v1.Descriptor, []byte, error) {
	desc, raw, _, err := s.Get(ctx, "manifests", identifier)
	if err == nil && strings.Contains(identifier, ":") && desc.Digest.String() != identifier {
		err = &oci.DigestError{Want: identifier, Got: desc.Digest.String(), Size: desc.Size, GotSize: desc.Size}
	}
	return desc, raw, s.Fail(fmt.Sprintf("reading manifest %q", identifier), err)
}

// Get reads a small body and its ETag. kind is "manifests" or "referrers", and what is the name within kind. Get
// repeats the request where the answer is incomplete. Its error does not say what was being done: see
// [Repository.Fail].
func (s *Repository) Get(ctx context.Context, kind, what string) (desc v1.Descriptor, raw []byte, etag string, err error) {
	url := s.url(kind, what)
	resp, err := whole(ctx, s.policy, s.Repo.RegistryStr(), func(ctx context.Context) (h http.Header, err error) {
		h, raw, err = s.getOnce(ctx, url)
		return h, err
	})
	if err != nil {
		return v1.Descriptor{}, nil, "", err
	}
	mediaType, _, _ := strings.Cut(resp.Get("Content-Type"), ";")
	desc = v1.Descriptor{MediaType: types.MediaType(mediaType), Digest: oci.SHA256(raw), Size: int64(len(raw))}
	return desc, raw, resp.Get("ETag"), nil
}

func (s *Repository) getOnce(ctx context.Context, url string) (http.Header, []byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, nil, err
	}
	req.Header = accepted()
	resp, err := s.client.Do(req)
	if err != nil {
		return nil, nil, err
	}
	defer resp.Body.Close()
	if err := checkStatus(resp, http.StatusOK); err != nil {
		return nil, nil, err
	}
	raw, err := oci.ReadAll(resp.Body, oci.MaxManifest)
	return resp.Header, raw, err
}

// Untag deletes a tag. Many registries cannot.
func (s *Repository) Untag(ctx context.Context, tag string) error {
	_, err := s.do(ctx, http.MethodDelete, s.url("manifests", tag), nil, nil, http.StatusAccepted)
	return s.Fail(fmt.Sprintf("deleting tag %q", tag), err)
}

// PutManifest stores a manifest under a tag or its digest, and returns the answer.
func (s *Repository) PutManifest(ctx context.Context, m oci.Manifest, identifier string) (*http.Response, error) {
	return s.PutManifestIf(s.storing().Context(ctx), m, identifier, http.Header{})
}

// PutManifestIf is PutManifest with a header that has a condition. ctx has its tries.
func (s *Repository) PutManifestIf(ctx context.Context, m oci.Manifest, identifier string, h http.Header) (*http.Response, error) {
	op := fmt.Sprintf("pushing manifest %q", identifier)
	h.Set("Content-Type", string(m.Desc.MediaType))
	resp, err := s.do(ctx, http.MethodPut, s.url("manifests", identifier), h, bytes.NewReader(m.Raw), http.StatusCreated, http.StatusOK, http.StatusAccepted)
	if err == nil {
		err = sameDigest(resp, m.Desc.Digest)
	}
	return resp, s.Fail(op, err)
}

// storing starts the tries of a request after which the registry must store something.
func (s *Repository) storing() *patience.Tries {
	policy := s.policy
	policy.Limit = uploadLimit
	return policy.Start()
}

// sameDigest returns an error where an answer names another digest than the bytes sent have. Many registries name none.
func sameDigest(resp *http.Response, want v1.Hash) error {
	if got := resp.Header.Get("Docker-Content-Digest"); got != "" && got != want.String() {
		return fmt.Errorf("the registry says that it stored %q instead of %q", got, want)
	}
	return nil
}
