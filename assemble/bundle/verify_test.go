package bundle_test

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pyimg/pyimg/apk"
	"github.com/pyimg/pyimg/assemble/bundle"
	"github.com/pyimg/pyimg/assemble/bundle/manifest"
	"github.com/pyimg/pyimg/internal/fixture"
)

// TestEveryByteCounts flips bytes of a tar, of its parts and of their sums, one at a time: each of them where
// PYIMG_EVERY_BYTE is set, which takes a minute, else one in a few.
func TestEveryByteCounts(t *testing.T) {
	t.Parallel()
	for _, form := range []struct {
		name  string
		split int64
	}{{"tar", 0}, {"parts", 5 << 10}} {
		t.Run(form.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			tar := filepath.Join(dir, "b.tar")
			tiny(t, tar, form.split)
			if err := verify(t, tar); err != nil {
				t.Fatal(err)
			}
			for _, name := range files(t, dir) {
				whole := read(t, dir, name)
				step := 53 // no divisor of a tar's blocks
				if os.Getenv("PYIMG_EVERY_BYTE") != "" {
					step = 1
				}
				for i := 0; i < len(whole); i += step {
					write(t, fixture.FlipByte(whole, i), dir, name)
					err := verify(t, tar)
					var fault *bundle.FaultError
					if !errors.As(err, &fault) || !strings.Contains(err.Error(), "b.tar") {
						t.Fatalf("byte %d of %s: Verify = %v, want a FaultError that names it", i, name, err)
					}
				}
				write(t, whole, dir, name)
			}
		})
	}
}

// TestDamageIsNamed damages each file of a folder in turn.
func TestDamageIsNamed(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.relock(t, "linux/amd64")
	dir := filepath.Join(t.TempDir(), "b")
	mustCreate(t, s.options(t, dir))
	for _, name := range files(t, dir) {
		whole := read(t, dir, name)
		for what, damage := range map[string]func(){
			"flipped": func() { write(t, fixture.FlipByte(whole, len(whole)/2), dir, name) },
			"cut off": func() { write(t, whole[:len(whole)-1], dir, name) },
			"longer":  func() { write(t, append(bytes.Clone(whole), 0), dir, name) },
			"missing": func() { remove(t, dir, name) },
			"a folder": func() {
				remove(t, dir, name)
				write(t, nil, dir, name, "x")
			},
		} {
			damage()
			err := verify(t, dir)
			var fault *bundle.FaultError
			if !errors.As(err, &fault) || !strings.Contains(err.Error(), name) || strings.Contains(err.Error(), "nothing vouches for it") {
				t.Errorf("%s %s: Verify = %v, want one that names it and no other", what, name, err)
			}
			if err := os.RemoveAll(filepath.Join(dir, name)); err != nil {
				t.Fatal(err)
			}
			write(t, whole, dir, name)
		}
	}
	write(t, nil, dir, "alpine", "v3.20", "main", "x86_64", "evil-1-r0.apk")
	if err := verify(t, dir); err == nil || !strings.Contains(err.Error(), "evil-1-r0.apk") {
		t.Errorf("something that does not belong: Verify = %v", err)
	}
}

func remove(t testing.TB, elem ...string) {
	t.Helper()
	if err := os.Remove(filepath.Join(elem...)); err != nil {
		t.Fatal(err)
	}
}

// TestSymlinkIsNoFile keeps a folder from leading out of itself.
func TestSymlinkIsNoFile(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "b")
	tiny(t, dir, 0)
	name := slices.DeleteFunc(files(t, dir), func(n string) bool { return !strings.HasSuffix(n, ".apk") })[0]
	outside := filepath.Join(t.TempDir(), "outside")
	write(t, read(t, dir, name), outside)
	remove(t, dir, name)
	if err := os.Symlink(outside, filepath.Join(dir, name)); err != nil {
		t.Fatal(err)
	}
	if err := verify(t, dir); err == nil || !strings.Contains(err.Error(), "plain file") {
		t.Errorf("Verify = %v", err)
	}
}

