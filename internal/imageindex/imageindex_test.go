package imageindex_test

import (
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/pyimg/pyimg/internal/imageindex"
)

// nested returns an image inside depth nested indexes.
func nested(t *testing.T, img v1.Image, depth int) v1.ImageIndex {
	t.Helper()
	idx := mutate.AppendManifests(empty.Index, mutate.IndexAddendum{Add: img})
	for range depth - 1 {
		idx = mutate.AppendManifests(empty.Index, mutate.IndexAddendum{Add: idx})
	}
	return idx
}

func TestEntries(t *testing.T) {
	t.Parallel()
	img, err := random.Image(10, 1)
	if err != nil {
		t.Fatal(err)
	}
	want, err := img.Digest()
	if err != nil {
		t.Fatal(err)
	}
	for depth := 1; depth <= 5; depth++ {
		entries, err := imageindex.Entries(nested(t, img, depth))
		if err != nil || len(entries) != 1 {
			t.Fatalf("%d deep: %v, %v, want one entry", depth, entries, err)
		}
		got, err := entries[0].Open()
		if deep := depth > 4; deep {
			if err == nil || !strings.Contains(err.Error(), "nested too deep") {
				t.Errorf("%d deep: %v, want it refused", depth, err)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if digest, err := got.Digest(); err != nil || digest != want {
			t.Errorf("%d deep: found %s, %v, want %s", depth, digest, err, want)
		}
	}
}

// TestEntriesAreBounded: an index that contains itself a thousand times must not take hours.
func TestEntriesAreBounded(t *testing.T) {
	t.Parallel()
	img, err := random.Image(10, 1)
	if err != nil {
		t.Fatal(err)
	}
	idx := nested(t, img, 1)
	for range 3 {
		var all []mutate.IndexAddendum
		for range 64 {
			all = append(all, mutate.IndexAddendum{Add: idx})
		}
		idx = mutate.AppendManifests(empty.Index, all...)
	}
	if _, err := imageindex.Entries(idx); err == nil || !strings.Contains(err.Error(), "more than 1024 entries") {
		t.Errorf("Entries = %v, want it refused", err)
	}
}

func TestKinds(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		d                  v1.Descriptor
		image, attestation bool
	}{
		"image":                     {v1.Descriptor{MediaType: types.OCIManifestSchema1}, true, false},
		"docker's image":            {v1.Descriptor{MediaType: types.DockerManifestSchema2, Platform: &v1.Platform{OS: "linux"}}, true, false},
		"unknown platform":          {v1.Descriptor{MediaType: types.OCIManifestSchema1, Platform: &v1.Platform{OS: "unknown"}}, true, true},
		"attestation by annotation": {v1.Descriptor{MediaType: types.OCIManifestSchema1, Annotations: map[string]string{"vnd.docker.reference.type": "attestation-manifest"}}, true, true},
		"something else":            {v1.Descriptor{MediaType: "application/json"}, false, false},
	} {
		e := imageindex.Entry{Descriptor: tt.d}
		if e.IsImage() != tt.image || e.IsAttestation() != tt.attestation {
			t.Errorf("%s: image %v, attestation %v", name, e.IsImage(), e.IsAttestation())
		}
	}
}
