package image_test

import (
	"bytes"
	"io"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/pyimg/pyimg/assemble/image"
	"github.com/pyimg/pyimg/internal/fixture"
	"github.com/pyimg/pyimg/internal/imagetest"
	"github.com/pyimg/pyimg/layers"
)

func layer(t *testing.T, files ...fixture.File) v1.Layer {
	t.Helper()
	content := fixture.Tarball{Files: files}.Bytes()
	l, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(content)), nil }, tarball.WithMediaType(types.OCILayer))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// TestHold names the largest files of each layer; a file that a later layer replaces counts there alone.
func TestHold(t *testing.T) {
	t.Parallel()
	store, err := layers.OpenStore(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	below := layer(t, fixture.File{Path: "etc/a", Body: []byte("1")}, fixture.File{Path: "etc/b", Body: []byte("22")}, fixture.File{Path: "etc/c", Body: []byte("333")}, fixture.File{Path: "etc/d", Body: []byte("22")})
	above := layer(t, fixture.File{Path: "etc/c", Body: []byte("4444")})
	held, _, err := image.Hold(t.Context(), imagetest.Index(map[string]v1.Image{"amd64": imagetest.Image(t, "amd64", below, above)}), store, nil, 2)
	if err != nil {
		t.Fatal(err)
	}
	want := []image.Held{{Platform: "linux/amd64", Layers: []image.HeldLayer{
		{Digest: imagetest.Digest(t, below), Files: 3, Size: 5, Largest: []image.HeldFile{{Path: "/etc/b", Size: 2}, {Path: "/etc/d", Size: 2}}},
		{Digest: imagetest.Digest(t, above), Files: 1, Size: 4, Largest: []image.HeldFile{{Path: "/etc/c", Size: 4}}},
	}}}
	if diff := cmp.Diff(want, held); diff != "" {
		t.Errorf("Hold (-want +got):\n%s", diff)
	}
}
