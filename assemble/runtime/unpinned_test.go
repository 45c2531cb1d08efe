package runtime_test

import (
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/pyimg/pyimg/assemble/input"
	"github.com/pyimg/pyimg/assemble/kept"
	"github.com/pyimg/pyimg/assemble/runtime"
	"github.com/pyimg/pyimg/assemble/spec"
	"github.com/pyimg/pyimg/internal/fetch"
	"github.com/pyimg/pyimg/internal/fixture"
	"github.com/pyimg/pyimg/layers"
)

// TestUnpinnedRuntimeIsAskedForWithACondition ingests a runtime by a URL that nothing pins, over and over.
func TestUnpinnedRuntimeIsAskedForWithACondition(t *testing.T) {
	t.Parallel()
	var body, tag atomic.Value
	put := func(version, file string) {
		body.Store(fixture.Tarball{Files: []fixture.File{{Path: "usr/local/" + file, Body: []byte("x")}}}.Bytes())
		tag.Store(`"` + version + `"`)
	}
	put("1", "a")
	var sent, unchanged atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", tag.Load().(string))
		if r.Header.Get("If-None-Match") == tag.Load() {
			unchanged.Add(1)
			w.WriteHeader(http.StatusNotModified)
			return
		}
		sent.Add(1)
		_, _ = w.Write(body.Load().([]byte))
	}))
	defer server.Close()
	store, err := layers.OpenStore(t.TempDir(), kept.Files()...)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	s, err := spec.Parse("pyimg.yaml", []byte("runtime: {source: '"+server.URL+"/rt.tar.gz'}\n"))
	if err != nil {
		t.Fatal(err)
	}
	p := spec.Platform{OS: "linux", Architecture: "amd64"}
	digests := map[string]bool{}
	ingest := func(wantSent, wantUnchanged int32) {
		t.Helper()
		got, err := runtime.Ingest(t.Context(), s, p, input.Access{Fetch: &fetch.Client{}, Store: store}, nil, nil)
		if err != nil || len(got) != 1 {
			t.Fatalf("Ingest = %v, %v", got, err)
		}
		digests[got[0].Digest] = true
		if sent.Load() != wantSent || unchanged.Load() != wantUnchanged {
			t.Errorf("the server sent it %d times and said %d times that it is unchanged, want %d and %d", sent.Load(), unchanged.Load(), wantSent, wantUnchanged)
		}
	}
	ingest(1, 0)
	ingest(1, 1)
	put("2", "b")
	ingest(2, 1)
	ingest(2, 2)
	if len(digests) != 2 {
		t.Errorf("the tarballs have the digests %v, want two", digests)
	}
}
