package layers_test

import (
	"archive/tar"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/pyimg/pyimg/layers"
)

func TestEachDamageOfAnArchiveIsToldAsDamage(t *testing.T) {
	t.Parallel()
	s := openStore(t)
	good := tarball(t, dir("usr"), file("usr/x", "words"), symlink("y", "usr/x"))
	for name, raw := range map[string][]byte{"gzip": gz(t, good), "zstd": zst(t, good)} {
		for i := range raw {
			flipped := slices.Clone(raw)
			flipped[i] ^= 16
			for what, bytes := range map[string][]byte{"flipped at": flipped, "cut at": raw[:i]} {
				var damage *layers.DamageError
				var member *layers.MemberError
				_, err := s.Ingest(t.Context(), source("x", bytes))
				if err != nil && !errors.As(err, &damage) && !errors.As(err, &member) {
					t.Errorf("Ingest of %s %s %d = %v, want a DamageError", name, what, i, err)
				}
				var other *layers.DigestError
				if _, err := s.Ingest(t.Context(), known(source("x", bytes), digest(raw))); !errors.As(err, &other) {
					t.Errorf("Ingest of %s %s %d by digest = %v, want a DigestError", name, what, i, err)
				}
			}
		}
	}
}

// obeyed is a folder with an attribute that overlayfs obeys.
func obeyed(name string) member {
	m := dir(name)
	m.header.PAXRecords = map[string]string{"SCHILY.xattr.trusted.overlay.opaque": "y"}
	m.header.Format = tar.FormatPAX
	return m
}

func TestWhatOverlayfsObeysIsRefused(t *testing.T) {
	t.Parallel()
	s := openStore(t)
	raw := gzTar(t, obeyed("opt"), file("x", ""))
	var refused *layers.MemberError
	_, err := s.Ingest(t.Context(), source("x", raw))
	if !errors.As(err, &refused) || !strings.Contains(err.Error(), "trusted.overlay.opaque") {
		t.Errorf("Ingest = %v, want a MemberError that names the attribute", err)
	}
	_, _, err = s.Convert(t.Context(), source("x", raw), "all", layers.MakeOptions{}, keepAll)
	if !errors.As(err, &refused) || !strings.Contains(err.Error(), "trusted.overlay.opaque") {
		t.Errorf("Convert = %v, want a MemberError that names the attribute", err)
	}
	b, _, err := s.Convert(t.Context(), source("x", raw), "without", layers.MakeOptions{},
		func(h *tar.Header) (bool, error) { return h.Name != "opt/", nil })
	if err != nil {
		t.Fatalf("Convert that drops it = %v", err)
	}
	equalLines(t, "what is left", list(t, s, b), "x")
	_, err = s.Make(t.Context(), "made", layers.MakeOptions{}, func(w *tar.Writer) error {
		m := obeyed("opt")
		return w.WriteHeader(&m.header)
	})
	if !errors.As(err, &refused) {
		t.Errorf("Make = %v, want a MemberError", err)
	}
}
