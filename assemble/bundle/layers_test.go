package bundle_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pyimg/pyimg/assemble"
	"github.com/pyimg/pyimg/assemble/bundle/create"
	"github.com/pyimg/pyimg/assemble/bundle/manifest"
	"github.com/pyimg/pyimg/assemble/input"
	"github.com/pyimg/pyimg/assemble/kept"
	"github.com/pyimg/pyimg/assemble/lock"
	"github.com/pyimg/pyimg/assemble/spec"
	"github.com/pyimg/pyimg/internal/exit"
	"github.com/pyimg/pyimg/internal/fetch"
	"github.com/pyimg/pyimg/internal/fixture"
	"github.com/pyimg/pyimg/layers"
)

// compilers run a stand-in for Python, or nothing.
type compilers struct{ nothing bool }

func (c compilers) Runner(context.Context, input.RunnerRoot) (input.Runner, error) {
	if c.nothing {
		return nil, errors.New("user namespaces are not allowed here")
	}
	return fixture.Compiler{}, nil
}

// access is that of a machine with an empty cache.
func access(t *testing.T, runners compilers) input.Access {
	t.Helper()
	store, err := layers.OpenStore(t.TempDir(), kept.Files()...)
	if err != nil {
		t.Fatal(err)
	}
	return input.Access{Fetch: &fetch.Client{}, Store: store, Runners: runners}
}

// fromBundle makes the image of a bundle's only lock, on a machine that can run nothing.
func fromBundle(t *testing.T, path string) (lock.Lock, error) {
	t.Helper()
	b := open(t, path)
	locked, err := b.ReadLock(t.Context(), "pyimg")
	if err != nil {
		t.Fatal(err)
	}
	s, err := b.ReadSpec(t.Context(), "pyimg")
	if err != nil {
		t.Fatal(err)
	}
	src := access(t, compilers{nothing: true})
	src.Fetch, src.Wheels, src.Texts, src.Layers, src.Folder = b.Opener(s, &fetch.Client{Offline: true}), b.Wheels(s), b.TextsOf(s), b.Layers(), b.FolderOf(s)
	plan, err := assemble.PlanOf(t.Context(), locked, s, src, testKeys(t))
	if err != nil {
		t.Fatal(err)
	}
	built, err := assemble.Build(t.Context(), plan, src, assemble.BuildOptions{})
	return built.Lock, err
}

// TestBytecodeCrosses makes an image with bytecode where no Python can be run, of a bundle.
func TestBytecodeCrosses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, []byte("print('hello')\n"), dir, "app", "main.py")
	s, err := spec.Parse("pyimg.yaml", fmt.Appendf(nil, `
alpine: {branch: v3.20, mirrors: ["%[1]s"]}
platforms: [linux/amd64]
packages: [alpine-baselayout, busybox]
runtime: {source: "%[1]s/python.tar.gz"}
files: [{from: app, to: /srv}]
bytecode: unchecked
`, pythonMirror(t)))
	if err != nil {
		t.Fatal(err)
	}
	s.Dir = dir
	there := access(t, compilers{})
	plan, err := assemble.Resolve(t.Context(), s, there, testKeys(t))
	if err != nil {
		t.Fatal(err)
	}
	built, err := assemble.Build(t.Context(), plan, there, assemble.BuildOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		src  input.Access
		want bool
	}{
		"of the cache":               {there, true},
		"made for it":                {access(t, compilers{}), true},
		"where nothing can be run":   {access(t, compilers{nothing: true}), false},
		"with a cache and no runner": {input.Access{Fetch: &fetch.Client{}, Store: there.Store, Runners: compilers{nothing: true}}, true},
	} {
		image, in, err := create.NewLockedImage(t.Context(), "pyimg", built.Lock, s, c.src, testKeys(t))
		if err != nil {
			t.Fatal(err)
		}
		o := create.Options{Inputs: in, Images: []create.LockedImage{image}, Client: &fetch.Client{}, Keyring: testKeys(t), Store: c.src.Store, Output: filepath.Join(t.TempDir(), "b")}
		made := mustCreate(t, o)
		if has := len(open(t, o.Output).Of(manifest.Layer)) == len(image.Bytecode) && len(image.Bytecode) >= 2; has != c.want || (made.NoBytecode == "") != c.want {
			t.Errorf("%s: the bundle has the layers: %v, %q, want %v", name, has, made.NoBytecode, c.want)
		}
		if err := verify(t, o.Output); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		size := int64(0)
		for _, name := range files(t, o.Output) {
			size += int64(len(read(t, o.Output, name)))
		}
		if made.Bundle != size {
			t.Errorf("%s: it is said to take %d bytes, and takes %d", name, made.Bundle, size)
		}
		got, err := fromBundle(t, o.Output)
		if c.want && (err != nil || got.Digest != built.Lock.Digest) {
			t.Errorf("%s: made of the bundle it is %s, %v, want %s", name, got.Digest, err, built.Lock.Digest)
		}
		if why := (*assemble.NoRunnerError)(nil); !c.want && (!errors.As(err, &why) || !strings.Contains(err.Error(), "a bundle")) {
			t.Errorf("%s: %v, want that no Python can be run, and the ways out", name, err)
		}
		if !c.want {
			continue
		}
		forge(t, o.Output, func(m *manifest.Manifest) {
			leaveOut(t, m, func(f manifest.File) bool { return f.Kind == manifest.Layer })
			data := []byte("no layer")
			enlist(t, o.Output, m, manifest.File{Path: manifest.LayerPath(sum(data)), Kind: manifest.Layer}, data)
		})
		if err := verify(t, o.Output); exit.Of(err) != exit.Unverified || !strings.Contains(err.Error(), "no lock names it as bytecode") {
			t.Errorf("a layer that no lock names: %v", err)
		}
	}
}
