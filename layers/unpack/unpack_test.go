//go:build linux

package unpack_test

import (
	"archive/tar"
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/pyimg/pyimg/layers/unpack"
)

type member struct {
	tar.Header
	content string
}

func archive(t testing.TB, members ...member) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, m := range members {
		if m.Typeflag == 0 {
			m.Typeflag = tar.TypeReg
		}
		m.Size = int64(len(m.content))
		if m.Mode == 0 {
			m.Mode = 0o644
		}
		if err := w.WriteHeader(&m.Header); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(m.content)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestLayer(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	at := time.Unix(1_000_000_000, 0)
	size, err := unpack.Layer(bytes.NewReader(archive(t,
		member{Header: tar.Header{Name: "./bin/", Typeflag: tar.TypeDir, Mode: 0o555, ModTime: at}},
		member{Header: tar.Header{Name: "bin/tool", Mode: 0o4755, ModTime: at}, content: "tool"},
		member{Header: tar.Header{Name: "bin/same", Typeflag: tar.TypeLink, Linkname: "bin/tool"}},
		member{Header: tar.Header{Name: "lib", Typeflag: tar.TypeSymlink, Linkname: "/usr/lib"}},
		member{Header: tar.Header{Name: "lib/x"}, content: "x"},
		member{Header: tar.Header{Name: "dev/null", Typeflag: tar.TypeChar}},
		member{Header: tar.Header{Name: "a"}, content: "first"},
		member{Header: tar.Header{Name: "a"}, content: "second"},
	)), dir, unpack.Options{Lower: []string{}})
	if err != nil || size != 4+1+5+6 {
		t.Fatalf("Layer = %d, %v", size, err)
	}
	for name, want := range map[string]string{"bin/tool": "tool", "bin/same": "tool", "usr/lib/x": "x", "a": "second"} {
		if got, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(got) != want {
			t.Errorf("%s holds %q, %v, want %q", name, got, err, want)
		}
	}
	if to, err := os.Readlink(filepath.Join(dir, "lib")); err != nil || to != "/usr/lib" {
		t.Errorf("lib leads to %q, %v", to, err)
	}
	if info, err := os.Stat(filepath.Join(dir, "bin", "tool")); err != nil || info.Mode() != 0o755|os.ModeSetuid || !info.ModTime().Equal(at) {
		t.Errorf("bin/tool: %v, %v", info, err)
	}
	if info, err := os.Stat(filepath.Join(dir, "bin")); err != nil || info.Mode().Perm() != 0o755 || !info.ModTime().Equal(at) {
		t.Errorf("bin: %v, %v, want a folder that can be emptied", info, err)
	}
	if _, err := os.Lstat(filepath.Join(dir, "dev", "null")); err == nil {
		t.Error("a device was made")
	}
}

func TestWhiteouts(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	_, err := unpack.Layer(bytes.NewReader(archive(t,
		member{Header: tar.Header{Name: "etc/.wh.gone"}},
		member{Header: tar.Header{Name: "var/.wh..wh..opq"}},
		member{Header: tar.Header{Name: "etc/.wh.new"}},
		member{Header: tar.Header{Name: "etc/new"}, content: "x"},
	)), dir, unpack.Options{Lower: []string{}})
	if err != nil {
		t.Fatal(err)
	}
	var stat unix.Stat_t
	if err := unix.Lstat(filepath.Join(dir, "etc", "gone"), &stat); err != nil || stat.Mode&unix.S_IFMT != unix.S_IFCHR || stat.Rdev != 0 {
		t.Errorf("etc/gone: %o, %d, %v, want the device 0:0", stat.Mode, stat.Rdev, err)
	}
	if got, err := os.ReadFile(filepath.Join(dir, "etc", "new")); err != nil || string(got) != "x" {
		t.Errorf("etc/new: %q, %v", got, err)
	}
	value := make([]byte, 8)
	if n, err := unix.Lgetxattr(filepath.Join(dir, "var"), "user.overlay.opaque", value); err != nil || string(value[:n]) != "y" {
		t.Errorf("var: %q, %v", value[:max(n, 0)], err)
	}
}

// TestNothingOutside unpacks what tries to get out of the folder.
func TestNothingOutside(t *testing.T) {
	t.Parallel()
	for name, members := range map[string][]member{
		"dots":     {{Header: tar.Header{Name: "../../evil"}, content: "x"}},
		"absolute": {{Header: tar.Header{Name: "/evil"}, content: "x"}},
		"symlink": {{Header: tar.Header{Name: "up", Typeflag: tar.TypeSymlink, Linkname: "../.."}},
			{Header: tar.Header{Name: "up/evil"}, content: "x"}},
		"hard link": {{Header: tar.Header{Name: "up", Typeflag: tar.TypeSymlink, Linkname: "/"}},
			{Header: tar.Header{Name: "x", Typeflag: tar.TypeLink, Linkname: "up/../outside"}}},
		"overlay's attribute": {{Header: tar.Header{Name: "d/", Typeflag: tar.TypeDir, PAXRecords: map[string]string{"SCHILY.xattr.user.overlay.opaque": "y"}}}},
		"circle": {{Header: tar.Header{Name: "a", Typeflag: tar.TypeSymlink, Linkname: "b"}}, {Header: tar.Header{Name: "b", Typeflag: tar.TypeSymlink, Linkname: "a"}},
			{Header: tar.Header{Name: "a/x"}, content: "x"}},
	} {
		top := t.TempDir()
		dir := filepath.Join(top, "one", "two")
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(top, "outside"), []byte("of the host"), 0o644); err != nil {
			t.Fatal(err)
		}
		_, err := unpack.Layer(bytes.NewReader(archive(t, members...)), dir, unpack.Options{Lower: []string{}})
		entries, _ := os.ReadDir(top)
		if len(entries) != 2 {
			t.Errorf("%s: %v is there, Layer = %v", name, entries, err)
		}
		if text, err := os.ReadFile(filepath.Join(dir, "x")); err == nil && strings.Contains(string(text), "host") {
			t.Errorf("%s: a file of the host is in the root", name)
		}
		if n, err := unix.Lgetxattr(filepath.Join(dir, "d"), "user.overlay.opaque", make([]byte, 8)); err == nil {
			t.Errorf("%s: the attribute has %d bytes", name, n)
		}
	}
}

