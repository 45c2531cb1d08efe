package layers_test

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"testing"

	"github.com/pyimg/pyimg/layers"
)

// counted is a source of known digest that counts how often it is opened.
func counted(raw []byte, opened *int) layers.Source {
	return layers.Source{Name: "x", Digest: digest(raw), Open: func(ctx context.Context) (io.ReadCloser, error) {
		*opened++
		return source("x", raw).Open(ctx)
	}}
}

// moveTo puts all below a prefix.
func moveTo(prefix string) layers.Edit {
	return func(h *tar.Header) (bool, error) {
		h.Name = prefix + h.Name
		return true, nil
	}
}

func TestRewriteSourceLetsTheSourceGo(t *testing.T) {
	t.Parallel()
	folder, opened := t.TempDir(), 0
	raw := gzTar(t, script("bin/x", "#!/bin/sh\n"))
	var first layers.Blob
	for _, run := range []struct {
		what, prefix string
		opened       int
	}{{"cold", "opt/", 1}, {"warm", "opt/", 1}, {"another recipe", "usr/", 2}, {"both known", "usr/", 2}} {
		s := openStoreIn(t, folder)
		src := counted(raw, &opened)
		if b, err := s.IngestFacts(t.Context(), src); err != nil || b.Digest != digest(raw) {
			t.Fatalf("%s: Learn = %+v, %v", run.what, b, err)
		}
		if got := entries(t, s, digest(raw)); len(got) != 1 || string(got[0].Kept) != "#!/bin/sh" {
			t.Errorf("%s: Entries = %+v, want what is in the source", run.what, got)
		}
		b, err := s.RewriteSource(t.Context(), src, run.prefix, layers.MakeOptions{}, moveTo(run.prefix), nil)
		if err != nil || opened != run.opened {
			t.Errorf("%s: RewriteSource: %v, opened %d times, want %d", run.what, err, opened, run.opened)
		}
		if _, err := os.Stat(blobFile(folder, digest(raw))); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: the source's bytes are stored, beside the layer made of them", run.what)
		}
		if first == (layers.Blob{}) {
			first = b
		}
		if got := entries(t, s, b.Digest); len(got) != 1 || got[0].Path() != run.prefix+"bin/x" {
			t.Errorf("%s: the layer holds %+v", run.what, got)
		}
		closeStore(t, s)
	}
	if !holds(t, folder, first.Digest) {
		t.Error("the layer that was made first is gone")
	}
}

func TestRewriteSourceKeepsWhatIsReliedOn(t *testing.T) {
	t.Parallel()
	raw := gzTar(t, file("bin/x", "1"))
	for name, rely := range map[string]func(t *testing.T, s *layers.Store, folder string) (end func()){
		"verbatim in the same run": func(t *testing.T, s *layers.Store, _ string) func() {
			if _, err := s.Ingest(t.Context(), known(source("x", raw), digest(raw))); err != nil {
				t.Fatal(err)
			}
			return func() {}
		},
		"another run": func(t *testing.T, _ *layers.Store, folder string) func() {
			other := openStoreIn(t, folder)
			return func() { closeStore(t, other) }
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			folder, opened := t.TempDir(), 0
			s := openStoreIn(t, folder)
			end := rely(t, s, folder)
			rewrite := func(s *layers.Store) {
				if _, err := s.RewriteSource(t.Context(), counted(raw, &opened), "opt", layers.MakeOptions{}, moveTo("opt/"), nil); err != nil {
					t.Fatal(err)
				}
			}
			rewrite(s)
			if _, err := os.Stat(blobFile(folder, digest(raw))); err != nil {
				t.Errorf("the source's bytes are gone: %v", err)
			}
			end()
			closeStore(t, s)
			later := openStoreIn(t, folder)
			defer closeStore(t, later)
			rewrite(later)
			if _, err := os.Stat(blobFile(folder, digest(raw))); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("a later run leaves the source's bytes: %v", err)
			}
		})
	}
}

// TestEntriesBeyondMemory reads more than a store remembers.
func TestEntriesBeyondMemory(t *testing.T) {
	t.Parallel()
	if underRace {
		t.Skip("it takes long under the race detector, and one goroutine")
	}
	s := openStore(t)
	const many = 72_000 // more than are remembered of one layer
	var blobs []layers.Blob
	for _, n := range []int{many, many / 2, many / 2, many / 2} {
		members := make([]member, n)
		for i := range members {
			members[i] = symlink(fmt.Sprintf("usr/%d/%d", n, i), "x")
		}
		members = append(members, file(fmt.Sprint("last", len(blobs)), ""))
		blobs = append(blobs, ingest(t, s, gzTar(t, members...)))
	}
	for range 2 {
		for i, b := range blobs {
			got := entries(t, s, b.Digest)
			if last := got[len(got)-1].Path(); last != fmt.Sprint("last", i) {
				t.Errorf("the last entry of layer %d is %q", i, last)
			}
		}
	}
}
