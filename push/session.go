package push

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// A session speaks the distribution protocol with one repository. See the OCI distribution specification; the handshake,
// the tokens and their renewal are go-containerregistry's.
type session struct {
	repo   name.Repository
	client *http.Client
	policy policy
	who    credential
}

// credentials finds those for a repository, and where they came from.
func (r Registry) credentials(ctx context.Context, repo name.Repository) (authn.Authenticator, credential, error) {
	keys := r.Keychain
	if keys == nil {
		keys = Keychain(os.Getenv)
	}
	auth, err := authn.Resolve(ctx, keys, repo)
	if err != nil {
		return nil, credential{}, newError("finding credentials", repo.Name(), repo.RegistryStr(), credential{}, err)
	}
	if c, ok := auth.(credential); ok {
		return auth, c, nil
	}
	if auth == authn.Anonymous {
		return auth, credential{}, nil
	}
	cfg, err := authn.Authorization(ctx, auth) // of a caller's own keychain
	if err != nil {
		return nil, credential{}, newError("finding credentials", repo.Name(), repo.RegistryStr(), credential{}, &CredentialError{Source: "the keychain", Err: err})
	}
	return auth, credential{AuthConfig: *cfg, source: "the keychain"}, nil
}

// session logs in to a repository for pushing.
func (r Registry) session(ctx context.Context, repo name.Repository, inner http.RoundTripper) (*session, error) {
	auth, who, err := r.credentials(ctx, repo)
	if err != nil {
		return nil, err
	}
	t, err := transport.NewWithContext(ctx, repo.Registry, auth, inner, []string{repo.Scope(transport.PushScope)})
	if err != nil {
		return nil, newError("logging in", repo.Name(), repo.RegistryStr(), who, err)
	}
	return &session{repo: repo, client: &http.Client{Transport: t, CheckRedirect: checkRedirect}, policy: r.policy(), who: who}, nil
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

func (s *session) fail(op string, err error) error {
	return newError(op, s.repo.Name(), s.repo.RegistryStr(), s.who, err)
}

func (s *session) url(kind, what string) string {
	u := url.URL{Scheme: s.repo.Scheme(), Host: s.repo.RegistryStr(), Path: "/v2/" + s.repo.RepositoryStr() + "/" + kind + "/" + what}
	return u.String()
}

// do sends a request without a body and gives the answer, whose body is closed, if its status is among those wanted.
func (s *session) do(ctx context.Context, method, url string, h http.Header, body io.Reader, want ...int) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, url, body)
	if err != nil {
		return nil, err
	}
	for k, v := range h {
		req.Header[k] = v
	}
	return s.send(req, want...)
}

func (s *session) send(req *http.Request, want ...int) (*http.Response, error) {
	resp, err := s.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if err := transport.CheckError(resp, want...); err != nil {
		return resp, err
	}
	_, _ = io.CopyN(io.Discard, resp.Body, maxDrained) // keeps the connection
	return resp, nil
}

// head asks for something that may be missing. A registry that refuses to tell is taken for one that lacks it: its answer
// to the write that follows has a body, which says why.
func (s *session) head(ctx context.Context, url string, h http.Header) (*http.Response, bool, error) {
	resp, err := s.do(ctx, http.MethodHead, url, h, nil, http.StatusOK, http.StatusNotFound,
		http.StatusUnauthorized, http.StatusForbidden, http.StatusMethodNotAllowed)
	if err != nil {
		return nil, false, err
	}
	return resp, resp.StatusCode == http.StatusOK, nil
}

// headManifest gives the digest that a reference names, or "".
func (s *session) headManifest(ctx context.Context, ref name.Reference) (string, error) {
	accept := strings.Join([]string{string(types.OCIImageIndex), string(types.OCIManifestSchema1), string(types.DockerManifestList), string(types.DockerManifestSchema2)}, ", ")
	resp, there, err := s.head(ctx, s.url("manifests", ref.Identifier()), http.Header{"Accept": {accept}})
	if err != nil {
		return "", s.fail(fmt.Sprintf("asking for manifest %q", ref.Identifier()), err)
	}
	if !there {
		return "", nil
	}
	return resp.Header.Get("Docker-Content-Digest"), nil
}

func (s *session) hasBlob(ctx context.Context, digest v1.Hash) (bool, error) {
	_, there, err := s.head(ctx, s.url("blobs", digest.String()), nil)
	return there, s.fail(fmt.Sprintf("asking for blob %q", digest), err)
}

