package push_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/pyimg/pyimg/internal/fixture"
	"github.com/pyimg/pyimg/internal/imagetest"
	"github.com/pyimg/pyimg/push"
	"github.com/pyimg/pyimg/push/remote"
)

// bubble runs a test in fake time, and waits for the goroutines that the test abandoned.
func bubble(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		f(t)
		time.Sleep(time.Hour)
	})
}

// images returns an index of one platform whose image has this many layers.
func images(t *testing.T, layers int) v1.ImageIndex {
	t.Helper()
	var ls []v1.Layer
	for range layers {
		ls = append(ls, imagetest.Layer(t, 1000))
	}
	idx := imagetest.Index(map[string]v1.Image{"amd64": imagetest.Image(t, "amd64", ls...)})
	imagetest.Digest(t, idx)
	return idx
}

func TestRoundTrips(t *testing.T) {
	t.Parallel()
	shared, old, fresh := imagetest.Layer(t, 3000), imagetest.Layer(t, 2000), imagetest.Layer(t, 2001)
	before := imagetest.Index(map[string]v1.Image{"amd64": imagetest.Image(t, "amd64", shared, old), "arm64": imagetest.Image(t, "arm64", shared, old)})
	after := imagetest.Index(map[string]v1.Image{"amd64": imagetest.Image(t, "amd64", shared, fresh), "arm64": imagetest.Image(t, "arm64", shared, fresh)})
	imagetest.Digest(t, before)
	imagetest.Digest(t, after)
	bubble(t, func(t *testing.T) {
		reg := guardedRegistry()
		client := withPassword(&wire{handler: reg, trip: time.Second})
		refs := []string{host + "/a:1"}
		if _, err := client.Push(t.Context(), before, refs, push.Options{}); err != nil {
			t.Fatal(err)
		}

		reg.Forget()
		session, err := client.Begin(t.Context(), refs, push.Options{})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Minute) // the time in which packages are fetched
		began := time.Now()
		res, err := session.Push(t.Context(), after)
		if err != nil {
			t.Fatal(err)
		}
		// HEAD, POST, PUT, the platforms' manifests, the index under its tag, HEAD.
		if trips := time.Since(began) / time.Second; trips != 6 {
			t.Errorf("one layer changed: %d round trips one after the other, want 6", trips)
		}
		if res.BlobsSent != 3 {
			t.Errorf("sent %d blobs, want the layer and two configs", res.BlobsSent)
		}

		reg.Forget()
		res, err = client.Push(t.Context(), after, refs, push.Options{})
		if n := len(reg.Requests()); err != nil || n > 4 || int(res.Requests) != n {
			t.Errorf("a no-op took %d requests (%v), want 4 at most, the token's included", n, err)
		}
	})
}

func TestUploadsStayBelowTheirLimit(t *testing.T) {
	t.Parallel()
	idx := images(t, 64)
	bubble(t, func(t *testing.T) {
		w := &wire{handler: fixture.NewRegistry(), trip: time.Second}
		client := clientOver(w)
		client.Jobs = 3
		if _, err := client.Push(t.Context(), idx, []string{host + "/a:1", host + "/b:1"}, push.Options{}); err != nil {
			t.Fatal(err)
		}
		if w.most != 3 {
			t.Errorf("%d uploads at once, want 3", w.most)
		}
	})
}

func TestKnownBlobsAreNotAskedFor(t *testing.T) {
	t.Parallel()
	var ls []v1.Layer
	for range 60 {
		ls = append(ls, imagetest.Layer(t, 100))
	}
	before := imagetest.Index(map[string]v1.Image{"amd64": imagetest.Image(t, "amd64", ls...)})
	after := imagetest.Index(map[string]v1.Image{"amd64": imagetest.Image(t, "amd64", append(ls, imagetest.Layer(t, 101))...)})
	imagetest.Digest(t, before)
	imagetest.Digest(t, after)
	bubble(t, func(t *testing.T) {
		reg := fixture.NewRegistry()
		client := clientOver(&wire{handler: reg})
		push1(t, client, before, host+"/a:1")
		reg.Forget()
		push1(t, client, after, host+"/a:1")
		if n := reg.Count(http.MethodHead, "/blobs/"); n != 2 {
			t.Errorf("asked for %d blobs, want the new layer and config", n)
		}

		// The registry has lost a blob and must get it again, although the old manifests name it.
		lost := imagetest.Digest(t, ls[0])
		reg.Lose("a", lost)
		again := imagetest.Index(map[string]v1.Image{"amd64": imagetest.Image(t, "amd64", append(ls, imagetest.Layer(t, 102))...)})
		push1(t, client, again, host+"/a:1")
		if lost := reg.Unsound(); len(lost) > 0 {
			t.Errorf("after the registry lost a blob: %q", lost)
		}
	})
}

