package layers_test

import (
	"testing"
)

func TestFactsOfTakesWhatIngestRefuses(t *testing.T) {
	t.Parallel()
	for name, members := range map[string][]member{
		"whiteout":               {dir("a"), file("a/.wh.x", "")},
		"name that leads out":    {file("../x", "")},
		"link to a lower file":   {hardlink("a", "elsewhere")},
		"control character":      {file("a\x1b", "")},
		"hard link that is wild": {hardlink("a", "../elsewhere")},
	} {
		s := openStore(t)
		raw := gz(t, tarball(t, members...))
		src := source(name, raw)
		src.Digest = digest(raw)
		if _, err := s.Ingest(t.Context(), src); err == nil {
			t.Errorf("%s: Ingest takes it", name)
		}
		got, err := s.FactsOf(t.Context(), src)
		if err != nil {
			t.Errorf("%s: FactsOf: %v", name, err)
			continue
		}
		n := 0
		for _, err := range got.Entries() {
			if err != nil {
				t.Fatal(err)
			}
			n++
		}
		if n != len(members) {
			t.Errorf("%s: %d entries, want %d", name, n, len(members))
		}
	}
}

func TestFactsOfOpensItsSourceOnce(t *testing.T) {
	t.Parallel()
	s := openStore(t)
	for _, raw := range [][]byte{gz(t, tarball(t, file("x", "1"))), tarball(t, file("x", "2"))} {
		src := source("layer", raw)
		src.Digest = digest(raw)
		first, err := s.FactsOf(t.Context(), src)
		if err != nil {
			t.Fatal(err)
		}
		src.Open = nil // would panic
		again, err := s.FactsOf(t.Context(), src)
		if err != nil || again.Blob != first.Blob || first.DiffID == "" {
			t.Errorf("FactsOf = %+v, then %+v, %v", first.Blob, again.Blob, err)
		}
		if _, err := s.Blob(src.Digest); err == nil {
			t.Error("FactsOf stored the blob")
		}
	}
}

func TestFactsOfWantsTheDigest(t *testing.T) {
	t.Parallel()
	src := source("layer", gz(t, tarball(t, file("x", "1"))))
	src.Digest = digest([]byte("other"))
	if _, err := openStore(t).FactsOf(t.Context(), src); err == nil {
		t.Error("FactsOf takes other bytes than were asked for")
	}
}