// upload sends a blob: POST for a location, PUT of all bytes to it. What fails half-way begins anew with a new location
// and, because each request may renew it, a new token.
func (s *session) upload(ctx context.Context, b blob, task Task) error {
	op := fmt.Sprintf("uploading blob %q (%d bytes)", b.desc.Digest, b.desc.Size)
	for n := 1; ; n++ {
		location, err := s.begin(ctx)
		if err != nil {
			return s.fail(op, err)
		}
		wait, err := s.put(ctx, location, b, task)
		if err == nil {
			return nil
		}
		var final *sourceError
		if errors.As(err, &final) {
			return fmt.Errorf("%s for %q: %w", op, s.repo.Name(), final.err)
		}
		if !s.mayPass(err) || !s.policy.pause(ctx, n, wait) {
			return s.fail(op, cmp.Or(ctx.Err(), err))
		}
	}
}

// mayPass says whether a failed PUT is worth another upload. A token that ran out while the body was on its way shows as
// a 401 or as a body that cannot be sent twice; the next upload begins with a new one.
func (s *session) mayPass(err error) bool {
	var te *transport.Error
	if errors.As(err, &te) {
		expired := te.StatusCode == http.StatusUnauthorized && s.who.source != ""
		lost := te.StatusCode == http.StatusNotFound || te.StatusCode == http.StatusRequestedRangeNotSatisfiable // the upload, at a restarted registry
		return expired || lost || transient(te.StatusCode)
	}
	return transientError(err) || errors.Is(err, errSent) || strings.Contains(err.Error(), "with Body length") // net/http's
}

// begin asks where to upload to.
func (s *session) begin(ctx context.Context) (*url.URL, error) {
	resp, err := s.do(ctx, http.MethodPost, s.url("blobs", "uploads/"), nil, nil, http.StatusAccepted)
	if err != nil {
		return nil, err
	}
	location, err := resp.Location()
	if err != nil {
		return nil, fmt.Errorf("reading where to upload to: %w", err)
	}
	if host := location.Hostname(); host != resp.Request.URL.Hostname() && isInternal(host) {
		return nil, &refusedError{fmt.Sprintf("the registry wants the upload at %q, an address of another network; its own name in its configuration is wrong, or it means harm", location.Host)}
	}
	return location, nil
}

// put sends a blob's bytes, closes their reader, and says how long the registry wants us to wait where it failed.
func (s *session) put(ctx context.Context, location *url.URL, b blob, task Task) (retryAt time.Duration, err error) {
	rc, err := b.open()
	if err != nil {
		return 0, &sourceError{err}
	}
	body := &upload{checked: newChecked(rc, b.desc), task: task}
	defer func() {
		if err != nil {
			task.Add(-body.n.Load())
		}
	}()
	q := location.Query()
	q.Set("digest", b.desc.Digest.String())
	location.RawQuery = q.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, location.String(), body)
	if err != nil {
		_ = body.Close()
		return 0, err
	}
	req.ContentLength = b.desc.Size
	req.Header.Set("Content-Type", "application/octet-stream")
	if b.desc.Size == 0 {
		req.Body = http.NoBody // else net/http probes it and sends it chunked
		_ = body.Close()
	}
	resp, err := s.send(req, http.StatusCreated, http.StatusNoContent, http.StatusAccepted)
	if source := body.sourceErr(); source != nil {
		return 0, &sourceError{source}
	}
	if err != nil {
		if resp != nil {
			retryAt = retryAfter(resp.Header)
		}
		return retryAt, err
	}
	return 0, sameDigest(resp, b.desc.Digest)
}

// putManifest stores a manifest under a tag or under its digest.
func (s *session) putManifest(ctx context.Context, m manifest, identifier string) error {
	op := fmt.Sprintf("pushing manifest %q", identifier)
	h := http.Header{"Content-Type": {string(m.desc.MediaType)}}
	resp, err := s.do(ctx, http.MethodPut, s.url("manifests", identifier), h, bytes.NewReader(m.raw), http.StatusCreated, http.StatusOK, http.StatusAccepted)
	if err == nil {
		err = sameDigest(resp, m.desc.Digest)
	}
	return s.fail(op, err)
}

// sameDigest refuses an answer that names other bytes than those sent; many registries name none.
func sameDigest(resp *http.Response, want v1.Hash) error {
	if got := resp.Header.Get("Docker-Content-Digest"); got != "" && got != want.String() {
		return fmt.Errorf("the registry says that it stored %q instead of %q", got, want)
	}
	return nil
}