// TestForgedBundles have all digests right, as one makes them who alters a bundle on purpose: signatures and the lock
// decide then.
func TestForgedBundles(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	const main = "alpine/v3.20/main/x86_64/"
	other := fixture.OtherKey()
	for _, c := range []struct {
		name   string
		change func(t *testing.T, dir string, m *manifest.Manifest)
		want   string
	}{
		{"an index of another repository", func(t *testing.T, dir string, _ *manifest.Manifest) {
			write(t, read(t, dir, "alpine/v3.20/community/x86_64/APKINDEX.tar.gz"), dir, main, "APKINDEX.tar.gz")
		}, "busybox-1.36.1-r29.apk: its index does not list it"},
		{"an index of another architecture", func(t *testing.T, dir string, _ *manifest.Manifest) {
			write(t, read(t, dir, "alpine/v3.20/main/aarch64/APKINDEX.tar.gz"), dir, main, "APKINDEX.tar.gz")
		}, main + "APKINDEX.tar.gz"},
		{"an index signed by another key", func(t *testing.T, dir string, _ *manifest.Manifest) {
			b, err := fixture.Index{Arch: "x86_64", SignWith: []*fixture.Key{other}}.Bytes()
			if err != nil {
				t.Fatal(err)
			}
			write(t, b, dir, main, "APKINDEX.tar.gz")
		}, "signed by an unknown key"},
		{"a key of its own", func(t *testing.T, dir string, m *manifest.Manifest) {
			b, err := fixture.Index{Arch: "x86_64", SignWith: []*fixture.Key{other}}.Bytes()
			if err != nil {
				t.Fatal(err)
			}
			write(t, b, dir, main, "APKINDEX.tar.gz")
			write(t, other.PublicPEM(), dir, m.Of(manifest.Key)[0].Path)
		}, "signed by an unknown key"},
		{"a package of another key", func(t *testing.T, dir string, _ *manifest.Manifest) {
			a, err := fixture.Package{Name: "busybox", Version: "1.36.1-r29", Arch: "x86_64", SignWith: []*fixture.Key{other}}.Build()
			if err != nil {
				t.Fatal(err)
			}
			write(t, a.Bytes(), dir, main, "busybox-1.36.1-r29.apk")
		}, "busybox-1.36.1-r29.apk"},
		{"a package that another package's bytes stand for", func(t *testing.T, dir string, _ *manifest.Manifest) {
			write(t, read(t, dir, main, "musl-1.2.5-r0.apk"), dir, main, "busybox-1.36.1-r29.apk")
		}, "busybox-1.36.1-r29.apk"},
		{"without a package", func(t *testing.T, dir string, m *manifest.Manifest) {
			leaveOut(t, m, func(f manifest.File) bool { return f.Path == main+"busybox-1.36.1-r29.apk" })
			remove(t, dir, main, "busybox-1.36.1-r29.apk")
		}, "pyimg.lock: it takes busybox-1.36.1-r29 for x86_64"},
		{"another runtime", func(t *testing.T, dir string, m *manifest.Manifest) {
			write(t, fixture.Runtime{Arch: "x86_64", Python: "3.99.9"}.Bytes(), dir, m.Of(manifest.Runtime)[0].Path)
		}, "no lock names it"},
		{"a changed lock", func(t *testing.T, dir string, _ *manifest.Manifest) {
			write(t, bytes.Replace(read(t, dir, "pyimg.lock"), []byte(`"busybox"`), []byte(`"busybux"`), 1), dir, "pyimg.lock")
		}, "pyimg.lock"},
		{"another spec", func(t *testing.T, dir string, _ *manifest.Manifest) {
			write(t, append(read(t, dir, "pyimg.yaml"), "image: {user: root}\n"...), dir, "pyimg.yaml")
		}, "another spec"},
		{"other files of the spec", func(t *testing.T, dir string, _ *manifest.Manifest) {
			name := filepath.FromSlash(manifest.FilesPath("pyimg"))
			write(t, bytes.Replace(read(t, dir, name), []byte("hello"), []byte("hullo"), 1), dir, name)
		}, "files/pyimg.tar: it holds other files than the lock was made of"},
		{"files of the spec that are no tar", func(t *testing.T, dir string, _ *manifest.Manifest) {
			write(t, bytes.Repeat([]byte{1}, 1024), dir, filepath.FromSlash(manifest.FilesPath("pyimg")))
		}, "files/pyimg.tar: unpacking files"},
		{"files that the spec does not take", func(t *testing.T, dir string, _ *manifest.Manifest) {
			repack(t, dir, func(members []tar.Header) []tar.Header {
				return append(members, tar.Header{Typeflag: tar.TypeReg, Name: "secret"})
			})
		}, "files/pyimg.tar: it holds more than the spec takes"},
		{"files of the spec with other modes", func(t *testing.T, dir string, _ *manifest.Manifest) {
			repack(t, dir, func(members []tar.Header) []tar.Header {
				for i := range members {
					members[i].Mode |= 0o4000
				}
				return members
			})
		}, "or has another form"},
		{"something behind the files of the spec", func(t *testing.T, dir string, _ *manifest.Manifest) {
			name := filepath.FromSlash(manifest.FilesPath("pyimg"))
			write(t, append(read(t, dir, name), "payload"...), dir, name)
		}, "or has another form"},
		{"without the files of the spec", func(t *testing.T, dir string, m *manifest.Manifest) {
			leaveOut(t, m, func(f manifest.File) bool { return f.Kind == manifest.Files })
			remove(t, dir, filepath.FromSlash(manifest.FilesPath("pyimg")))
		}, "the bundle has no files/pyimg.tar"},
		{"files that no spec takes", func(t *testing.T, dir string, m *manifest.Manifest) {
			was, now := manifest.FilesPath("pyimg"), manifest.FilesPath("qyimg")
			write(t, read(t, dir, was), dir, now)
			remove(t, dir, was)
			all := slices.Collect(m.Files.All())
			for i := range all {
				if all[i].Path == was {
					all[i].Path = now
				}
			}
			m.Files = list(t, all)
		}, "files/qyimg.tar: no spec of the bundle takes it"},
		{"a key that is none", func(t *testing.T, dir string, m *manifest.Manifest) {
			enlist(t, dir, m, manifest.File{Path: "keys/evil.pub", Kind: manifest.Key}, []byte("#!/bin/sh\n"))
		}, "keys/evil.pub: it is no public key"},
		{"a key with something behind it", func(t *testing.T, dir string, m *manifest.Manifest) {
			enlist(t, dir, m, manifest.File{Path: "keys/evil.pub", Kind: manifest.Key}, append(other.PublicPEM(), "payload"...))
		}, "keys/evil.pub: it holds more than a public key"},
		{"a spec without its lock", func(t *testing.T, dir string, m *manifest.Manifest) {
			enlist(t, dir, m, manifest.File{Path: "other.yaml", Kind: manifest.Spec}, []byte("platforms: [linux/amd64]\n"))
		}, "other.yaml: there is no other.lock"},
		{"a blob of no image", func(t *testing.T, dir string, m *manifest.Manifest) {
			payload := []byte("payload")
			enlist(t, dir, m, manifest.File{Path: "images/blobs/sha256/" + sum(payload), Kind: manifest.Image}, payload)
		}, "no image of images/index.json has it"},
		{"a lock that is not listed", func(t *testing.T, _ string, m *manifest.Manifest) {
			leaveOut(t, m, func(f manifest.File) bool { return f.Kind == manifest.Lock })
		}, "pyimg.lock"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "b")
			s.create(t, dir)
			forge(t, dir, func(m *manifest.Manifest) { c.change(t, dir, m) })
			err := verify(t, dir)
			var fault *bundle.FaultError
			if !errors.As(err, &fault) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("Verify = %v, want a FaultError with %q", err, c.want)
			}
		})
	}
}

