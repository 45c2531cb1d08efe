package layers_test

import (
	"archive/tar"
	"strings"
	"testing"

	"github.com/pyimg/pyimg/layers"
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

// TestForbiddenMembersAreCodes: what facts say of a member that no layer may hold is a code with its argument, which locks and
// images keep. The sentence follows from it, also for a sentence of an earlier version.
func TestForbiddenMembersAreCodes(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 300)
	device := member{header: tar.Header{Typeflag: tar.TypeChar, Name: "c"}}
	for _, c := range []struct {
		member           member
		detail, sentence string
	}{
		{file("/etc/x", ""), "absolute", "its name is absolute"},
		{file("a/../b", ""), "parent", `its name holds ".."`},
		{file("a/.wh.b", ""), "whiteout", "its name is that of a whiteout"},
		{file("a\x07", ""), "control", "its name holds control characters"},
		{file(long, ""), "part 300", "its name has a part of 300 bytes, more than 255"},
		{file(strings.Repeat("x/", 3000)+"y", ""), "long 6001", "its name has 6001 bytes, more than 4096"},
		{hardlink("a", "/etc/my file"), "target-absolute /etc/my file", `it is a hard link to "/etc/my file": its name is absolute`},
		{symlink("a", "b\x1b"), "symlink b\x1b", `it is a symlink to "b\x1b": such a target is not possible`},
		{device, "overlay the character device 0:0", `it has "the character device 0:0": overlayfs obeys it, which hides or deletes files ` +
			"of the layers below in docker and podman alone"},
	} {
		raw := gz(t, tarball(t, c.member))
		src := source("layer", raw)
		src.Digest = digest(raw)
		known, err := openStore(t).FactsOf(t.Context(), src)
		if err != nil {
			t.Errorf("%s: %v", c.detail, err)
			continue
		}
		found := layers.Fault{}
		for _, f := range known.Faults() {
			if f.Code == layers.FaultForbidden {
				found = f
			}
		}
		if want := c.sentence; found.Detail != c.detail || !strings.HasSuffix(found.String(), want) {
			t.Errorf("%q: detail %q, %q, want %q, %q", c.member.header.Name, found.Detail, found, c.detail, want)
		}
	}
	old := layers.Fault{Code: layers.FaultForbidden, Path: "x", Detail: "its name is odd in a way of old"}
	if got, want := old.String(), `"x" its name is odd in a way of old`; got != want {
		t.Errorf("a fault of an earlier version is %q, want %q", got, want)
	}
}