// TestLower unpacks a layer that continues what is below it: as overlayfs shows it, its files are where a container engine
// would have put them.
func TestLower(t *testing.T) {
	t.Parallel()
	lowest, lower, upper := t.TempDir(), t.TempDir(), t.TempDir()
	at := time.Unix(1_000_000_000, 0)
	for dir, members := range map[string][]member{
		lowest: {{Header: tar.Header{Name: "var/", Typeflag: tar.TypeDir, Mode: 0o755}}, {Header: tar.Header{Name: "var/hidden"}, content: "x"},
			{Header: tar.Header{Name: "gone"}, content: "x"}},
		lower: {{Header: tar.Header{Name: "tmp/", Typeflag: tar.TypeDir, Mode: 0o1777, ModTime: at}},
			{Header: tar.Header{Name: "usr/lib/", Typeflag: tar.TypeDir, Mode: 0o750}}, {Header: tar.Header{Name: "lib", Typeflag: tar.TypeSymlink, Linkname: "usr/lib"}},
			{Header: tar.Header{Name: "usr/lib/secret", Mode: 0o200}, content: "secret"},
			{Header: tar.Header{Name: "var/.wh..wh..opq"}}, {Header: tar.Header{Name: ".wh.gone"}}},
	} {
		if _, err := unpack.Layer(bytes.NewReader(archive(t, members...)), dir, unpack.Options{Lower: []string{lowest}[:0]}); err != nil {
			t.Fatal(err)
		}
	}
	above := archive(t, member{Header: tar.Header{Name: "tmp/new"}, content: "x"}, member{Header: tar.Header{Name: "lib/new"}, content: "x"},
		member{Header: tar.Header{Name: "same", Typeflag: tar.TypeLink, Linkname: "lib/secret"}},
		member{Header: tar.Header{Name: "again", Typeflag: tar.TypeLink, Linkname: "/usr/lib/secret"}})
	if _, err := unpack.Layer(bytes.NewReader(above), t.TempDir(), unpack.Options{}); !errors.Is(err, unpack.ErrNeedsLower) {
		t.Fatalf("without what is below: %v, want ErrNeedsLower", err)
	}
	if _, err := unpack.Layer(bytes.NewReader(above), upper, unpack.Options{Lower: []string{lowest, lower}}); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(filepath.Join(upper, "tmp")); err != nil || info.Mode() != os.ModeDir|os.ModeSticky|0o777 || !info.ModTime().Equal(at) {
		t.Errorf("tmp: %v, %v, want what the lower layer has", info, err)
	}
	if info, err := os.Stat(filepath.Join(upper, "usr", "lib")); err != nil || info.Mode().Perm() != 0o750 {
		t.Errorf("usr/lib: %v, %v, want what the lower layer has", info, err)
	}
	for _, gone := range []string{"lib", "usr/lib/secret"} {
		if _, err := os.Lstat(filepath.Join(upper, gone)); err == nil {
			t.Errorf("%s hides what the lower layer has", gone)
		}
	}
	for _, name := range []string{"same", "again"} {
		if info, err := os.Stat(filepath.Join(upper, name)); err != nil || info.Size() != 6 || info.Mode() != 0o200 {
			t.Errorf("%s: %v, %v, want the file of the lower layer", name, info, err)
		}
	}
	for _, hidden := range []string{"gone", "var/hidden", "nowhere", "tmp"} {
		link := archive(t, member{Header: tar.Header{Name: "x", Typeflag: tar.TypeLink, Linkname: hidden}})
		if _, err := unpack.Layer(bytes.NewReader(link), t.TempDir(), unpack.Options{Lower: []string{lowest, lower}}); err == nil || errors.Is(err, unpack.ErrNeedsLower) {
			t.Errorf("a hard link to %s, which is not to be seen: %v", hidden, err)
		}
	}
}

func FuzzLayer(f *testing.F) {
	f.Add(archive(f, member{Header: tar.Header{Name: "a/.wh.b"}}, member{Header: tar.Header{Name: "l", Typeflag: tar.TypeSymlink, Linkname: "a"}},
		member{Header: tar.Header{Name: "l/x"}, content: "x"}))
	f.Fuzz(func(t *testing.T, raw []byte) {
		top := t.TempDir()
		dir := filepath.Join(top, "root")
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		lower := filepath.Join(top, "lower")
		if err := errors.Join(os.Mkdir(lower, 0o755), os.Symlink("../..", filepath.Join(lower, "a")), os.WriteFile(filepath.Join(lower, "b"), nil, 0o600)); err != nil {
			t.Fatal(err)
		}
		_, _ = unpack.Layer(bytes.NewReader(raw), dir, unpack.Options{Lower: []string{lower}})
		if entries, err := os.ReadDir(top); err != nil || len(entries) != 2 {
			t.Errorf("outside of the folder there is %v, %v", entries, err)
		}
	})
}
