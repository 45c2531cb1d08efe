package sdist_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pyimg/pyimg/wheel/sdist"
)

// tarball packs members: name, then content. A content that begins with "->" is a symlink's target.
func tarball(t testing.TB, members ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	for i := 0; i < len(members); i += 2 {
		h := &tar.Header{Name: members[i], Mode: 0o644, Size: int64(len(members[i+1])), Typeflag: tar.TypeReg}
		content := members[i+1]
		if to, link := strings.CutPrefix(content, "->"); link {
			h.Typeflag, h.Linkname, h.Size, content = tar.TypeSymlink, to, 0, ""
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(content)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

const info = "Metadata-Version: 2.1\nName: Foo.Bar\nVersion: 1.0.POST1\nRequires-Python: >=3.8\n"

func TestRead(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name     string
		data     []byte
		want     string // NAME VERSION
		backend  string
		requires []string
	}{
		{"foo_bar-1.0.post1.tar.gz", tarball(t, "foo_bar-1.0.post1/PKG-INFO", info), "foo-bar 1.0.post1", "setuptools.build_meta:__legacy__", []string{"setuptools>=40.8.0"}},
		{"x.tar.gz", tarball(t, "a-b-2.0/setup.py", ""), "a-b 2.0", "setuptools.build_meta:__legacy__", []string{"setuptools>=40.8.0"}},
		{"x.tar.gz", tarball(t, "a-2/pyproject.toml", "[build-system]\nrequires = [\"flit_core<4\"]\nbuild-backend = \"flit_core.buildapi\""), "a 2", "flit_core.buildapi", []string{"flit_core<4"}},
		{"x.tar.gz", tarball(t, "a-2/pyproject.toml", "[build-system]\nrequires = [\"setuptools\", \"cython\"]"), "a 2", "setuptools.build_meta:__legacy__", []string{"setuptools", "cython"}},
		{"x.tar.gz", tarball(t, "a-2/pyproject.toml", "[project]\nname = \"a\""), "a 2", "setuptools.build_meta:__legacy__", []string{"setuptools>=40.8.0"}},
		{"x.tar.gz", tarball(t, "a-2/pyproject.toml", "[build-system]\nrequires = []\nbuild-backend = \"b\"\nbackend-path = [\"be\"]"), "a 2", "b", nil},
		{"x.tar.gz", tarball(t, "a-2/src/PKG-INFO", info, "a-2/x", "->src/PKG-INFO"), "a 2", "setuptools.build_meta:__legacy__", []string{"setuptools>=40.8.0"}},
	} {
		s, err := sdist.Read(bytes.NewReader(c.data), int64(len(c.data)), c.name)
		if err != nil {
			t.Errorf("%s (%s): %v", c.name, c.want, err)
			continue
		}
		if got := s.Name + " " + s.Version.String(); got != c.want || s.Backend != c.backend || !slices.Equal(s.Requires, c.requires) {
			t.Errorf("%s: %s by %s with %q, want %s by %s with %q", c.name, got, s.Backend, s.Requires, c.want, c.backend, c.requires)
		}
	}
}

func TestReadZip(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	f, err := w.Create("foo_bar-1/PKG-INFO")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write([]byte(info)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	s, err := sdist.Read(bytes.NewReader(b.Bytes()), int64(b.Len()), "foo_bar-1.zip")
	if err != nil || s.Name != "foo-bar" || s.RequiresPython != ">=3.8" {
		t.Errorf("%+v, %v", s, err)
	}
}

func TestReadRefuses(t *testing.T) {
	t.Parallel()
	pyproject := func(text string) []byte { return tarball(t, "a-1/pyproject.toml", text) }
	for word, data := range map[string][]byte{
		"leads out of the sdist": tarball(t, "../a-1/setup.py", ""),
		"leads out of it":        tarball(t, "a-1/x", "->../../etc/passwd"),
		"link":                   tarball(t, "a-1/x", "->/etc/passwd"),
		"one folder":             tarball(t, "a-1/x", "", "b-1/x", ""),
		"NAME-VERSION":           tarball(t, "sources/x", ""),
		"empty":                  tarball(t),
		"gzip":                   []byte("nothing"),
		"toml":                   pyproject("[build-system"),
		"no requires":            pyproject("[build-system]\nbuild-backend = \"x\""),
		"build-system.requires":  pyproject("[build-system]\nrequires = [\"!\"]"),
		"backend-path":           pyproject("[build-system]\nrequires = []\nbuild-backend = \"x\"\nbackend-path = [\"../..\"]"),
		"PKG-INFO":               tarball(t, "a-1/PKG-INFO", "nothing"),
	} {
		_, err := sdist.Read(bytes.NewReader(data), int64(len(data)), "a-1.tar.gz")
		if err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("error %v, want one with %q", err, word)
		}
	}
}

func TestParseFilename(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"foo-1.0.tar.gz": "foo 1.0", "Foo_Bar-1.0rc1.zip": "foo-bar 1.0rc1", "a-b-2.tgz": "a-b 2", "a-1-2.tar.gz": "a-1 2",
		"foo.tar.gz": "", "foo-1.0.whl": "", "-1.tar.gz": "", "foo-x.tar.gz": "", "foo_1.0.orig.tar.gz": "",
	} {
		project, v, err := sdist.ParseFilename(name)
		if got := strings.TrimSpace(project + " " + v.String()); err == nil && got != want || err != nil && want != "" {
			t.Errorf("ParseFilename(%q) = %q, %v, want %q", name, got, err, want)
		}
	}
}

func TestReadConformance(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../../../shared/conformance/wheels/sdists/*.tar.gz")
	if err != nil || len(files) == 0 {
		t.Skip("needs the conformance data of ../shared")
	}
	for _, name := range files {
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		info, err := f.Stat()
		if err != nil {
			t.Fatal(err)
		}
		s, err := sdist.Read(f, info.Size(), filepath.Base(name))
		if err != nil || s.Name == "" || s.VersionText == "" || s.Backend == "" {
			t.Errorf("%s: %+v, %v", filepath.Base(name), s, err)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add(tarball(f, "a-1/PKG-INFO", info), false)
	f.Add(tarball(f, "a-1/pyproject.toml", "[build-system]\nrequires = []"), false)
	f.Add([]byte("PK\x05\x06"), true)
	f.Fuzz(func(t *testing.T, data []byte, isZip bool) {
		name := "a-1.tar.gz"
		if isZip {
			name = "a-1.zip"
		}
		s, err := sdist.Read(bytes.NewReader(data), int64(len(data)), name)
		if err == nil && (s.Name == "" || s.Version.IsZero() || s.Backend == "") {
			t.Errorf("read %+v", s)
		}
	})
}
