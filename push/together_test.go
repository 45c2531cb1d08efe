package push_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/pyimg/pyimg/internal/fixture"
	"github.com/pyimg/pyimg/internal/imagetest"
	"github.com/pyimg/pyimg/push"
)

// several is how many images the tests push together.
const several = 12

// sharing returns images that share a layer, each with one of its own.
func sharing(t *testing.T) (all []v1.ImageIndex, shared string) {
	t.Helper()
	base := imagetest.Layer(t, 5000)
	for i := range several {
		img := imagetest.Image(t, "amd64", base, imagetest.Layer(t, int64(600+i)))
		all = append(all, imagetest.Index(map[string]v1.Image{"amd64": img}))
	}
	return all, imagetest.Digest(t, base)
}

// pushTogether pushes each image to a repository of its own, all at once.
func pushTogether(t *testing.T, r push.Registry, host string, all []v1.ImageIndex) ([]push.Result, []error) {
	t.Helper()
	together, err := r.Together()
	if err != nil {
		t.Fatal(err)
	}
	results, errs := make([]push.Result, len(all)), make([]error, len(all))
	var wg sync.WaitGroup
	for i, idx := range all {
		wg.Go(func() {
			results[i], errs[i] = together.Push(t.Context(), idx, []string{fmt.Sprintf("%s/team/app%d:1", host, i)}, push.Options{})
		})
	}
	wg.Wait()
	return results, errs
}

func newRegistry(t *testing.T) (*fixture.Registry, string) {
	t.Helper()
	s := fixture.NewRegistry()
	url, err := s.Serve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return s, strings.TrimPrefix(url, "http://")
}

// TestTogetherSendsOnce: a blob goes to a registry once, and is mounted into its other repositories.
func TestTogetherSendsOnce(t *testing.T) {
	t.Parallel()
	s, host := newRegistry(t)
	all, shared := sharing(t)
	results, errs := pushTogether(t, anonymous(), host, all)
	mounted := 0
	for i, err := range errs {
		if err != nil {
			t.Fatalf("image %d: %v", i, err)
		}
		mounted += results[i].BlobsMounted
	}
	if uploads := s.Uploads(); !slices.Contains(uploads, shared) || len(uploads) != len(s.Blobs()) {
		t.Errorf("%d uploads of %d blobs, want each sent once", len(uploads), len(s.Blobs()))
	}
	if mounted != several-1 {
		t.Errorf("%d blobs were mounted, want the shared layer %d times", mounted, several-1)
	}
	if n := s.Count("PUT", "/blobs/uploads/"); n != 2*several+1 {
		t.Errorf("%d blobs were sent, want %d: a config and a layer of each image, and the shared layer once", n, 2*several+1)
	}
	if unsound := s.Unsound(); len(unsound) > 0 {
		t.Errorf("the registry has %q", unsound)
	}
}

// TestTogetherUnchanged: images that are there cost one request each, and one for all.
func TestTogetherUnchanged(t *testing.T) {
	t.Parallel()
	s, host := newRegistry(t)
	all, _ := sharing(t)
	if _, errs := pushTogether(t, anonymous(), host, all); slices.ContainsFunc(errs, func(err error) bool { return err != nil }) {
		t.Fatal(errs)
	}
	s.Forget()
	results, errs := pushTogether(t, anonymous(), host, all)
	var counted int64
	for i, err := range errs {
		if err != nil {
			t.Fatalf("image %d: %v", i, err)
		}
		counted += results[i].Requests
	}
	if n := len(s.Requests()); n != several+1 || counted != int64(n) {
		t.Errorf("%d requests, and the results count %d, want %d: a greeting, and a question for each tag", n, counted, several+1)
	}
}

// TestTogetherWithTokens: a token for a repository allows to mount from the one that got the blob.
func TestTogetherWithTokens(t *testing.T) {
	t.Parallel()
	s, host := newRegistry(t)
	s.Tokens = &fixture.Tokens{}
	all, _ := sharing(t)
	_, errs := pushTogether(t, anonymous(), host, all)
	for i, err := range errs {
		if err != nil {
			t.Errorf("image %d: %v", i, err)
		}
	}
	if n := s.Count("PUT", "/blobs/uploads/"); n != 2*several+1 {
		t.Errorf("%d blobs were sent, want %d", n, 2*several+1)
	}
}

// TestTogetherAfterAFailure: where the push that was to send a blob fails, another one sends it, and fails alone.
func TestTogetherAfterAFailure(t *testing.T) {
	t.Parallel()
	s, host := newRegistry(t)
	s.Fail(fixture.Fault{Method: http.MethodPost, Path: "/team/app3/", Status: http.StatusForbidden})
	all, _ := sharing(t)
	_, errs := pushTogether(t, anonymous(), host, all)
	for i, err := range errs {
		if failed := err != nil; failed != (i == 3) {
			t.Errorf("image %d: %v; want that image 3 alone fails", i, err)
		}
	}
	if n := s.Count("PUT", "/blobs/uploads/"); n != 2*(several-1)+1 {
		t.Errorf("%d blobs were sent, want %d", n, 2*(several-1)+1)
	}
}

// TestTogetherInOneRepository: images under several tags of one repository send what they share once, and mount nothing.
func TestTogetherInOneRepository(t *testing.T) {
	t.Parallel()
	s, host := newRegistry(t)
	all, _ := sharing(t)
	together, err := anonymous().Together()
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for i, idx := range all {
		wg.Go(func() {
			if _, err := together.Push(t.Context(), idx, []string{fmt.Sprintf("%s/team/all:%d", host, i)}, push.Options{}); err != nil {
				t.Errorf("image %d: %v", i, err)
			}
		})
	}
	wg.Wait()
	if n := len(s.Uploads()); n != 2*several+1 {
		t.Errorf("%d uploads, want %d", n, 2*several+1)
	}
}
