package layers_test

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/pyimg/pyimg/layers"
)

// list shows a layer's members as "name", "name -> target", "name = content".
func list(t testing.TB, s *layers.Store, b layers.Blob) []string {
	t.Helper()
	var out []string
	r := tar.NewReader(bytes.NewReader(inflated(t, s, b)))
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		line := h.Name
		if h.Linkname != "" {
			line += " -> " + h.Linkname
		}
		if len(content) > 0 {
			line += " = " + string(content)
		}
		out = append(out, line)
	}
}

func equalLines(t testing.TB, what string, got []string, want ...string) {
	t.Helper()
	if g, w := strings.Join(got, "\n"), strings.Join(want, "\n"); g != w {
		t.Errorf("%s:\n%s\nwant:\n%s", what, g, w)
	}
}

// toUsrLocal moves "python/" to usr/local and drops tests.
func toUsrLocal(h *tar.Header) (bool, error) {
	rest, found := strings.CutPrefix(h.Name, "python/")
	h.Name = "usr/local/" + rest
	h.Uid, h.Gid, h.Uname, h.Gname = 0, 0, "root", "root"
	return found && !strings.Contains(rest, "/test/"), nil
}

func TestConvert(t *testing.T) {
	t.Parallel()
	plain := tarball(t, dir("."), dir("./python"), dir("./python/bin"), script("./python/bin/python3.13", "code"),
		hardlink("./python/bin/python3", "./python/bin/python3.13"), symlink("./python/bin/python", "python3"),
		file("./python/lib/test/x", "dropped"), file("./other", "dropped"))
	want := []string{
		"usr/local/", "usr/local/bin/", "usr/local/bin/python3.13 = code",
		"usr/local/bin/python3 -> usr/local/bin/python3.13", "usr/local/bin/python -> python3",
	}
	var first layers.Blob
	for name, raw := range map[string][]byte{"plain": plain, "gzip": gz(t, plain), "zstd": zst(t, plain)} {
		s := openStore(t)
		b, got, err := s.Convert(t.Context(), source(name, raw), "move v1", layers.MakeOptions{}, toUsrLocal)
		if err != nil {
			t.Fatal(err)
		}
		if got != digest(raw) {
			t.Errorf("Convert of %s read %s, want %s", name, got, digest(raw))
		}
		if first == (layers.Blob{}) {
			first = b
		}
		if b != first {
			t.Errorf("Convert of %s = %+v, want %+v", name, b, first)
		}
		equalLines(t, "Convert of "+name, list(t, s, b), want...)
		again, _, err := s.Convert(t.Context(), closed(t, digest(raw)), "move v1", layers.MakeOptions{}, toUsrLocal)
		if err != nil || again != b {
			t.Errorf("Convert again = %+v, %v, want %+v", again, err, b)
		}
	}
}

func TestConvertPreserves(t *testing.T) {
	t.Parallel()
	m := file(strings.Repeat("long/", 60)+"é", "x")
	m.header.PAXRecords = map[string]string{"SCHILY.xattr.security.capability": "\x01\x00\x00\x02", "APK-TOOLS.checksum.SHA1": "00"}
	m.header.ModTime = time.Unix(1600000000, 123456789)
	m.header.AccessTime = time.Unix(1700000001, 0)
	m.header.Mode, m.header.Uid, m.header.Gid, m.header.Uname, m.header.Gname = 0o4755, 3_000_000, 70_000, "näme", "gröup"
	m.header.Format = tar.FormatPAX
	s := openStore(t)
	b, _, err := s.Convert(t.Context(), source("x", tarball(t, m)), "all", layers.MakeOptions{}, keepAll)
	if err != nil {
		t.Fatal(err)
	}
	h, err := tar.NewReader(bytes.NewReader(inflated(t, s, b))).Next()
	if err != nil {
		t.Fatal(err)
	}
	if h.Name != m.header.Name || h.Mode != m.header.Mode || h.Uid != m.header.Uid || h.Gid != m.header.Gid || h.Uname != m.header.Uname ||
		h.Gname != m.header.Gname || !h.ModTime.Equal(m.header.ModTime) || !h.AccessTime.IsZero() {
		t.Errorf("Convert wrote %+v, want %+v without the access time", h, m.header)
	}
	for k, v := range m.header.PAXRecords {
		if h.PAXRecords[k] != v {
			t.Errorf("record %q = %q, want %q", k, h.PAXRecords[k], v)
		}
	}
}

