package layers_test

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"testing"

	"github.com/pyimg/pyimg/layers"
)

// A layer with whiteouts is kept as it is where Ingest refuses it, also when its facts are lost.
func TestKeepTakesLayersOfAnyImage(t *testing.T) {
	t.Parallel()
	s := openStore(t)
	raw := gzTar(t, member{header: tar.Header{Typeflag: tar.TypeReg, Name: "etc/.wh.gone", Mode: 0o644}})
	src := known(source("foreign", raw), digest(raw))
	var refused *layers.MemberError
	if _, err := s.Ingest(t.Context(), src); !errors.As(err, &refused) {
		t.Fatalf("Ingest = %v, want a *MemberError", err)
	}
	for range 2 {
		b, err := s.Keep(t.Context(), src)
		if err != nil || b.Digest != src.Digest {
			t.Fatalf("Keep = %+v, %v, want the layer", b, err)
		}
	}
	r, err := s.Open(src.Digest)
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(r)
	if err := errors.Join(err, r.Close()); err != nil || !bytes.Equal(got, raw) {
		t.Errorf("Open: %d bytes, %v, want the layer's own %d", len(got), err, len(raw))
	}
	other := known(source("other", raw), digest([]byte("x")))
	if _, err := s.Keep(t.Context(), other); !errors.As(err, new(*layers.DigestError)) {
		t.Errorf("Keep of other bytes = %v, want a *DigestError", err)
	}
}

func TestWhiteouts(t *testing.T) {
	t.Parallel()
	s := openStore(t)
	folder := &tar.Header{Typeflag: tar.TypeDir, Name: "tmp/", Mode: 0o1777}
	var first layers.Blob
	for range 2 {
		b, err := s.Whiteouts(t.Context(), layers.MakeOptions{}, []*tar.Header{folder}, []string{"a", "tmp/b"})
		if err != nil {
			t.Fatal(err)
		}
		if first.Digest != "" && b.Digest != first.Digest {
			t.Errorf("%s, then %s: the same paths give the same bytes", first.Digest, b.Digest)
		}
		first = b
	}
	var got []string
	for e, err := range s.Entries(first.Digest) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, e.Path())
	}
	if len(got) != 3 || got[0] != "tmp" || got[1] != ".wh.a" || got[2] != "tmp/.wh.b" {
		t.Errorf("members %q, want the folder and two whiteouts", got)
	}
	if _, err := s.Whiteouts(t.Context(), layers.MakeOptions{}, nil, []string{"../a"}); err == nil {
		t.Error("a path that leads out of the root was taken")
	}
}
