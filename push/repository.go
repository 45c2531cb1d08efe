package push

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync/atomic"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/pyimg/pyimg/internal/patience"
	"github.com/pyimg/pyimg/push/auth"
	"github.com/pyimg/pyimg/push/oci"
)

// A repository speaks the distribution protocol. See the OCI distribution specification.
type repository struct {
	repo   name.Repository
	login  *login
	client *http.Client
	policy patience.Policy
	who    auth.Credential
	chunk  atomic.Int64 // in bytes: what is sent at once, since more was refused; 0 is no limit
}

// credentials finds those for a repository, and where they came from.
func (r Registry) credentials(ctx context.Context, repo name.Repository) (auth.Credential, error) {
	keys := r.Keychain
	if keys == nil {
		keys = auth.Keychain(os.Getenv)
	}
	who, err := auth.Find(ctx, keys, repo)
	return who, newError("finding credentials", repo.Name(), repo.RegistryStr(), auth.Credential{}, err)
}

// open readies a repository for requests of a kind, "pull" or "push,pull", and for reading the repositories to mount from.
func (r Registry) open(ctx context.Context, repo name.Repository, greet func() (greeting, error), inner retrying, actions string, from []name.Repository) (*repository, error) {
	who, err := r.credentials(ctx, repo)
	if err != nil {
		return nil, err
	}
	g, err := greet()
	if err != nil {
		return nil, newError("logging in", repo.Name(), repo.RegistryStr(), who, err)
	}
	scopes := []string{repo.Scope(actions)}
	for _, f := range from {
		scopes = append(scopes, f.Scope(transport.PullScope))
	}
	l := newLogin(g, repo.Registry, who, inner, r.policy(), scopes)
	return &repository{repo: repo, login: l, client: &http.Client{Transport: l, CheckRedirect: checkRedirect}, policy: r.policy(), who: who}, nil
}

// maxRedirects is that of net/http.
const maxRedirects = 10

// checkRedirect keeps a registry from sending us to what only this network can reach.
func checkRedirect(req *http.Request, via []*http.Request) error {
	if len(via) >= maxRedirects {
		return &refusedError{fmt.Sprintf("more than %d redirects", maxRedirects)}
	}
	from, to := via[0].URL.Hostname(), req.URL.Hostname()
	if from != to && isInternal(to) {
		return &refusedError{fmt.Sprintf("%q redirects to %q, an address of this network", from, to)}
	}
	return nil
}

func (s *repository) fail(op string, err error) error {
	who := s.who
	if token := s.login.seen.Load(); token != nil && who.RegistryToken == "" {
		who.RegistryToken = *token
	}
	return newError(op, s.repo.Name(), s.repo.RegistryStr(), who, err)
}

func (s *repository) url(kind, what string) string { return s.urlOf(s.repo, kind, what) }

// urlOf is that of a thing in a repository of the same registry.
func (s *repository) urlOf(repo name.Repository, kind, what string) string {
	u := url.URL{Scheme: s.login.scheme, Host: repo.RegistryStr(), Path: "/v2/" + repo.RepositoryStr() + "/" + kind + "/" + what}
	return u.String()
}

// do sends a request without a body and gives the answer, whose body is closed, if its status is among those wanted.
func (s *repository) do(ctx context.Context, method, url string, h http.Header, body io.Reader, want ...int) (*http.Response, error) {
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
func (s *repository) answer(req *http.Request, want ...int) (*http.Response, error) {
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

// head asks for something that may be missing. A registry that refuses to tell is taken for one that lacks it: its answer
// to the write that follows has a body, which says why.
func (s *repository) head(ctx context.Context, url string, h http.Header) (*http.Response, bool, error) {
	resp, err := s.do(ctx, http.MethodHead, url, h, nil, http.StatusOK, http.StatusNotFound,
		http.StatusUnauthorized, http.StatusForbidden, http.StatusMethodNotAllowed)
	if err != nil {
		return nil, false, err
	}
	return resp, resp.StatusCode == http.StatusOK, nil
}

// accepted are the kinds of manifest that we ask for.
func accepted() http.Header {
	return http.Header{"Accept": {strings.Join([]string{
		string(types.OCIImageIndex), string(types.OCIManifestSchema1), string(types.DockerManifestList), string(types.DockerManifestSchema2),
	}, ", ")}}
}

// headManifest gives the digest that a tag or digest names, or "".
func (s *repository) headManifest(ctx context.Context, identifier string) (string, error) {
	resp, there, err := s.head(ctx, s.url("manifests", identifier), accepted())
	if err != nil {
		return "", s.fail(fmt.Sprintf("asking for manifest %q", identifier), err)
	}
	if !there {
		return "", nil
	}
	if digest := resp.Header.Get("Docker-Content-Digest"); digest != "" {
		return digest, nil
	}
	desc, _, err := s.getManifest(ctx, identifier) // a registry that leaves the header out, as the specification allows
	return desc.Digest.String(), err
}

// getManifest reads a manifest. Named by its digest, it is checked against it.
func (s *repository) getManifest(ctx context.Context, identifier string) (v1.Descriptor, []byte, error) {
	desc, raw, _, err := s.get(ctx, s.url("manifests", identifier))
	if err == nil && strings.Contains(identifier, ":") && desc.Digest.String() != identifier {
		err = &oci.MismatchError{Want: identifier, Got: desc.Digest.String(), Size: desc.Size, GotSize: desc.Size}
	}
	return desc, raw, s.fail(fmt.Sprintf("reading manifest %q", identifier), err)
}

// get reads something small, with its ETag. An answer that breaks off is asked for again.
func (s *repository) get(ctx context.Context, url string) (desc v1.Descriptor, raw []byte, etag string, err error) {
	resp, err := whole(ctx, s.policy, s.repo.RegistryStr(), func(ctx context.Context) (h http.Header, err error) {
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

func (s *repository) getOnce(ctx context.Context, url string) (http.Header, []byte, error) {
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

// putManifest stores a manifest under a tag or under its digest, and gives the answer.
func (s *repository) putManifest(ctx context.Context, m oci.Manifest, identifier string) (*http.Response, error) {
	return s.putManifestIf(s.storing().Context(ctx), m, identifier, http.Header{})
}

// putManifestIf is putManifest with a condition in the header, and with the tries of ctx.
func (s *repository) putManifestIf(ctx context.Context, m oci.Manifest, identifier string, h http.Header) (*http.Response, error) {
	op := fmt.Sprintf("pushing manifest %q", identifier)
	h.Set("Content-Type", string(m.Desc.MediaType))
	resp, err := s.do(ctx, http.MethodPut, s.url("manifests", identifier), h, bytes.NewReader(m.Raw), http.StatusCreated, http.StatusOK, http.StatusAccepted)
	if err == nil {
		err = sameDigest(resp, m.Desc.Digest)
	}
	return resp, s.fail(op, err)
}

// storing begins something that the registry has to store.
func (s *repository) storing() *patience.Tries {
	policy := s.policy
	policy.Limit = uploadLimit
	return policy.Start()
}

// sameDigest refuses an answer that names other bytes than those sent; many registries name none.
func sameDigest(resp *http.Response, want v1.Hash) error {
	if got := resp.Header.Get("Docker-Content-Digest"); got != "" && got != want.String() {
		return fmt.Errorf("the registry says that it stored %q instead of %q", got, want)
	}
	return nil
}
