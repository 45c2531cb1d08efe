package e2e_test

import (
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// TestRegistryThatRefuses asks that a refused push leaves the tag where it was,
// wherever in the push it was refused.
func TestRegistryThatRefuses(t *testing.T) {
	t.Parallel()
	s := needShared(t)
	spec := s.rootSpec(t, 2, twoPlatforms())
	for _, c := range []struct {
		name   string
		code   int
		status int
		path   string
	}{
		{"uploads forbidden", 4, http.StatusForbidden, "/blobs/uploads"},
		{"uploads need a login", 4, http.StatusUnauthorized, "/blobs/uploads"},
		{"uploads fail", 5, http.StatusInternalServerError, "/blobs/uploads"},
		{"manifests by digest fail", 5, http.StatusInternalServerError, "/manifests/sha256:"},
		{"the tag is forbidden", 4, http.StatusForbidden, "/manifests/" + tag},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			armed := make(chan struct{})
			image := startFakeRegistry(t, func(w http.ResponseWriter, r *http.Request) bool {
				select {
				case <-armed:
				default:
					return false
				}
				refuse := r.Method != http.MethodGet && r.Method != http.MethodHead && strings.Contains(r.URL.Path, c.path)
				if refuse {
					w.WriteHeader(c.status)
				}
				return refuse
			}) + "/kept:" + tag
			before := putImage(t, image)
			close(armed)
			r := pyimg(t).run(t, "assemble", spec, "--cache-dir", t.TempDir(), "--push", image)
			host, _, _ := strings.Cut(image, "/")
			checkComplaint(t, badInput{code: c.code, mention: []string{host}}, r)
			checkTag(t, image, before)
		})
	}
}

// putImage puts some image under a reference and returns its digest.
func putImage(t *testing.T, image string) v1.Hash {
	t.Helper()
	img, err := random.Image(64, 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(reference(t, image), img, remote.WithContext(t.Context())); err != nil {
		t.Fatal(err)
	}
	digest, err := img.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return digest
}

func checkTag(t *testing.T, image string, want v1.Hash) {
	t.Helper()
	d, err := remote.Head(reference(t, image), remote.WithContext(t.Context()))
	if err != nil {
		t.Fatal(err)
	}
	if d.Digest != want {
		t.Errorf("tag %s moved from %s to %s", image, want, d.Digest)
	}
}

func reference(t *testing.T, image string) name.Reference {
	t.Helper()
	ref, err := name.ParseReference(image, name.Insecure)
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

// openKept makes a layout whose tag stands for another image.
func openKept(t *testing.T) layoutDir {
	t.Helper()
	dir := filepath.Join(openDir(t), "kept")
	path, err := layout.Write(dir, empty.Index)
	if err != nil {
		t.Fatal(err)
	}
	img, err := random.Image(64, 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := path.AppendImage(img, layout.WithAnnotations(map[string]string{"org.opencontainers.image.ref.name": tag})); err != nil {
		t.Fatal(err)
	}
	return layoutDir(dir)
}