// repack changes the headers in the tar of a spec's files, and adds some.
func repack(t *testing.T, dir string, change func([]tar.Header) []tar.Header) {
	t.Helper()
	name := filepath.FromSlash(manifest.FilesPath("pyimg"))
	var members []tar.Header
	content := make(map[string][]byte)
	for r := tar.NewReader(bytes.NewReader(read(t, dir, name))); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		members = append(members, *h)
		if content[h.Name], err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
	}
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, h := range change(members) {
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(content[h.Name]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	write(t, b.Bytes(), dir, name)
}

// TestKeysAreNotTheBundlesToTrust verifies with an empty keyring.
func TestKeysAreNotTheBundlesToTrust(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "b")
	tiny(t, dir, 0)
	b := open(t, dir)
	ring, err := b.Keyring(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = b.Verify(t.Context(), ring)
	if !errors.Is(err, apk.ErrUnknownKey) {
		t.Errorf("Verify = %v, want ErrUnknownKey", err)
	}
}

func TestMissingPart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	tar := filepath.Join(dir, "b.tar")
	tiny(t, tar, 5<<10)
	remove(t, dir, "b.tar.001")
	for _, name := range []string{"b.tar", "b.tar.000", "b.tar.sha256"} {
		if _, err := bundle.Open(filepath.Join(dir, name)); err == nil || !strings.Contains(err.Error(), "b.tar.001") {
			t.Errorf("Open(%s) = %v, want the missing part's name", name, err)
		}
	}
}

func TestNoBundle(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, []byte("no tar"), dir, "text.tar")
	write(t, []byte("{}"), dir, "other", manifest.Name)
	for name, want := range map[string]string{"text.tar": "no bundle", "other": "version 0", ".": "no manifest.json", "nothing": "no such file"} {
		if _, err := bundle.Open(filepath.Join(dir, name)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Open(%s) = %v, want %q", name, err, want)
		}
	}
}