func TestConvertFillsHoles(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("testdata/sparse.tar.gz")
	if err != nil {
		t.Fatal(err)
	}
	s := openStore(t)
	b, _, err := s.Convert(t.Context(), source("sparse.tar.gz", raw), "all", layers.MakeOptions{}, keepAll)
	if err != nil {
		t.Fatal(err)
	}
	content := strings.Repeat("\x00", 50_000) + "data" + strings.Repeat("\x00", 49_996)
	equalLines(t, "Convert of sparse files", list(t, s, b), "hole1 = "+content, "hole2 = "+content)
}

func TestConvertRefuses(t *testing.T) {
	t.Parallel()
	cause := errors.New("the edit says no")
	rename := func(from, to string) layers.Edit {
		return func(h *tar.Header) (bool, error) {
			if h.Name == from {
				h.Name = to
			}
			return h.Name != "", nil
		}
	}
	for name, test := range map[string]struct {
		raw  []byte
		edit layers.Edit
		want string
	}{
		"text":                       {[]byte("<html>"), keepAll, "neither gzip nor zstd"},
		"a cut archive":              {gzTar(t, file("x", strings.Repeat("words", 1000)))[:60], keepAll, "truncated"},
		"a name up":                  {gzTar(t, file("../x", "")), keepAll, `"../x"`},
		"a name up that is dropped":  {gzTar(t, file("../x", "")), rename("../x", ""), `"../x"`},
		"an edited name up":          {gzTar(t, file("x", "")), rename("x", "../x"), `"../x"`},
		"an edited absolute name":    {gzTar(t, file("x", "")), rename("x", "/x"), `"/x"`},
		"an edited whiteout":         {gzTar(t, file("x", "")), rename("x", ".wh.x"), `".wh.x"`},
		"twice":                      {gzTar(t, file("x", ""), file("x", "")), keepAll, "ingest the archive"},
		"twice after the edit":       {gzTar(t, file("x", ""), file("y", "")), rename("y", "x"), `"x"`},
		"a dropped target":           {gzTar(t, file("x", ""), hardlink("y", "x")), rename("x", ""), "target is dropped"},
		"a hard link out":            {gzTar(t, hardlink("y", "../x")), keepAll, `"../x"`},
		"a hard link to a later one": {gzTar(t, hardlink("y", "x"), file("x", "")), keepAll, "earlier member"},
		"the edit's error":           {gzTar(t, file("x", "")), func(*tar.Header) (bool, error) { return false, cause }, cause.Error()},
		"bytes after the end":        {gz(t, append(tarball(t, file("x", "")), "more"...)), keepAll, "follow the end"},
		"a device":                   {gzTar(t, member{header: tar.Header{Typeflag: tar.TypeChar, Name: "x"}}), keepAll, "device"},
		"below a file":               {gzTar(t, file("x", ""), file("y/z", "")), rename("y/z", "x/z"), `below "x"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			folder := t.TempDir()
			s := openStoreIn(t, folder)
			b, _, err := s.Convert(t.Context(), source("http://host/x.tar", test.raw), "recipe", layers.MakeOptions{}, test.edit)
			if err == nil {
				t.Fatalf("Convert = %+v with %q, want an error", b, list(t, s, b))
			}
			for _, part := range []string{test.want, "http://host/x.tar"} {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("error %q does not say %q", err, part)
				}
			}
			if left := stored(t, folder); len(left) > 0 {
				t.Errorf("left are %q, want nothing", left)
			}
		})
	}
}

func TestConvertOfOtherBytesKeepsNothing(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	s := openStoreIn(t, folder)
	src := known(source("x", gzTar(t, file("a", "1"))), digest(nil))
	var mismatch *layers.DigestError
	if _, _, err := s.Convert(t.Context(), src, "recipe", layers.MakeOptions{}, keepAll); !errors.As(err, &mismatch) {
		t.Errorf("Convert: %v, want a DigestError", err)
	}
	if left := stored(t, folder); len(left) > 0 {
		t.Errorf("left are %q, want nothing", left)
	}
}

func TestConvertMayDropATargetWithItsLink(t *testing.T) {
	t.Parallel()
	s := openStore(t)
	raw := gzTar(t, file("test/x", ""), hardlink("test/y", "test/x"), file("z", ""))
	b, _, err := s.Convert(t.Context(), source("x", raw), "recipe", layers.MakeOptions{}, func(h *tar.Header) (bool, error) {
		return !strings.HasPrefix(h.Name, "test/"), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	equalLines(t, "Convert", list(t, s, b), "z")
}
