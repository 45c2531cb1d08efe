package remote_test

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/pyimg/pyimg/internal/fixture"
	"github.com/pyimg/pyimg/push/oci"
	"github.com/pyimg/pyimg/push/remote"
)

func client() remote.Client {
	return remote.Client{Keychain: authn.NewMultiKeychain(), Backoff: time.Millisecond}
}

// open opens a repository of a registry that serves until the test ends.
func open(t *testing.T, reg *fixture.Registry, c remote.Client, repository string) (*remote.Connection, *remote.Repository) {
	t.Helper()
	url, err := reg.Serve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	repo, err := name.NewRepository(strings.TrimPrefix(url, "http://") + "/" + repository)
	if err != nil {
		t.Fatal(err)
	}
	way, err := c.Connect()
	if err != nil {
		t.Fatal(err)
	}
	opened, err := way.Open(t.Context(), repo, "push,pull", nil)
	if err != nil {
		t.Fatal(err)
	}
	return way, opened
}

type counter struct{ atomic.Int64 }

func (c *counter) Add(n int64) { c.Int64.Add(n) }

func blob(content string) oci.Blob {
	raw := []byte(content)
	return oci.Memory(v1.Descriptor{MediaType: types.OCILayer, Digest: oci.SHA256(raw), Size: int64(len(raw))}, raw)
}

// TestRepository: what was uploaded can be read, and the error of something missing differs from other errors.
func TestRepository(t *testing.T) {
	t.Parallel()
	way, repo := open(t, fixture.NewRegistry(), client(), "team/app")
	b, config := blob("layer"), blob("{}")
	for _, b := range []oci.Blob{b, config} {
		var sent counter
		if mounted, err := repo.Upload(t.Context(), b, "", &sent); mounted || err != nil || sent.Load() != b.Desc.Size {
			t.Fatalf("Upload = %v, %v, with %d bytes of %d counted", mounted, err, sent.Load(), b.Desc.Size)
		}
	}
	if there, err := repo.HasBlob(t.Context(), repo.Repo, b.Desc.Digest); !there || err != nil {
		t.Errorf("HasBlob = %v, %v", there, err)
	}
	if there, err := repo.HasBlob(t.Context(), repo.Repo, oci.SHA256([]byte("none"))); there || err != nil {
		t.Errorf("HasBlob of another = %v, %v", there, err)
	}
	raw := []byte(`{"schemaVersion":2,"config":{"digest":"` + config.Desc.Digest.String() + `","size":2},"layers":[]}`)
	m := oci.Manifest{Desc: v1.Descriptor{MediaType: types.OCIManifestSchema1, Digest: oci.SHA256(raw), Size: int64(len(raw))}, Raw: raw}
	if _, err := repo.PutManifest(t.Context(), m, "v1"); err != nil {
		t.Fatal(err)
	}
	if got, err := repo.DigestOf(t.Context(), "v1"); got != m.Desc.Digest.String() || err != nil {
		t.Errorf("DigestOf = %q, %v", got, err)
	}
	if got, err := repo.DigestOf(t.Context(), "v2"); got != "" || err != nil {
		t.Errorf("DigestOf of another tag = %q, %v", got, err)
	}
	if desc, got, err := repo.Manifest(t.Context(), m.Desc.Digest.String()); err != nil || !bytes.Equal(got, raw) || desc.MediaType != m.Desc.MediaType {
		t.Errorf("Manifest = %v, %q, %v", desc, got, err)
	}
	if _, _, err := repo.Manifest(t.Context(), "v2"); !remote.IsMissing(err) {
		t.Errorf("Manifest of another tag: %v, want one that is missing", err)
	}
	if way.Answered() == 0 {
		t.Error("no answer was counted")
	}
}

