package push_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/pyimg/pyimg/internal/imagetest"
	"github.com/pyimg/pyimg/push"
	"github.com/pyimg/pyimg/push/oci"
	"github.com/pyimg/pyimg/push/remote"
)

// carriesBlob reports whether a request begins an upload and has the blob with it.
func carriesBlob(r *http.Request) bool {
	return r.Method == http.MethodPost && r.URL.Query().Has("digest")
}

// pushSmall pushes an image of three small layers, one after the other.
func pushSmall(t *testing.T, s *server) error {
	t.Helper()
	img := imagetest.Image(t, "amd64", imagetest.Layer(t, 100), imagetest.Layer(t, 200), imagetest.Layer(t, 300))
	r := anonymous()
	r.Jobs = 1
	_, err := r.Push(t.Context(), imagetest.Index(map[string]v1.Image{"amd64": img}), []string{s.host() + "/a:1"}, push.Options{})
	return err
}

// TestSmallBlobsGoUpAtOnce: three layers and a configuration take one request each where the registry takes them so. Elsewhere they
// take two, and the registry gets one of them in vain.
func TestSmallBlobsGoUpAtOnce(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		atOnce              bool
		posts, puts, bodies int
	}{{true, 4, 0, 4}, {false, 4, 4, 1}} {
		s, bodies := newServer(t, nil), 0
		s.atOnce = c.atOnce
		s.answer = func(_ http.ResponseWriter, r *http.Request) bool {
			if carriesBlob(r) {
				bodies++
			}
			return false
		}
		if err := pushSmall(t, s); err != nil {
			t.Fatal(err)
		}
		log := s.log()
		if posts, puts := count(log, "POST upload"), count(log, "PUT upload"); posts != c.posts || puts != c.puts || bodies != c.bodies {
			t.Errorf("at once %t: %d POST, %d with a body, and %d PUT; want %d, %d and %d", c.atOnce, posts, bodies, puts, c.posts, c.bodies, c.puts)
		}
	}
}

// TestLargeBlobsAreAskedForFirst: a registry does not read them in vain.
func TestLargeBlobsAreAskedForFirst(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil)
	s.atOnce = true
	img := imagetest.Image(t, "amd64", imagetest.Layer(t, 2*remote.Small)) // incompressible
	if _, err := anonymous().Push(t.Context(), imagetest.Index(map[string]v1.Image{"amd64": img}), []string{s.host() + "/a:1"}, push.Options{}); err != nil {
		t.Fatal(err)
	}
	if n := count(s.log(), "PUT upload"); n != 1 {
		t.Errorf("%d PUT, want one, for the layer", n)
	}
}

// TestRegistriesThatTakeNoBody: a registry may refuse the request instead of ignoring its body.
func TestRegistriesThatTakeNoBody(t *testing.T) {
	t.Parallel()
	for _, status := range []int{400, 404, 405, 411, 413, 415, 422, 501} {
		s, refused := newServer(t, nil), 0
		s.answer = func(w http.ResponseWriter, r *http.Request) bool {
			if !carriesBlob(r) {
				return false
			}
			refused++
			w.WriteHeader(status)
			return true
		}
		if err := pushSmall(t, s); err != nil || refused != 1 {
			t.Errorf("status %d: Push = %v, and %d blobs were refused; want no error, and one", status, err, refused)
		}
	}
}

// TestARefusalThatIsNotAboutTheBody is reported, and the push does not go on without the body.
func TestARefusalThatIsNotAboutTheBody(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil)
	s.answer = func(w http.ResponseWriter, r *http.Request) bool {
		if carriesBlob(r) {
			w.WriteHeader(http.StatusForbidden)
			return true
		}
		return false
	}
	var refusal *remote.Error
	if err := pushSmall(t, s); !errors.As(err, &refusal) || refusal.Status != http.StatusForbidden || count(s.log(), "POST") == 0 {
		t.Errorf("Push = %v, want an Error with status 403", err)
	}
}

// TestDamagedSmallBlobsAreNotSent: not a byte of a blob that is not what its digest says leaves this machine.
func TestDamagedSmallBlobsAreNotSent(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil)
	s.atOnce = true
	good := []byte("what was said of the image")
	artifact := func(content string) push.Artifact {
		opens := 0
		return push.Artifact{Type: "text/plain", Files: []push.File{{Name: "a", Open: func() (io.ReadCloser, error) {
			if opens++; opens == 1 { // to compute the digest
				return io.NopCloser(bytes.NewReader(good)), nil
			}
			return io.NopCloser(strings.NewReader(content)), nil
		}}}}
	}
	ref := s.host() + "/a:1"
	if _, err := anonymous().Push(t.Context(), imagetest.Sample(t), []string{ref}, push.Options{}); err != nil {
		t.Fatal(err)
	}
	for _, damaged := range []string{"", "what was said of the imagE", "what was said of the image.", "what"} {
		s.log()
		_, err := anonymous().Attach(t.Context(), ref, artifact(damaged), push.Options{})
		var mismatch *oci.DigestError
		if !errors.As(err, &mismatch) {
			t.Errorf("Attach of %q = %v, want a DigestError", damaged, err)
		}
		if n := count(s.log(), "POST"); n > 1 { // the empty configuration
			t.Errorf("%q: %d uploads began", damaged, n)
		}
	}
}