func push1(t *testing.T, client push.Registry, idx v1.ImageIndex, refs ...string) push.Result {
	t.Helper()
	res, err := client.Push(t.Context(), idx, refs, push.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return res
}

// TestBodiesAreCutToWhatAProxyTakes has a proxy that answers 413 to more than 100 kB.
func TestBodiesAreCutToWhatAProxyTakes(t *testing.T) {
	t.Parallel()
	idx := imagetest.Index(map[string]v1.Image{"amd64": imagetest.Image(t, "amd64", imagetest.Layer(t, 1_000_000), imagetest.Layer(t, 2_000_000))})
	imagetest.Digest(t, idx)
	bubble(t, func(t *testing.T) {
		reg := fixture.NewRegistry()
		reg.MaxBody = 100_000
		push1(t, clientOver(&wire{handler: reg}), idx, host+"/a:1")
		if lost := reg.Unsound(); len(lost) > 0 || reg.Tag("a", "1") != imagetest.Digest(t, idx) {
			t.Errorf("the tag names %q, without %q", reg.Tag("a", "1"), lost)
		}
		for _, r := range reg.Requests() {
			if r.Status == http.StatusAccepted && r.Received > reg.MaxBody {
				t.Errorf("%s sent %d bytes", r.Method, r.Received)
			}
		}
	})
}

func TestProxyThatTakesNothing(t *testing.T) {
	t.Parallel()
	idx := images(t, 1)
	bubble(t, func(t *testing.T) {
		reg := fixture.NewRegistry()
		reg.MaxBody = 10
		_, err := clientOver(&wire{handler: reg}).Push(t.Context(), idx, []string{host + "/a:1"}, push.Options{})
		var pe *remote.Error
		if !errors.As(err, &pe) || pe.Status != http.StatusRequestEntityTooLarge {
			t.Errorf("Push = %v, want an Error with status 413", err)
		}
	})
}

// TestLargeUploadGoesOnWhereItBroke sends a blob of more than 32 MiB. The connection breaks in the middle of its body.
func TestLargeUploadGoesOnWhereItBroke(t *testing.T) {
	t.Parallel()
	const size = 33 << 20
	idx := imagetest.Index(map[string]v1.Image{"amd64": imagetest.Image(t, "amd64", imagetest.Layer(t, size))})
	imagetest.Digest(t, idx)
	bubble(t, func(t *testing.T) {
		reg := fixture.NewRegistry()
		reg.Fail(fixture.Fault{Method: http.MethodPatch, Times: 1, Lose: true})
		push1(t, clientOver(&wire{handler: reg}), idx, host+"/a:1")
		var sent int64
		for _, r := range reg.Requests() {
			sent += r.Received
		}
		if n := reg.Count(http.MethodPatch, ""); n != 1 || sent > size+1<<20 {
			t.Errorf("%d PATCHes and %d bytes in all, want that what had arrived is not sent again", n, sent)
		}
		if lost := reg.Unsound(); len(lost) > 0 {
			t.Error(lost)
		}
	})
}

func TestMount(t *testing.T) {
	t.Parallel()
	idx := imagetest.Sample(t)
	imagetest.Digest(t, idx)
	for _, tt := range []struct {
		name            string
		refuse          func(scope string) bool
		from            []string
		mounted, posted int
	}{
		{"from a repository", nil, []string{host + "/base"}, 5, 5},
		{"the second of two", nil, []string{host + "/none", host + "/base"}, 5, 5},
		{"not allowed to read it", func(s string) bool { return strings.Contains(s, ":base:") }, []string{host + "/base"}, 0, 5},
		{"none named", nil, nil, 0, 5},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			bubble(t, func(t *testing.T) {
				reg := guardedRegistry()
				client := withPassword(&wire{handler: reg})
				push1(t, client, idx, host+"/base:1")
				reg.Forget()
				reg.Tokens.Refuse = tt.refuse
				res, err := client.Push(t.Context(), idx, []string{host + "/new:1"}, push.Options{MountFrom: tt.from})
				if err != nil || res.BlobsMounted != tt.mounted || res.BlobsSent != 5-tt.mounted {
					t.Errorf("mounted %d and sent %d (%v), want %d mounted of 5", res.BlobsMounted, res.BlobsSent, err, tt.mounted)
				}
				if n := reg.Count(http.MethodPost, "/uploads/"); n != tt.posted {
					t.Errorf("%d uploads begun, want %d", n, tt.posted)
				}
			})
		})
	}
}

