package layers_test

import (
	"archive/tar"
	"strings"
	"testing"

	"github.com/pyimg/pyimg/layers"
)

func keepEach(int, *tar.Header) (bool, error) { return true, nil }

func rewrite(t *testing.T, edit func(int, *tar.Header) (bool, error), archives ...[]member) (*layers.Store, layers.Blob, error) {
	t.Helper()
	s := openStore(t)
	var digests []string
	for _, members := range archives {
		digests = append(digests, ingest(t, s, gzTar(t, members...)).Digest)
	}
	b, err := s.Rewrite(t.Context(), "recipe", layers.MakeOptions{}, digests, edit)
	return s, b, err
}

func TestRewrite(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		archives [][]member
		edit     func(int, *tar.Header) (bool, error)
		want     []string
	}{
		"clean names":                     {[][]member{{dir("."), dir("./usr"), file("./usr//x", "1")}}, keepEach, []string{"usr/", "usr/x = 1"}},
		"the last one wins in an archive": {[][]member{{file("x", "1"), file("y", "2"), file("x", "3")}}, keepEach, []string{"y = 2", "x = 3"}},
		"the last one wins among archives": {
			[][]member{{file("x", "1"), file("y", "2")}, {file("x", "3")}}, keepEach, []string{"y = 2", "x = 3"},
		},
		"a folder stays where it was": {
			[][]member{{dir("usr"), file("usr/x", "1")}, {dir("usr"), file("usr/y", "2")}}, keepEach,
			[]string{"usr/", "usr/x = 1", "usr/y = 2"},
		},
		"a hard link follows its target": {
			[][]member{{file("x", "1"), hardlink("y", "x"), hardlink("z", "y")}},
			func(_ int, h *tar.Header) (bool, error) { h.Name = "usr/" + h.Name; return true, nil },
			[]string{"usr/x = 1", "usr/y -> usr/x", "usr/z -> usr/x"},
		},
		"a dropped target's first link becomes the file": {
			[][]member{{file("x", "1"), hardlink("y", "x"), hardlink("z", "x")}},
			func(_ int, h *tar.Header) (bool, error) { return h.Name != "x", nil }, []string{"y = 1", "z -> y"},
		},
		"so does that of a target that loses": {
			[][]member{{file("x", "1"), hardlink("y", "x")}, {file("x", "2")}}, keepEach, []string{"y = 1", "x = 2"},
		},
		"hard links of one name": {
			[][]member{{file("x", "1"), hardlink("y", "x")}, {file("y", "2"), hardlink("x", "y")}}, keepEach,
			[]string{"y = 2", "x -> y"},
		},
		"an edit by number": {
			[][]member{{file("x", "1")}, {file("x", "2")}, {file("y", "3")}},
			func(i int, h *tar.Header) (bool, error) { return i != 1, nil }, []string{"x = 1", "y = 3"},
		},
		"a global header": {
			[][]member{{{header: tar.Header{Typeflag: tar.TypeXGlobalHeader, PAXRecords: map[string]string{"comment": "0"}}}, file("x", "1")}},
			keepEach, []string{"x = 1"},
		},
		"a contiguous file": {[][]member{{{header: tar.Header{Typeflag: tar.TypeCont, Name: "x"}}}}, keepEach, []string{"x"}},
		"nothing left":      {[][]member{{file("x", "1")}}, func(int, *tar.Header) (bool, error) { return false, nil }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, b, err := rewrite(t, test.edit, test.archives...)
			if err != nil {
				t.Fatal(err)
			}
			equalLines(t, "Rewrite", list(t, s, b), test.want...)
			if faults, err := s.Faults(b.Digest); err != nil || len(faults) > 0 {
				t.Errorf("Faults = %v, %v, want none", faults, err)
			}
		})
	}
}

func TestRewriteGivesAFolderItsLastAttributes(t *testing.T) {
	t.Parallel()
	last := dir("tmp")
	last.header.Mode = 0o1777
	s, b, err := rewrite(t, keepEach, []member{dir("tmp"), file("tmp/x", "")}, []member{last})
	if err != nil {
		t.Fatal(err)
	}
	if e := entries(t, s, b.Digest); e[0].Path() != "tmp" || e[0].Header.Mode != 0o1777 {
		t.Errorf("the folder is %+v, want mode 1777", e[0].Header)
	}
}

func TestRewriteRefuses(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		archives [][]member
		edit     func(int, *tar.Header) (bool, error)
		want     string
	}{
		"a folder and a file": {[][]member{{dir("x")}, {file("x", "")}}, keepEach, `"x" is a folder and something else`},
		"a name up": {
			[][]member{{file("x", "")}}, func(_ int, h *tar.Header) (bool, error) { h.Name = "../x"; return true, nil }, `"../x"`,
		},
		"a device": {[][]member{{{header: tar.Header{Typeflag: tar.TypeChar, Name: "x", Devmajor: 1}}}}, keepEach, "device"},
	} {
		_, _, err := rewrite(t, test.edit, test.archives...)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("Rewrite of %s: %v, want %q in it", name, err, test.want)
		}
	}
}

func TestRewriteTranscodes(t *testing.T) {
	t.Parallel()
	s := openStore(t)
	from := ingest(t, s, gzTar(t, file("x", "1")))
	var asked int
	count := func(int, *tar.Header) (bool, error) { asked++; return true, nil }
	for range 2 {
		b, err := s.Rewrite(t.Context(), "recipe", layers.MakeOptions{Compression: "zstd"}, []string{from.Digest}, count)
		if err != nil || b.MediaType != layers.MediaTypeZstd || b.DiffID != from.DiffID {
			t.Errorf("Rewrite = %+v, %v, want zstd of %s", b, err, from.DiffID)
		}
	}
	if asked != 1 {
		t.Errorf("the edit was asked %d times, want once", asked)
	}
}

func TestRewriteNoticesDamage(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	s := openStoreIn(t, folder)
	from := ingest(t, s, gz(t, append(tarball(t, file("x", "1")), make([]byte, 50_000)...)))
	flip(t, blobFile(folder, from.Digest), 4) // the time in gzip's header, which nothing but the digest guards
	_, err := s.Rewrite(t.Context(), "recipe", layers.MakeOptions{}, []string{from.Digest}, keepEach)
	if err == nil || !strings.Contains(err.Error(), "changed since") {
		t.Errorf("Rewrite: %v, want the damage", err)
	}
	if left := stored(t, folder); len(left) != 1 || !strings.HasPrefix(left[0], "v1/facts/") {
		t.Errorf("left are %q, want what is known of the damaged blob", left)
	}
}