func TestSource(t *testing.T) {
	t.Parallel()
	_, repo := open(t, fixture.NewRegistry(), client(), "app")
	b := blob("layer")
	if _, err := repo.Upload(t.Context(), b, "", new(counter)); err != nil {
		t.Fatal(err)
	}
	from := repo.Source(t.Context())
	rc, err := from.Blob(b.Desc)
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(rc)
	if err := errors.Join(err, rc.Close()); err != nil || string(got) != "layer" {
		t.Errorf("the blob is %q, %v", got, err)
	}
	if _, err := from.Blob(blob("none").Desc); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a blob that is not there: %v", err)
	}
	if _, err := from.Manifest(blob("none").Desc); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a manifest that is not there: %v", err)
	}
}

// TestUploadOfOtherBytes: a blob that does not match its digest is not sent twice, and the registry never accepts it.
func TestUploadOfOtherBytes(t *testing.T) {
	t.Parallel()
	reg := fixture.NewRegistry()
	_, repo := open(t, reg, client(), "app")
	b := blob("layer")
	b.Open = func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader("Layer")), nil }
	var mismatch *oci.DigestError
	var failed *remote.Error
	if _, err := repo.Upload(t.Context(), b, "", new(counter)); !errors.As(err, &mismatch) || errors.As(err, &failed) {
		t.Errorf("Upload = %v, want a DigestError that is not the registry's fault", err)
	}
	if got := reg.Blobs(); len(got) != 0 {
		t.Errorf("the registry took %q", got)
	}
}

func TestErrorSaysWhatWasDone(t *testing.T) {
	t.Parallel()
	reg := fixture.NewRegistry()
	_, repo := open(t, reg, client(), "app")
	reg.Fail(fixture.Fault{Path: "/manifests/", Status: http.StatusForbidden})
	_, _, err := repo.Manifest(t.Context(), "v1")
	var failed *remote.Error
	if !errors.As(err, &failed) || failed.Status != http.StatusForbidden || !failed.Unauthorized() || failed.Op != `reading manifest "v1"` {
		t.Errorf("Manifest = %#v, want what was being done and the status", err)
	}
}

// TestErrorOfARegistryWithoutTLS: net/http reports a server that speaks plain http to a client that speaks https.
func TestErrorOfARegistryWithoutTLS(t *testing.T) {
	t.Parallel()
	c := client()
	c.Transport = roundTrip(func(*http.Request) (*http.Response, error) { return nil, http.ErrSchemeMismatch })
	way, err := c.Connect()
	if err != nil {
		t.Fatal(err)
	}
	repo, err := name.NewRepository("registry.example:5000/app")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := way.Open(t.Context(), repo, "pull", nil); err == nil || !strings.Contains(err.Error(), "--insecure registry.example:5000 allows plain http") {
		t.Errorf("Open = %v, want what allows plain http", err)
	}
}

func TestCheckReadsCertificates(t *testing.T) {
	t.Parallel()
	if err := client().Check(); err != nil {
		t.Error(err)
	}
	if err := (remote.Client{CAFile: t.TempDir() + "/none.pem"}).Check(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// FuzzChallenge: a challenge is foreign data. Where a registry refuses every login, Open or the request is an error.
func FuzzChallenge(f *testing.F) {
	for _, s := range []string{`Bearer realm="https://a/token",service="b",scope="c,d"`, `Basic realm=x`, `Bearer realm="a\"b`, "Bearer", "bearer =,=", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		c := client()
		c.Tries = 1
		c.Transport = roundTrip(func(r *http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: http.StatusUnauthorized, Header: http.Header{"Www-Authenticate": {s}}, Body: http.NoBody, Request: r}, nil
		})
		way, err := c.Connect()
		if err != nil {
			t.Fatal(err)
		}
		repo, err := name.NewRepository("registry.example/app")
		if err != nil {
			t.Fatal(err)
		}
		opened, err := way.Open(t.Context(), repo, "pull", nil)
		if err == nil {
			_, _, err = opened.Manifest(t.Context(), "v1")
		}
		if err == nil {
			t.Error("a manifest was read from a registry that lets nobody in")
		}
	})
}