func TestSecondRepositoryMountsFromTheFirst(t *testing.T) {
	t.Parallel()
	idx := imagetest.Sample(t)
	bubble(t, func(t *testing.T) {
		res := push1(t, withPassword(&wire{handler: guardedRegistry()}), idx, host+"/a:1", host+"/b:1")
		if res.BlobsSent != 5 || res.BlobsMounted != 5 {
			t.Errorf("sent %d blobs and mounted %d, want 5 and 5", res.BlobsSent, res.BlobsMounted)
		}
	})
}

func TestMountFromAnotherRegistryIsRefused(t *testing.T) {
	t.Parallel()
	err := anonymous().CheckRefs([]string{host + "/a:1"}, push.Options{MountFrom: []string{"example.com/base"}})
	if err == nil || !strings.Contains(err.Error(), "its own repositories only") {
		t.Errorf("CheckRefs = %v", err)
	}
}

// TestTagsArePutBack: where the second of two tags is refused, the first is put back.
func TestTagsArePutBack(t *testing.T) {
	t.Parallel()
	before, after := images(t, 1), images(t, 2)
	bubble(t, func(t *testing.T) {
		reg := fixture.NewRegistry()
		client := clientOver(&wire{handler: reg})
		push1(t, client, before, host+"/a:1")
		reg.Fail(fixture.Fault{Method: http.MethodPut, Path: "/manifests/protected", Status: http.StatusForbidden})
		refs := []string{host + "/a:1", host + "/a:new", host + "/a:protected"}
		_, err := client.Push(t.Context(), after, refs, push.Options{})
		if err == nil || !strings.Contains(err.Error(), "put back") {
			t.Errorf("Push = %v, want an error that says that the tags were put back", err)
		}
		got := []string{reg.Tag("a", "1"), reg.Tag("a", "new"), reg.Tag("a", "protected")}
		if diff := cmp.Diff([]string{imagetest.Digest(t, before), "", ""}, got); diff != "" {
			t.Errorf("tags (-want +got):\n%s", diff)
		}

		reg.Fail(fixture.Fault{Method: http.MethodDelete, Status: http.StatusMethodNotAllowed})
		_, err = client.Push(t.Context(), after, refs, push.Options{})
		if err == nil || !strings.Contains(err.Error(), "already: "+host+"/a:new") {
			t.Errorf("Push = %v, want the tag named that could not be put back", err)
		}
	})
}

func TestVerification(t *testing.T) {
	t.Parallel()
	idx, other := images(t, 1), strings.Repeat("0", 64)
	wrong := http.Header{"Docker-Content-Digest": {"sha256:" + other}}
	for _, tt := range []struct {
		name      string
		faults    []fixture.Fault
		fails     bool
		overtaken int
	}{
		{"as pushed", nil, false, 0},
		{"the tag moved on", []fixture.Fault{{Method: http.MethodHead, Path: "/manifests/1", Header: wrong}}, false, 1},
		{"gone", []fixture.Fault{
			{Method: http.MethodHead, Path: "/manifests/1", Header: wrong},
			{Method: http.MethodGet, Path: "/manifests/sha256", Status: http.StatusNotFound},
		}, true, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			bubble(t, func(t *testing.T) {
				reg := fixture.NewRegistry()
				for _, f := range tt.faults {
					reg.Fail(f)
				}
				res, err := clientOver(&wire{handler: reg}).Push(t.Context(), idx, []string{host + "/a:1"}, push.Options{})
				if (err != nil) != tt.fails || len(res.Overtaken) != tt.overtaken {
					t.Errorf("Push = %v, overtaken %q", err, res.Overtaken)
				}
			})
		})
	}
}

// TestWaits measures, in fake time, how long a push takes that meets one fault.
func TestWaits(t *testing.T) {
	t.Parallel()
	idx := images(t, 1)
	for _, tt := range []struct {
		name        string
		fault       fixture.Fault
		least, most time.Duration
	}{
		{"503 for ten seconds", fixture.Fault{Status: http.StatusServiceUnavailable, RetryAfter: "10"}, 10 * time.Second, 11 * time.Second},
		{"429", fixture.Fault{Status: http.StatusTooManyRequests, RetryAfter: "3"}, 3 * time.Second, 4 * time.Second},
		{"408", fixture.Fault{Status: http.StatusRequestTimeout}, 0, time.Second},
		{"reset", fixture.Fault{Reset: true}, 0, time.Second},
		{"stall of a minute", fixture.Fault{Delay: time.Minute}, 30 * time.Second, 32 * time.Second},
	} {
		for _, at := range []struct{ method, path string }{{"POST", "/uploads/"}, {"PUT", "/uploads/"}, {"PUT", "/manifests/"}, {"HEAD", "/blobs/"}} {
			tt := tt
			if at.method == "HEAD" && tt.fault.Delay > 0 { // requests with quick answers are tried again sooner
				tt.least, tt.most = 5*time.Second, 7*time.Second
			}
			t.Run(tt.name+" at "+at.method+at.path, func(t *testing.T) {
				t.Parallel()
				bubble(t, func(t *testing.T) {
					reg := fixture.NewRegistry()
					fault := tt.fault
					fault.Method, fault.Path, fault.Times = at.method, at.path, 1
					reg.Fail(fault)
					began := time.Now()
					push1(t, clientOver(&wire{handler: reg}), idx, host+"/a:1")
					if took := time.Since(began); took < tt.least || took > tt.most {
						t.Errorf("took %v, want %v to %v", took, tt.least, tt.most)
					}
				})
			})
		}
	}
}

