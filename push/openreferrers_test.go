package push_test

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/pyimg/pyimg/internal/fixture"
	"github.com/pyimg/pyimg/push"
)

// TestOpenReferrers reads what is attached to an image and what is attached to that, with and without the referrers API.
func TestOpenReferrers(t *testing.T) {
	t.Parallel()
	for name, reg := range map[string]*fixture.Registry{"API": fixture.NewRegistry(), "tag": fixture.NewRegistry().WithoutReferrers()} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client := clientOver(&wire{handler: reg})
			idx := images(t, 1)
			push1(t, client, idx, host+"/a:1")
			report, err := client.Attach(t.Context(), host+"/a:1", sbom("report"), push.Options{})
			if err != nil {
				t.Fatal(err)
			}
			review, err := client.Attach(t.Context(), report.Ref, sbom("review"), push.Options{})
			if err != nil {
				t.Fatal(err)
			}
			got, err := client.OpenReferrers(t.Context(), host+"/a:1", []v1.Hash{report.Subject.Digest})
			if err != nil || len(got) != 2 || got[0].Manifest.Desc.Digest.String() != report.Digest ||
				got[1].Manifest.Desc.Digest.String() != review.Digest || got[1].Subject != got[0].Manifest.Desc.Digest {
				t.Fatalf("OpenReferrers = %+v, %v, want %s and %s", got, err, report.Digest, review.Digest)
			}
			rc, err := got[1].Blobs[0].Open()
			if err != nil {
				t.Fatal(err)
			}
			defer rc.Close()
			if data, err := io.ReadAll(rc); err != nil || !bytes.Contains(data, []byte("review")) {
				t.Errorf("the artifact's file is %q, %v", data, err)
			}
			// A list of doubles is attached once each.
			a := push.Attachments{To: make(map[v1.Hash][]push.Artifact)}
			for _, r := range append(got, got...) {
				a.To[r.Subject] = append(a.To[r.Subject], push.AsItIs(r.Manifest, r.Blobs))
			}
			session, err := client.Begin(t.Context(), []string{host + "/b:1"}, push.Options{})
			if err != nil {
				t.Fatal(err)
			}
			session.Attach(func() (push.Attachments, error) { return a, nil })
			if _, err := session.Push(t.Context(), idx); err != nil {
				t.Fatal(err)
			}
			again, err := client.OpenReferrers(t.Context(), host+"/b:1", []v1.Hash{report.Subject.Digest})
			if err != nil || len(again) != 2 {
				t.Errorf("the other repository has %+v, %v, want both", again, err)
			}
		})
	}
}

// TestOpenReferrersThatAreForged refuses an artifact whose bytes are others than the list says.
func TestOpenReferrersThatAreForged(t *testing.T) {
	t.Parallel()
	reg := fixture.NewRegistry()
	client := clientOver(&wire{handler: reg})
	push1(t, client, images(t, 1), host+"/a:1")
	report, err := client.Attach(t.Context(), host+"/a:1", sbom("report"), push.Options{})
	if err != nil {
		t.Fatal(err)
	}
	forging := clientOver(&wire{handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, report.Digest) {
			w.Header().Set("Content-Type", "application/vnd.oci.image.manifest.v1+json")
			_, _ = io.WriteString(w, `{"schemaVersion":2}`)
			return
		}
		reg.ServeHTTP(w, r)
	})})
	if got, err := forging.OpenReferrers(t.Context(), host+"/a:1", []v1.Hash{report.Subject.Digest}); err == nil {
		t.Errorf("OpenReferrers = %+v, want an error", got)
	}
}
