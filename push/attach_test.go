package push_test

import (
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/pyimg/pyimg/internal/fixture"
	"github.com/pyimg/pyimg/internal/imagetest"
	"github.com/pyimg/pyimg/push"
)

const sbomType = "application/spdx+json"

func sbom(text string) push.Artifact {
	return push.Artifact{Type: sbomType, Files: []push.File{{Name: "sbom.json", Open: func() (io.ReadCloser, error) {
		return io.NopCloser(strings.NewReader(text)), nil
	}}}}
}

// TestAttach attaches two artifacts and lists them, with and without the referrers API, with our own client and with
// the library.
func TestAttach(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		reg  *fixture.Registry
		tag  bool
	}{{"api", fixture.NewRegistry(), false}, {"tag", fixture.NewRegistry().WithoutReferrers(), true}} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			url, err := tt.reg.Serve(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			ref, idx := strings.TrimPrefix(url, "http://")+"/a:1", imagetest.Sample(t)
			push1(t, anonymous(), idx, ref)
			for range 2 { // attaching again changes nothing
				got, err := anonymous().Attach(t.Context(), ref, sbom("{}"), push.Options{})
				if err != nil || got.Subject.Digest.String() != imagetest.Digest(t, idx) || (got.Tag != "") != tt.tag {
					t.Fatalf("Attach = %+v, %v", got, err)
				}
			}
			other := sbom("other")
			other.Type = "application/other"
			if _, err := anonymous().Attach(t.Context(), ref, other, push.Options{}); err != nil {
				t.Fatal(err)
			}
			_, list, err := anonymous().Referrers(t.Context(), ref, "")
			if err != nil || len(list) != 2 {
				t.Errorf("Referrers = %v, %v, want two", list, err)
			}
			_, list, err = anonymous().Referrers(t.Context(), ref, sbomType)
			if err != nil || len(list) != 1 || list[0].ArtifactType != sbomType {
				t.Errorf("Referrers of one type = %v, %v", list, err)
			}
			checkListed(t, ref, imagetest.Digest(t, idx), 2)
			if got := tt.reg.Tag("a", "1"); got != imagetest.Digest(t, idx) {
				t.Errorf("attaching moved the tag to %q", got)
			}
		})
	}
}

func checkListed(t *testing.T, ref, subject string, want int) {
	t.Helper()
	parsed, err := name.ParseReference(ref)
	if err != nil {
		t.Fatal(err)
	}
	list, err := remote.Referrers(parsed.Context().Digest(subject), remote.WithContext(t.Context()))
	if err != nil {
		t.Fatal(err)
	}
	im, err := list.IndexManifest()
	if err != nil || len(im.Manifests) != want {
		t.Errorf("the library lists %+v (%v), want %d", im, err, want)
	}
}

// TestReadAttachedIsBounded: artifacts that are each small enough are refused where all together are not.
func TestReadAttachedIsBounded(t *testing.T) {
	t.Parallel()
	url, err := fixture.NewRegistry().Serve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ref := strings.TrimPrefix(url, "http://") + "/a:1"
	push1(t, anonymous(), imagetest.Sample(t), ref)
	const size = 60 << 20
	zeros := push.Artifact{Type: sbomType, Files: []push.File{{Name: "zeros", Open: func() (io.ReadCloser, error) {
		return io.NopCloser(strings.NewReader(strings.Repeat("0", size))), nil
	}}}}
	if _, err := anonymous().Attach(t.Context(), ref, zeros, push.Options{}); err != nil {
		t.Fatal(err)
	}
	_, one, err := anonymous().Referrers(t.Context(), ref, sbomType)
	if err != nil {
		t.Fatal(err)
	}
	if all, err := anonymous().ReadAttached(t.Context(), ref, one, size); err != nil || len(all) != 1 || len(all[0]) != size {
		t.Errorf("ReadAttached of one: %v", err)
	}
	if _, err := anonymous().ReadAttached(t.Context(), ref, slices.Repeat(one, 10), size); err == nil || !strings.Contains(err.Error(), "in all") {
		t.Errorf("ReadAttached of ten = %v, want an error", err)
	}
}

func TestAttachToNothing(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil)
	if _, err := anonymous().Attach(t.Context(), s.host()+"/a:1", sbom("{}"), push.Options{}); err == nil || count(s.log(), "PUT") != 0 {
		t.Errorf("Attach = %v, want an error before anything is sent", err)
	}
}

// TestJoin: joining images that several machines pushed by digest gives the same index as one machine would have made.
func TestJoin(t *testing.T) {
	t.Parallel()
	reg := fixture.NewRegistry()
	url, err := reg.Serve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	at := strings.TrimPrefix(url, "http://")
	amd64, arm64 := imagetest.Image(t, "amd64", imagetest.Layer(t, 100)), imagetest.Image(t, "arm64", imagetest.Layer(t, 200))
	annotated := func(images map[string]v1.Image) v1.ImageIndex {
		return mutate.Annotations(imagetest.Index(images), map[string]string{"org.example": "x"}).(v1.ImageIndex)
	}
	whole := annotated(map[string]v1.Image{"amd64": amd64, "arm64": arm64})
	var sources []string
	for _, part := range []map[string]v1.Image{{"amd64": amd64}, {"arm64": arm64}} {
		res, err := anonymous().Push(t.Context(), annotated(part), []string{at + "/a"}, push.Options{ByDigest: true})
		if err != nil {
			t.Fatal(err)
		}
		sources = append(sources, res.Refs[0])
	}
	if res, err := anonymous().Join(t.Context(), []string{at + "/a:whole"}, sources, nil, push.Options{}); err != nil || res.Digest != imagetest.Digest(t, whole) {
		t.Errorf("Join = %s, %v, want the digest of the whole, %s", res.Digest, err, imagetest.Digest(t, whole))
	}
	reg.Forget()
	res, err := anonymous().Join(t.Context(), []string{at + "/a:1", at + "/b:1"}, sources, map[string]string{"org.other": "y"}, push.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if len(res.Platforms) != 2 || reg.Tag("a", "1") != res.Digest || reg.Tag("b", "1") != res.Digest || len(reg.Unsound()) > 0 {
		t.Errorf("Join = %+v; unsound: %q", res, reg.Unsound())
	}
	if n := reg.Uploads(); len(n) > 0 {
		t.Errorf("uploaded %q, which the registry has", n)
	}
	pullAndValidate(t, at+"/b:1")
	if _, err := anonymous().Join(t.Context(), []string{at + "/a:2"}, append(sources, push1(t, anonymous(), imagetest.Index(map[string]v1.Image{"amd64": imagetest.Image(t, "amd64")}), at+"/a:3").Refs[0]), nil, push.Options{}); err == nil || !strings.Contains(err.Error(), "linux/amd64") {
		t.Errorf("Join = %v, want one that says that there are two for linux/amd64", err)
	}
}
