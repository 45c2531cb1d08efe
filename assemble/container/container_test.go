//go:build linux

package container_test

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"github.com/pyimg/pyimg/assemble/container"
	"github.com/pyimg/pyimg/assemble/kept"
	"github.com/pyimg/pyimg/layers"
)

// layer is a layer of files, each with its name as content; a name that ends in "/" is a folder, and "A=B" a hard link to B.
func layer(t *testing.T, headers ...tar.Header) v1.Layer {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, h := range headers {
		if h.Typeflag == tar.TypeReg {
			h.Size = int64(len(h.Name))
		}
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if h.Typeflag == tar.TypeReg {
			if _, err := io.WriteString(w, h.Name); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	l, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b.Bytes())), nil })
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func folders(t *testing.T, store *layers.Store, ls ...v1.Layer) []string {
	t.Helper()
	img, err := mutate.AppendLayers(empty.Image, ls...)
	if err != nil {
		t.Fatal(err)
	}
	dirs, err := container.Folders(t.Context(), img, store, container.Owners{})
	if err != nil {
		t.Fatal(err)
	}
	return dirs
}

// TestFoldersOfDependentLayers has a layer that is unpacked differently on different layers, and one that is not.
func TestFoldersOfDependentLayers(t *testing.T) {
	t.Parallel()
	store, err := layers.OpenStore(t.TempDir(), kept.Files()...)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	base := func(mode int64) v1.Layer {
		return layer(t, tar.Header{Name: "d/", Typeflag: tar.TypeDir, Mode: mode}, tar.Header{Name: "d/old", Typeflag: tar.TypeReg, Mode: 0o644})
	}
	above := layer(t, tar.Header{Name: "d/new", Typeflag: tar.TypeReg, Mode: 0o644}, tar.Header{Name: "same", Typeflag: tar.TypeLink, Linkname: "d/old"})
	alone := layer(t, tar.Header{Name: "alone", Typeflag: tar.TypeReg, Mode: 0o644})
	a, b := folders(t, store, base(0o700), above, alone), folders(t, store, base(0o750), above, alone)
	for _, c := range []struct {
		dir  string
		mode os.FileMode
	}{{a[1], 0o700}, {b[1], 0o750}} {
		if info, err := os.Stat(filepath.Join(c.dir, "d")); err != nil || info.Mode().Perm() != c.mode {
			t.Errorf("d: %v, %v, want the mode %o of the layer below", info, err, c.mode)
		}
		if text, err := os.ReadFile(filepath.Join(c.dir, "same")); err != nil || string(text) != "d/old" {
			t.Errorf("same: %q, %v", text, err)
		}
	}
	if a[2] != b[2] {
		t.Error("a layer that depends on no other was unpacked twice")
	}
	if again := folders(t, store, base(0o700), above, alone); !slices.Equal(again, a) {
		t.Errorf("the second time the folders are %v, not %v", again, a)
	}
}

func TestProcess(t *testing.T) {
	t.Parallel()
	lower, upper := t.TempDir(), t.TempDir()
	if err := os.MkdirAll(filepath.Join(lower, "etc"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"passwd": "root:x:0:0::/root:/bin/sh\napp:x:1000:1001::/home/app:/bin/sh\n", "group": "app:x:1001:\nextra:x:1002:app\n"} {
		if err := os.WriteFile(filepath.Join(lower, "etc", name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	sh, none := "/bin/sh", ""
	image := v1.Config{Entrypoint: []string{"entry"}, Cmd: []string{"cmd"}, Env: []string{"A=1"}, User: "app", WorkingDir: "srv"}
	for _, c := range []struct {
		name    string
		options container.Options
		want    []string
	}{
		{"the image's", container.Options{}, []string{"entry", "cmd"}},
		{"arguments", container.Options{Args: []string{"x"}}, []string{"entry", "x"}},
		{"an entrypoint", container.Options{Entrypoint: &sh}, []string{"/bin/sh"}},
		{"no entrypoint", container.Options{Entrypoint: &none, Args: []string{"x"}}, []string{"x"}},
	} {
		p, err := container.NewProcess(image, []string{lower, upper}, c.options)
		if err != nil || !slices.Equal(p.Args, c.want) {
			t.Errorf("%s: %v, %v, want %v", c.name, p.Args, err, c.want)
		}
		if p.Account.UID != 1000 || p.Account.GID != 1001 || !slices.Equal(p.Account.Groups, []int{1002}) || p.Dir != "/srv" ||
			!slices.Contains(p.Env, "HOME=/home/app") || !slices.Contains(p.Env, "A=1") {
			t.Errorf("%s: %+v", c.name, p)
		}
	}
	if _, err := container.NewProcess(v1.Config{}, []string{lower}, container.Options{}); err == nil {
		t.Error("an image without a command has one")
	}
	// The upper layer's symlink hides the lower file, and must not lead to the host's.
	if err := os.Symlink("/etc", filepath.Join(upper, "etc")); err != nil {
		t.Fatal(err)
	}
	if p, err := container.NewProcess(image, []string{lower, upper}, container.Options{User: "root"}); err == nil && p.Account.Home != "/" {
		t.Errorf("the host's accounts were read: %+v", p.Account)
	}
	// Within the root a symlink is followed, whichever layer has its target.
	linked := t.TempDir()
	if err := errors.Join(os.Mkdir(filepath.Join(linked, "etc"), 0o755), os.Symlink("../usr/passwd", filepath.Join(linked, "etc", "passwd")),
		os.Mkdir(filepath.Join(lower, "usr"), 0o755), os.WriteFile(filepath.Join(lower, "usr", "passwd"), []byte("app:x:7:8::/x:/bin/sh\n"), 0o600)); err != nil {
		t.Fatal(err)
	}
	if p, err := container.NewProcess(image, []string{lower, linked}, container.Options{}); err != nil || p.Account.UID != 7 || p.Account.Home != "/x" {
		t.Errorf("through a symlink: %+v, %v", p.Account, err)
	}
}