// TestCancelWhileWaiting cancels while the registry asks for a wait of half a minute, or does not answer.
func TestCancelWhileWaiting(t *testing.T) {
	t.Parallel()
	idx := images(t, 1)
	for _, f := range []fixture.Fault{
		{Status: http.StatusServiceUnavailable, RetryAfter: "30"},
		{Delay: time.Hour},
		{Path: "/token", Delay: time.Hour},
	} {
		bubble(t, func(t *testing.T) {
			reg := guardedRegistry()
			reg.Fail(f)
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(10*time.Second, cancel)
			began := time.Now()
			_, err := withPassword(&wire{handler: reg}).Push(ctx, idx, []string{host + "/a:1"}, push.Options{})
			if took := time.Since(began); !errors.Is(err, context.Canceled) || took > 11*time.Second {
				t.Errorf("%+v: Push = %v after %v, want it cancelled at 10 s", f, err, took)
			}
		})
	}
}

func TestTokensAreRenewedBeforeTheyEnd(t *testing.T) {
	t.Parallel()
	idx := images(t, 20)
	bubble(t, func(t *testing.T) {
		reg := guardedRegistry()
		reg.Tokens.ExpiresIn = 10
		client := withPassword(&wire{handler: reg, trip: time.Second})
		client.Jobs = 1
		push1(t, client, idx, host+"/a:1")
		refused := 0
		for _, r := range reg.Requests() {
			if r.Status == http.StatusUnauthorized {
				refused++
			}
		}
		if refused != 1 || reg.Tokens.Issued() < 4 {
			t.Errorf("%d requests were refused and %d tokens given out, want the first greeting refused alone, and a new token every 8 s", refused, reg.Tokens.Issued())
		}
	})
}

func TestByDigest(t *testing.T) {
	t.Parallel()
	idx := images(t, 1)
	bubble(t, func(t *testing.T) {
		reg := fixture.NewRegistry()
		client := clientOver(&wire{handler: reg})
		res, err := client.Push(t.Context(), idx, []string{host + "/a"}, push.Options{ByDigest: true})
		if err != nil || res.Refs[0] != host+"/a@"+imagetest.Digest(t, idx) || reg.Tag("a", "latest") != "" {
			t.Errorf("Push = %q, %v; latest is %q", res.Refs, err, reg.Tag("a", "latest"))
		}
		for _, bad := range []string{host + "/a:1", host + "/a@" + imagetest.Digest(t, idx)} {
			if err := client.CheckRefs([]string{bad}, push.Options{ByDigest: true}); err == nil {
				t.Errorf("%q was taken for a push by digest", bad)
			}
		}
	})
}

// BenchmarkPush prints the number of a push's requests relative to the minimum that the protocol allows.
func BenchmarkPush(b *testing.B) {
	for _, bb := range []struct {
		name  string
		again bool
		floor int
	}{
		{"first", false, 1 + 1 + 6*3 + 2 + 1 + 1}, // greeting, tag; HEAD, POST, PUT a blob; manifests, index, verification
		{"no-op", true, 2},                        // greeting, tag
	} {
		b.Run(bb.name, func(b *testing.B) {
			idx := benchIndex(b)
			var requests int64
			for b.Loop() {
				reg := fixture.NewRegistry()
				client := clientOver(&wire{handler: reg})
				for n := 0; n == 0 || bb.again && n == 1; n++ {
					res, err := client.Push(b.Context(), idx, []string{host + "/a:1"}, push.Options{})
					if err != nil {
						b.Fatal(err)
					}
					requests = res.Requests
				}
			}
			b.ReportMetric(float64(requests), "requests")
			b.ReportMetric(float64(requests)/float64(bb.floor), "x-floor")
		})
	}
}

func benchIndex(b *testing.B) v1.ImageIndex {
	b.Helper()
	t := &testing.T{}
	images := map[string]v1.Image{}
	for i, arch := range []string{"amd64", "arm64"} {
		images[arch] = imagetest.Image(t, arch, imagetest.Layer(t, int64(1000+i)), imagetest.Layer(t, int64(2000+i)))
	}
	return imagetest.Index(images)
}
