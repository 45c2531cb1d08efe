package layers_test

import (
	"archive/tar"
	"strings"
	"testing"

	"github.com/pyimg/pyimg/layers"
)

func TestArrange(t *testing.T) {
	t.Parallel()
	s := openStore(t)
	drop := func(h *tar.Header) (bool, error) { return !strings.HasSuffix(h.Name, ".pyc"), nil }
	added := []layers.Member{{Header: &tar.Header{Typeflag: tar.TypeReg, Name: "m", Mode: 0o644}, Body: []byte("added")}}
	change := func(path string) func([]byte) []byte {
		if path != "z/b" {
			return nil
		}
		return func(old []byte) []byte { return append(old, "..."...) }
	}
	var first layers.Blob
	for i, raw := range [][]byte{
		gzTar(t, file("z/b", "one"), hardlink("a/c", "z/b"), hardlink("zz", "z/b"), file("k", "two"), file("x.pyc", "no")),
		gzTar(t, file("k", "two"), file("zz", "one"), hardlink("z/b", "zz"), hardlink("a/c", "zz")),
	} {
		edit := change
		if i == 1 { // here the file has another name
			edit = func(path string) func([]byte) []byte { return change(strings.Replace(path, "zz", "z/b", 1)) }
		}
		b, err := s.Arrange(t.Context(), "recipe", layers.MakeOptions{}, ingest(t, s, raw).Digest, drop, edit, added)
		if err != nil {
			t.Fatal(err)
		}
		equalLines(t, "Arrange", list(t, s, b), "a/c = one...", "k = two", "m = added", "z/b -> a/c", "zz -> a/c")
		if first == (layers.Blob{}) {
			first = b
		}
		if b != first {
			t.Errorf("in another order it is %s, not %s", b.Digest, first.Digest)
		}
	}
}

func TestArrangeRefusesAPathThatStandsTwice(t *testing.T) {
	t.Parallel()
	s := openStore(t)
	b := ingest(t, s, gzTar(t, file("a", "1")))
	added := []layers.Member{{Header: &tar.Header{Typeflag: tar.TypeReg, Name: "a", Mode: 0o644}}}
	_, err := s.Arrange(t.Context(), "recipe", layers.MakeOptions{}, b.Digest, func(*tar.Header) (bool, error) { return true, nil }, nil, added)
	if err == nil || !strings.Contains(err.Error(), "twice") {
		t.Errorf("Arrange = %v, want an error", err)
	}
}
