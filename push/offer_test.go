package push_test

import (
	"errors"
	"io"
	"io/fs"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/pyimg/pyimg/internal/fixture"
	"github.com/pyimg/pyimg/internal/imagetest"
	"github.com/pyimg/pyimg/push"
	"github.com/pyimg/pyimg/push/oci"
	"github.com/pyimg/pyimg/push/remote"
)

// layersOf returns the layers of an image as they can be offered.
func layersOf(t *testing.T, idx v1.ImageIndex) []oci.Blob {
	t.Helper()
	g, err := oci.Walk(idx)
	if err != nil {
		t.Fatal(err)
	}
	return g.Layers
}

// begin begins a push and offers layers. The image is completed half an hour later.
func begin(t *testing.T, client push.Registry, refs []string, layers []oci.Blob) *push.Session {
	t.Helper()
	session, err := client.Begin(t.Context(), refs, push.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range layers {
		session.Offer(l)
	}
	time.Sleep(30 * time.Minute)
	return session
}

func TestOfferedLayersAreSentBeforeTheImageIsComplete(t *testing.T) {
	t.Parallel()
	idx := imagetest.Sample(t)
	layers := layersOf(t, idx)
	bubble(t, func(t *testing.T) {
		reg := guardedRegistry()
		session := begin(t, withPassword(&wire{handler: reg, trip: time.Second}), []string{host + "/a:1", host + "/b:1"}, slices.Concat(layers, layers))
		if n := len(reg.Uploads()); n != len(layers) {
			t.Errorf("%d uploads before Push, want each of the %d layers once", n, len(layers))
		}
		if n := reg.Count(http.MethodPut, "/manifests/"); n > 0 {
			t.Errorf("%d manifests before Push, want none", n)
		}
		reg.Forget()
		res, err := session.Push(t.Context(), idx)
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range layers {
			if reg.Count("", l.Desc.Digest.String()) > 0 {
				t.Errorf("Push asks for layer %s, which was sent", l.Desc.Digest)
			}
		}
		if len(reg.Uploads()) != 2 || res.BlobsSent != 5 || res.BlobsMounted != 5 || res.BlobsPresent != 0 {
			t.Errorf("Push sent %d blobs; the result is %+v, want the 2 configs; 5 sent and 5 mounted in all", len(reg.Uploads()), res)
		}
		if lost := reg.Unsound(); len(lost) > 0 || reg.Tag("b", "1") != res.Digest {
			t.Errorf("the tag names %q, and %q is missing", reg.Tag("b", "1"), lost)
		}
	})
}

// TestNothingIsAskedWhereNothingMayBeNeeded: where all tags name one image already, the image may turn out to be that one.
func TestNothingIsAskedWhereNothingMayBeNeeded(t *testing.T) {
	t.Parallel()
	old, idx := imagetest.Sample(t), imagetest.Sample(t)
	imagetest.Digest(t, old)
	layers := layersOf(t, idx)
	bubble(t, func(t *testing.T) {
		reg := fixture.NewRegistry()
		client := clientOver(&wire{handler: reg})
		for repository, of := range map[string]v1.ImageIndex{"same": idx, "other": old, "one-moved": old} {
			if _, err := client.Push(t.Context(), of, []string{host + "/" + repository + ":1", host + "/" + repository + ":2"}, push.Options{}); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := client.Push(t.Context(), idx, []string{host + "/one-moved:2"}, push.Options{}); err != nil {
			t.Fatal(err)
		}
		for _, tt := range []struct {
			refs  []string
			early bool
		}{
			{[]string{"same:1"}, false},
			{[]string{"same:1", "same:2"}, false},
			{[]string{"other:1"}, false},
			{[]string{"other:1", "other:new"}, true},
			{[]string{"one-moved:1", "one-moved:2"}, true},
			{[]string{"same:1", "none:1"}, false}, // the second repository mounts from the first
			{[]string{"none:1", "same:1"}, true},
			{[]string{"none@" + imagetest.Digest(t, idx)}, false},
		} {
			refs := make([]string, len(tt.refs))
			for i, r := range tt.refs {
				refs[i] = host + "/" + r
			}
			reg.Forget()
			session := begin(t, client, refs, layers)
			if asked := reg.Count("", "/blobs/"); asked > 0 != tt.early {
				t.Errorf("%q: %d requests for blobs before the image is complete, want some: %v", tt.refs, asked, tt.early)
			}
			if len(refs) == 1 && refs[0] == host+"/same:1" {
				if res, err := session.Push(t.Context(), idx); err != nil || res.Requests != 2 {
					t.Errorf("a push of what is there took %d requests (%v), want 2", res.Requests, err)
				}
			}
			session.Close()
		}
	})
}

func TestRegistryThatRefusesAnOfferedLayer(t *testing.T) {
	t.Parallel()
	idx := imagetest.Sample(t)
	layers := layersOf(t, idx)
	bubble(t, func(t *testing.T) {
		reg := fixture.NewRegistry()
		reg.Fail(fixture.Fault{Method: http.MethodPut, Path: "/blobs/uploads/", Status: http.StatusForbidden})
		session := begin(t, clientOver(&wire{handler: reg}), []string{host + "/a:1"}, layers)
		defer session.Close()
		var refused *remote.Error
		if err := session.Wait(t.Context()); !errors.As(err, &refused) || !refused.Unauthorized() {
			t.Errorf("Wait = %v, want the registry's refusal", err)
		}
		if n := reg.Count(http.MethodPut, "/manifests/"); n > 0 {
			t.Errorf("%d manifests, want none", n)
		}
	})
}

// TestOfferedLayerThatCannotBeRead: Push opens the layer again, which may bring it anew.
func TestOfferedLayerThatCannotBeRead(t *testing.T) {
	t.Parallel()
	idx := imagetest.Sample(t)
	layers := layersOf(t, idx)
	bubble(t, func(t *testing.T) {
		reg := fixture.NewRegistry()
		var opened atomic.Int32
		broken := oci.Blob{Desc: layers[0].Desc, Open: func() (io.ReadCloser, error) {
			opened.Add(1)
			return nil, fs.ErrNotExist
		}}
		session := begin(t, clientOver(&wire{handler: reg}), []string{host + "/a:1"}, []oci.Blob{broken, layers[1]})
		if _, err := session.Push(t.Context(), idx); err != nil || opened.Load() == 0 {
			t.Errorf("Push = %v; the offered layer was opened %d times", err, opened.Load())
		}
		if err := session.Wait(t.Context()); err != nil {
			t.Errorf("Wait = %v, want nil at the end", err)
		}
	})
}

// TestPushWaitsForWhatIsUnderWay: a layer whose upload is under way is not sent a second time.
func TestPushWaitsForWhatIsUnderWay(t *testing.T) {
	t.Parallel()
	idx := imagetest.Sample(t)
	layers := layersOf(t, idx)
	bubble(t, func(t *testing.T) {
		reg := fixture.NewRegistry()
		session, err := clientOver(&wire{handler: reg, trip: time.Second}).Begin(t.Context(), []string{host + "/a:1"}, push.Options{})
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range layers {
			session.Offer(l)
		}
		time.Sleep(3500 * time.Millisecond) // greeting, tag, and half of the first HEAD's answer is past
		if _, err := session.Push(t.Context(), idx); err != nil {
			t.Fatal(err)
		}
		if sent := reg.Uploads(); len(sent) != len(reg.Blobs()) || len(sent) != 5 {
			t.Errorf("uploads %q, want 5, each once", sent)
		}
	})
}

// TestClosedSessionTakesNoOffer: Offer must not hang after the end, and sending stops.
func TestClosedSessionTakesNoOffer(t *testing.T) {
	t.Parallel()
	idx := imagetest.Sample(t)
	layers := layersOf(t, idx)
	bubble(t, func(t *testing.T) {
		reg := fixture.NewRegistry()
		session, err := clientOver(&wire{handler: reg, trip: time.Second}).Begin(t.Context(), []string{host + "/a:1"}, push.Options{})
		if err != nil {
			t.Fatal(err)
		}
		session.Offer(layers[0])
		time.Sleep(3500 * time.Millisecond)
		session.Close()
		session.Offer(layers[1])
		time.Sleep(time.Minute)
		synctest.Wait()
		if sent := reg.Uploads(); len(sent) > 0 {
			t.Errorf("uploads %q after Close, want none", sent)
		}
		if asked := reg.Count("", layers[1].Desc.Digest.String()); asked > 0 {
			t.Errorf("%d requests for what was offered after Close", asked)
		}
		if err := session.Wait(t.Context()); err != nil && !strings.Contains(err.Error(), "cancel") {
			t.Errorf("Wait = %v", err)
		}
	})
}

// TestLayerThatIsDamagedWhileItIsSent is opened once more: a cache has removed it by then, and brings it anew.
func TestLayerThatIsDamagedWhileItIsSent(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		size   int64
		broken int // how many openings give damaged bytes
		fine   bool
	}{
		"sent in one part":    {100_000, 1, true},
		"sent in parts":       {40 << 20, 1, true},
		"damaged for a while": {100_000, 2, false},
	} {
		layer := imagetest.Layer(t, tt.size)
		want := imagetest.Digest(t, imagetest.Index(map[string]v1.Image{"amd64": imagetest.Image(t, "amd64", layer)}))
		idx := imagetest.Index(map[string]v1.Image{"amd64": imagetest.Image(t, "amd64", damagedLayer{layer, &tt.broken})})
		bubble(t, func(t *testing.T) {
			reg := fixture.NewRegistry()
			_, err := clientOver(&wire{handler: reg}).Push(t.Context(), idx, []string{host + "/a:1"}, push.Options{})
			if fine := err == nil; fine != tt.fine || !fine && !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%s: Push = %v, want no error: %v", name, err, tt.fine)
			}
			if tag := reg.Tag("a", "1"); (tag == want) != tt.fine {
				t.Errorf("%s: the tag names %q", name, tag)
			}
			if lost := reg.Unsound(); len(lost) > 0 {
				t.Errorf("%s: the registry lacks %q", name, lost)
			}
		})
	}
}

// A damagedLayer ends with fs.ErrNotExist some times.
type damagedLayer struct {
	v1.Layer
	broken *int
}

func (d damagedLayer) Compressed() (io.ReadCloser, error) {
	r, err := d.Layer.Compressed()
	if err != nil || *d.broken == 0 {
		return r, err
	}
	*d.broken--
	size, err := d.Size()
	return io.NopCloser(io.MultiReader(io.LimitReader(r, size-1), iotest.ErrReader(fs.ErrNotExist))), err
}
