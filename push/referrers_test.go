package push_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/pyimg/pyimg/internal/fixture"
	"github.com/pyimg/pyimg/push"
)

// TestAttachAtOnce runs processes that attach to one image at the same time, over connections of different speed, at a
// registry that keeps the list under a tag. Every artifact whose Attach succeeded is in the list at the end.
func TestAttachAtOnce(t *testing.T) {
	t.Parallel()
	runs := 100
	if testing.Short() || raceDetector() {
		runs = 10
	}
	idx := images(t, 1)
	for seed := range runs {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			bubble(t, func(t *testing.T) {
				reg := fixture.NewRegistry().WithoutReferrers()
				push1(t, clientOver(&wire{handler: reg}), idx, host+"/a:1")
				rnd := rand.New(rand.NewPCG(uint64(seed), 1))
				n := 2 + rnd.IntN(10)
				attached := make([]string, n)
				began, latest := time.Now(), time.Duration(0)
				var mu sync.Mutex
				var wg sync.WaitGroup
				for i := range n {
					client := clientOver(&wire{handler: reg, trip: time.Duration(20+rnd.IntN(400)) * time.Millisecond})
					start := time.Duration(rnd.IntN(500)) * time.Millisecond
					wg.Go(func() {
						time.Sleep(start)
						got, err := client.Attach(t.Context(), host+"/a:1", sbom(fmt.Sprint(i)), push.Options{})
						if err != nil {
							t.Errorf("Attach = %v", err)
						}
						mu.Lock()
						defer mu.Unlock()
						attached[i], latest = got.Digest, max(latest, time.Since(began))
					})
				}
				wg.Wait()
				_, list, err := clientOver(&wire{handler: reg}).Referrers(t.Context(), host+"/a:1", "")
				if err != nil {
					t.Fatal(err)
				}
				for _, digest := range attached {
					if !slices.ContainsFunc(list, func(d v1.Descriptor) bool { return d.Digest.String() == digest }) {
						t.Errorf("%s was attached by one of %d and is not listed", digest, n)
					}
				}
				if latest > 40*time.Second {
					t.Errorf("%d took %v", n, latest)
				}
			})
		})
	}
}

// TestAttachObeysIfMatch: at a registry that checks conditions, an entry that another process adds between our read and
// our write is kept.
func TestAttachObeysIfMatch(t *testing.T) {
	t.Parallel()
	idx := images(t, 1)
	bubble(t, func(t *testing.T) {
		reg := fixture.NewRegistry().WithoutReferrers()
		refused := 0
		h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPut && r.Header.Get("If-Match") != "" && refused < 2 {
				refused++
				w.WriteHeader(http.StatusPreconditionFailed)
				return
			}
			if r.Method == http.MethodGet && strings.Contains(r.URL.Path, "/manifests/sha256-") {
				w.Header().Set("ETag", `"1"`)
			}
			reg.ServeHTTP(w, r)
		})
		client := clientOver(&wire{handler: h})
		push1(t, client, idx, host+"/a:1")
		for i := range 2 { // the first one makes the list
			if _, err := client.Attach(t.Context(), host+"/a:1", sbom(fmt.Sprint(i)), push.Options{}); err != nil {
				t.Fatal(err)
			}
		}
		_, list, err := client.Referrers(t.Context(), host+"/a:1", "")
		if err != nil || len(list) != 2 || refused != 2 {
			t.Errorf("Referrers = %v, %v after %d refusals; want two after two", list, err, refused)
		}
	})
}

// TestReferrersStateTheirType has lists of other tools, with the type of the empty config or without a type.
func TestReferrersStateTheirType(t *testing.T) {
	t.Parallel()
	idx := images(t, 1)
	for _, listed := range []string{"application/vnd.oci.empty.v1+json", ""} {
		bubble(t, func(t *testing.T) {
			reg := fixture.NewRegistry().WithoutReferrers()
			client := clientOver(&wire{handler: reg})
			push1(t, client, idx, host+"/a:1")
			got, err := client.Attach(t.Context(), host+"/a:1", sbom("{}"), push.Options{})
			if err != nil {
				t.Fatal(err)
			}
			relist(t, client, got.Tag, listed)
			_, list, err := client.Referrers(t.Context(), host+"/a:1", sbomType)
			if err != nil || len(list) != 1 || list[0].ArtifactType != sbomType {
				t.Errorf("listed as %q: Referrers = %+v, %v; want one of %s", listed, list, err, sbomType)
			}
		})
	}
}

// relist replaces the artifact type of a list's entries.
func relist(t *testing.T, client push.Registry, tag, artifactType string) {
	t.Helper()
	idx, err := client.Get(t.Context(), host+"/a:"+tag)
	if err != nil {
		t.Fatal(err)
	}
	im, err := idx.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	for i := range im.Manifests {
		im.Manifests[i].ArtifactType = artifactType
	}
	raw, err := json.Marshal(im)
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, "http://"+host+"/v2/a/manifests/"+tag, strings.NewReader(string(raw)))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", string(types.OCIImageIndex))
	resp, err := client.Transport.RoundTrip(req)
	if err != nil || resp.StatusCode != http.StatusCreated {
		t.Fatalf("putting the list: %v, %v", resp, err)
	}
}
