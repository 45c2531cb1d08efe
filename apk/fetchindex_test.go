package apk_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"runtime"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sync/semaphore"

	"github.com/pyimg/pyimg/apk"
	"github.com/pyimg/pyimg/internal/apktest"
	"github.com/pyimg/pyimg/internal/fixture"
)

func fetchIndex(t *testing.T, src apk.Opener, o apk.IndexOptions) *apk.FetchedIndex {
	t.Helper()
	f, err := apk.FetchIndex(t.Context(), src, o)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// TestFetchedIndex opens an index that was fetched and is in the cache, one that the cache has lost since, and one that no
// cache can hold. The mirror is asked again for the second alone.
func TestFetchedIndex(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		between func(m *memory)
		full    bool
		asked   int
	}{
		"in the cache":      {between: func(*memory) {}, asked: 1},
		"lost by the cache": {between: func(m *memory) { clear(m.records) }, asked: 2},
		"a full cache":      {between: func(*memory) {}, full: true, asked: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m, src := newMemory(), &server{files{cachedAt: buildIndex(t, fixture.Index{Description: "a test"})}, "v1", nil}
			m.full = test.full
			f := fetchIndex(t, src, cachedOptions(m, apktest.Ring(t, fixture.TestKey())))
			test.between(m)
			for range 2 {
				x, err := f.Open(t.Context())
				if err != nil || x.Description != "a test" {
					t.Fatalf("Open = %+v, %v", x, err)
				}
				if len(src.asked) != test.asked {
					t.Fatalf("the mirror was asked %d times, want %d", len(src.asked), test.asked)
				}
			}
		})
	}
}

// TestFetchedIndexTriesTheNextMirror has an index in the cache that its mirror signed with a key which is trusted no more.
func TestFetchedIndexTriesTheNextMirror(t *testing.T) {
	t.Parallel()
	old, now := fixture.TestKey(), fixture.OtherKey()
	src := &server{files{cachedAt: buildIndex(t, fixture.Index{Description: "old"})}, "v1", nil}
	m := newMemory()
	load(t, src, cachedOptions(m, apktest.Ring(t, old)))
	src.files["http://b/x86_64/APKINDEX.tar.gz"] = buildIndex(t, fixture.Index{Description: "next", SignWith: []*fixture.Key{now}})
	o := cachedOptions(m, apktest.Ring(t, now))
	o.Repository.Mirrors = []string{"http://a", "http://b"}
	x, err := fetchIndex(t, src, o).Open(t.Context())
	if err != nil || x.Description != "next" {
		t.Errorf("Open = %+v, %v, want the second mirror's", x, err)
	}
}

// A disk is a cache that does not share its memory with who reads it.
type disk struct{ *memory }

func (d disk) Record(key string) ([]byte, error) {
	data, err := d.memory.Record(key)
	return bytes.Clone(data), err
}

// TestFetchedIndexIsNotHeld: a run may fetch the indexes of many architectures before it opens one.
func TestFetchedIndexIsNotHeld(t *testing.T) { //nolint:paralleltest // it measures the heap
	const packages = 3000
	var text strings.Builder
	for i := range packages {
		fmt.Fprintf(&text, "C:Q1%027d=\nP:p%d\nV:1\nT:%s\n\n", i, i, strings.Repeat("what it is for ", 10))
	}
	raw := buildIndex(t, fixture.Index{Edit: func(string) string { return text.String() }})
	src := &server{files{cachedAt: raw}, "v1", nil}
	m := disk{newMemory()}
	fetchIndex(t, src, cachedOptions(m, nil)) // the cache has it from here on
	alive := func() uint64 {
		var s runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&s)
		return s.HeapAlloc
	}
	for _, validator := range []string{"v1", "v2"} { // not read, and read
		src.version = validator
		before := alive()
		f := fetchIndex(t, src, cachedOptions(m, nil))
		if held := int64(alive()) - int64(before); held > packages*10 {
			t.Errorf("version %q: fetching an index of %d packages holds %d bytes", validator, packages, held)
		}
		x, err := f.Open(t.Context())
		if err != nil || x.Table().Len() != packages {
			t.Errorf("Open: %v", err)
		}
	}
}

// A gauge is an opener that counts how many of its files are read at the same time.
type gauge struct {
	raw       []byte
	mu        sync.Mutex
	now, most int
}

func (g *gauge) Open(context.Context, string) (io.ReadCloser, error) {
	return &gauged{g: g, r: strings.NewReader(string(g.raw))}, nil
}

type gauged struct {
	g     *gauge
	r     *strings.Reader
	began bool
}

func (r *gauged) Read(b []byte) (int, error) {
	r.g.mu.Lock()
	if !r.began {
		r.began = true
		r.g.now++
		r.g.most = max(r.g.most, r.g.now)
	}
	r.g.mu.Unlock()
	runtime.Gosched()
	n, err := r.r.Read(b[:min(len(b), 64)])
	if err != nil {
		r.g.mu.Lock()
		r.g.now--
		r.g.mu.Unlock()
	}
	return n, err
}

func (r *gauged) Close() error { return nil }

func TestFetchIndexInTurn(t *testing.T) {
	t.Parallel()
	const bound = 2
	for name, cache := range map[string]apk.Cache{"with a cache": newMemory(), "without": nil} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := &gauge{raw: buildIndex(t, fixture.Index{Edit: func(string) string { return strings.Repeat("C:Q1AAAAAAAAAAAAAAAAAAAAAAAAAAA=\nP:p\nV:1\n\n", 100) }})}
			turns := semaphore.NewWeighted(bound)
			var wg sync.WaitGroup
			for i := range 10 {
				wg.Go(func() {
					_, err := apk.FetchIndex(t.Context(), g, apk.IndexOptions{Arch: "x86_64", Cache: cache, Parsing: turns,
						Repository: &apk.Repository{Mirrors: []string{fmt.Sprint("http://", i)}}})
					if err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
			if g.most > bound {
				t.Errorf("%d indexes were read at the same time, want at most %d", g.most, bound)
			}
		})
	}
}
