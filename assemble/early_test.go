package assemble_test

import (
	"context"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pyimg/pyimg/assemble"
	"github.com/pyimg/pyimg/assemble/input"
	"github.com/pyimg/pyimg/assemble/spec"
	"github.com/pyimg/pyimg/internal/fixture"
	"github.com/pyimg/pyimg/layers"
)

// sink notes the layers that a build gives it.
type sink struct {
	mu    sync.Mutex
	got   []string
	first chan struct{} // closed at the first layer
}

func newSink() *sink { return &sink{first: make(chan struct{})} }

func (s *sink) Layer(b layers.Blob) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.got) == 0 {
		close(s.first)
	}
	s.got = append(s.got, b.Digest)
}

func (s *sink) digests() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Compact(slices.Sorted(slices.Values(s.got)))
}

// lateOpener opens the package last only after the channel is closed.
type lateOpener struct {
	input.Opener
	last  string
	after <-chan struct{}
}

func (o lateOpener) Open(ctx context.Context, url string) (io.ReadCloser, error) {
	if strings.Contains(url, "/"+o.last+"-") {
		select {
		case <-o.after:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return o.Opener.Open(ctx, url)
}

func buildInto(ctx context.Context, t *testing.T, s spec.Spec, src input.Access, to assemble.LayerSink) assemble.Built {
	t.Helper()
	plan, err := assemble.Resolve(ctx, s, src, testKeys(t))
	if err != nil {
		t.Fatal(err)
	}
	built, err := assemble.Build(ctx, plan, src, assemble.BuildOptions{Layers: to})
	if err != nil {
		t.Fatal(err)
	}
	return built
}

// TestLayersAreGivenWhileOthersAreFetched: the last package comes only after the first layer was given.
func TestLayersAreGivenWhileOthersAreFetched(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fixture.Package{Name: "a", Files: []fixture.File{file("usr/a", "a")}},
		fixture.Package{Name: "b", Depends: []string{"a"}, Files: []fixture.File{file("usr/b", "b")}})
	src, to := w.sources(t), newSink()
	src.Fetch = lateOpener{src.Fetch, "b", to.first}
	ctx, stop := context.WithTimeout(t.Context(), time.Minute) // of a test that would hang
	defer stop()
	buildInto(ctx, t, w.spec(t, "b", ""), src, to)
	if got := to.digests(); !slices.Contains(got, "sha256:"+w.archives["a"].DataHash()) || !slices.Contains(got, "sha256:"+w.archives["b"].DataHash()) {
		t.Errorf("given were %q, want both data streams", got)
	}
	again := newSink()
	buildInto(ctx, t, w.spec(t, "b", ""), src, again)
	if got := again.digests(); len(got) > 0 {
		t.Errorf("%q were given although nothing was fetched", got)
	}
}

// TestWhatMayChangeIsNotGiven: no layer is given that the image does not have.
func TestWhatMayChangeIsNotGiven(t *testing.T) {
	t.Parallel()
	plain := fixture.Package{Name: "plain", Files: []fixture.File{file("usr/plain", "x")}}
	z := func(files ...fixture.File) fixture.Package {
		return fixture.Package{Name: "z", Depends: []string{"base"}, Files: files}
	}
	base := fixture.Package{Name: "base", Files: []fixture.File{{Path: "run", Dir: true}, {Path: "var/run", Link: "../run"}}}
	for name, c := range map[string]struct {
		z    fixture.Package
		more string
	}{
		"hidden member":     {z(file(".hidden", "x"), file("usr/z", "z")), ""},
		"keep file":         {z(file("usr/.keep_z", ""), file("usr/z", "z")), ""},
		"another's symlink": {z(file("var/run/z/pid", "1")), ""},
		"owner's name":      {z(fixture.File{Path: "usr/z", Body: []byte("z"), Uname: "app", UID: 7}), "accounts: {users: [{name: app, uid: 77}]}\n"},
		"excluded path":     {z(file("usr/z", "z"), file("usr/share/doc/z", "z")), "exclude: [usr/share/doc]\n"},
		"compression":       {z(file("usr/z", "z")), "layers: {compression: zstd}\n"},
		"one layer":         {z(file("usr/z", "z")), "layers: {strategy: single}\n"},
		"merged":            {z(file("usr/z", "z")), "layers: {max: 2}\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, plain, base, c.z)
			src, to := w.sources(t), newSink()
			built := buildInto(t.Context(), t, w.spec(t, "plain, z", c.more), src, to)
			var has []string
			for _, l := range built.Lock.Platforms[0].Layers {
				has = append(has, l.Digest)
			}
			if slices.Contains(has, "sha256:"+w.archives["z"].DataHash()) {
				t.Fatal("z is a layer as it is, so this test shows nothing")
			}
			for _, digest := range to.digests() {
				if !slices.Contains(has, digest) {
					t.Errorf("%s was given, and the image does not have it", digest)
				}
			}
			if len(to.digests()) == 0 {
				t.Error("no layer was given")
			}
		})
	}
}

// TestLayersThatCannotBeMergedAreGiven: the smallest share a layer, which the index's sizes tell from the others.
func TestLayersThatCannotBeMergedAreGiven(t *testing.T) {
	t.Parallel()
	w := newWorld(t, manyPackages("")...)
	src, to := w.sources(t), newSink()
	src.Fetch = lateOpener{src.Fetch, "p11", to.first}
	var names []string
	for _, p := range manyPackages("") {
		names = append(names, p.Name)
	}
	ctx, stop := context.WithTimeout(t.Context(), time.Minute) // of a test that would hang
	defer stop()
	built := buildInto(ctx, t, w.spec(t, strings.Join(names, ", "), "layers: {max: 7}"), src, to)
	given := to.digests()
	for _, l := range built.Lock.Platforms[0].Layers {
		if !l.Made() && !slices.Contains(given, l.Digest) {
			t.Errorf("%s was not given", l.From)
		}
		given = slices.DeleteFunc(given, func(d string) bool { return d == l.Digest })
	}
	if len(given) > 0 {
		t.Errorf("%q were given in vain", given)
	}
}
