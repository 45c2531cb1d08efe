package layers_test

import (
	"archive/tar"
	"bytes"
	"strings"
	"testing"

	"github.com/pyimg/pyimg/layers"
)

func TestRewriteSourceChangesContents(t *testing.T) {
	t.Parallel()
	s := openStore(t)
	raw := gzTar(t, file("python/x", "at /install"), hardlink("python/y", "python/x"), file("python/z", "at /install"))
	move := func(h *tar.Header) (bool, error) {
		h.Name = "opt/" + strings.TrimPrefix(h.Name, "python/")
		return true, nil
	}
	b, err := s.RewriteSource(t.Context(), known(source("x", raw), digest(raw)), "recipe", layers.MakeOptions{}, move,
		func(path string) func([]byte) []byte {
			if path != "opt/x" {
				return nil
			}
			return func(old []byte) []byte { return bytes.ReplaceAll(old, []byte("/install"), []byte("/opt/python")) }
		})
	if err != nil {
		t.Fatal(err)
	}
	equalLines(t, "RewriteSource", list(t, s, b), "opt/x = at /opt/python", "opt/y -> opt/x", "opt/z = at /install")
}

func TestRewriteSourceRefusesToChangeALargeFile(t *testing.T) {
	t.Parallel()
	s := openStore(t)
	raw := gzTar(t, file("x", strings.Repeat("x", 1<<20+1)))
	_, err := s.RewriteSource(t.Context(), known(source("x", raw), digest(raw)), "recipe", layers.MakeOptions{},
		func(*tar.Header) (bool, error) { return true, nil }, func(string) func([]byte) []byte { return func(old []byte) []byte { return old } })
	if err == nil || !strings.Contains(err.Error(), `"x"`) || !strings.Contains(err.Error(), "at most 1048576") {
		t.Errorf("RewriteSource = %v, want an error with the file and the limit", err)
	}
}

// TestConvertShowsWhiteouts: who takes a part of an image needs to know what its upper layers delete.
func TestConvertShowsWhiteouts(t *testing.T) {
	t.Parallel()
	s := openStore(t)
	raw := gzTar(t, file("etc/.wh.passwd", ""), file("etc/.wh..wh..opq", ""), file("x", "1"))
	var seen []string
	b, _, err := s.Convert(t.Context(), source("x", raw), "recipe", layers.MakeOptions{}, func(h *tar.Header) (bool, error) {
		seen = append(seen, h.Name)
		h.Name = strings.Replace(h.Name, "/.wh.passwd", "/gone.passwd", 1)
		return !strings.Contains(h.Name, ".wh."), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	equalLines(t, "the edit saw", seen, "etc/.wh.passwd", "etc/.wh..wh..opq", "x")
	equalLines(t, "Convert", list(t, s, b), "etc/gone.passwd", "x = 1")
}
