package bundle_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pyimg/pyimg/apk"
	"github.com/pyimg/pyimg/assemble"
	"github.com/pyimg/pyimg/assemble/bundle"
	"github.com/pyimg/pyimg/assemble/bundle/create"
	"github.com/pyimg/pyimg/assemble/bundle/manifest"
	"github.com/pyimg/pyimg/assemble/hostfiles"
	"github.com/pyimg/pyimg/assemble/input"
	"github.com/pyimg/pyimg/assemble/kept"
	"github.com/pyimg/pyimg/assemble/lock"
	"github.com/pyimg/pyimg/assemble/spec"
	"github.com/pyimg/pyimg/internal/fetch"
	"github.com/pyimg/pyimg/internal/fixture"
	"github.com/pyimg/pyimg/layers"
)

// A site is a connected one: a mirror, and what was built of it.
type site struct {
	mirror *fixture.Mirror
	url    string
	dir    string // of the spec, with the files that it takes
	spec   spec.Spec
	lock   lock.Lock
	store  *layers.Store
}

// newSite locks a Python image for two platforms, all of it from one mirror.
func newSite(t testing.TB) *site {
	t.Helper()
	mirror, err := fixture.Alpine("x86_64", "aarch64")
	if err != nil {
		t.Fatal(err)
	}
	for _, arch := range []string{"x86_64", "aarch64"} {
		mirror.Put("python-"+arch+".tar.gz", fixture.Runtime{Arch: arch, Jemalloc: true}.Bytes())
	}
	s := &site{mirror: mirror, dir: t.TempDir()}
	write(t, []byte("print('hello')\n"), s.dir, "app", "main.py")
	if s.url, err = mirror.Serve(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.relock(t, "linux/amd64, linux/arm64")
	return s
}

// relock locks the image as the mirror has it now.
func (s *site) relock(t testing.TB, platforms string) {
	t.Helper()
	var err error
	s.spec, err = spec.Parse("pyimg.yaml", fmt.Appendf(nil, `
alpine: {branch: v3.20, mirrors: ["%[1]s"]}
platforms: [%[2]s]
packages: [alpine-baselayout, busybox]
runtime: {source: "%[1]s/python-{alpine_arch}.tar.gz"}
allocator: jemalloc
files: [{from: app, to: /srv}]
`, s.url, platforms))
	if err != nil {
		t.Fatal(err)
	}
	s.spec.Dir = s.dir
	if s.store, err = layers.OpenStore(t.TempDir(), kept.Files()...); err != nil {
		t.Fatal(err)
	}
	src := input.Access{Fetch: &fetch.Client{}, Store: s.store}
	plan, err := assemble.Resolve(t.Context(), s.spec, src, testKeys(t))
	if err != nil {
		t.Fatal(err)
	}
	built, err := assemble.Build(t.Context(), plan, src, assemble.BuildOptions{})
	if s.lock = built.Lock; err != nil {
		t.Fatal(err)
	}
}

func testKeys(t testing.TB) *apk.Keyring {
	t.Helper()
	ring := apk.NewKeyring()
	key := fixture.TestKey()
	if err := ring.Add(key.Name, key.PublicPEM()); err != nil {
		t.Fatal(err)
	}
	return ring
}

// options are those of a bundle of the site's lock, with nothing taken from its store.
func (s *site) options(t testing.TB, output string) create.Options {
	t.Helper()
	in, err := assemble.LockInputs(s.lock, s.spec)
	if err != nil {
		t.Fatal(err)
	}
	lock, err := s.lock.Encode()
	if err != nil {
		t.Fatal(err)
	}
	spec, err := s.spec.YAML()
	if err != nil {
		t.Fatal(err)
	}
	image := create.LockedImage{Name: "pyimg", Spec: spec, Lock: lock}
	if len(s.spec.Files) > 0 {
		locked, of := s.lock, s.spec
		image.Pack = func(ctx context.Context, w io.Writer) error { return hostfiles.Pack(ctx, locked, of, nil, w) }
	}
	return create.Options{Inputs: in, Images: []create.LockedImage{image},
		Client: &fetch.Client{}, Keyring: testKeys(t), Output: output, Tar: strings.HasSuffix(output, ".tar")}
}

// create makes the bundle of the site's lock, of what its build kept.
func (s *site) create(t testing.TB, output string) create.Options {
	t.Helper()
	o := s.options(t, output)
	o.Store = s.store
	mustCreate(t, o)
	return o
}

// createBundle makes a bundle.
func createBundle(t testing.TB, o create.Options) (create.Created, error) {
	t.Helper()
	return createContext(t.Context(), o)
}

func createContext(ctx context.Context, o create.Options) (create.Created, error) {
	d, err := create.Prepare(ctx, o)
	if err != nil {
		return create.Created{}, err
	}
	defer d.Close()
	return d.Create(ctx, nil)
}

func mustCreate(t testing.TB, o create.Options) create.Created {
	t.Helper()
	made, err := createBundle(t, o)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func open(t testing.TB, path string) *bundle.Bundle {
	t.Helper()
	b, err := bundle.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

// verify opens and verifies.
func verify(t testing.TB, path string) error {
	t.Helper()
	b, err := bundle.Open(path)
	if err != nil {
		return err
	}
	defer b.Close()
	_, err = b.Verify(t.Context(), testKeys(t))
	return err
}

// tinyMirror serves one small package.
func tinyMirror(t testing.TB) (mirror *fixture.Mirror, url string) {
	t.Helper()
	mirror = fixture.NewMirror()
	publish(t, mirror, "1-r0")
	url, err := mirror.Serve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return mirror, url
}

// tiny makes a bundle of one small package, without a lock.
func tiny(t testing.TB, output string, split int64) {
	t.Helper()
	_, url := tinyMirror(t)
	mustCreate(t, tinyOptions(t, url, output, split))
}

func tinyOptions(t testing.TB, url, output string, split int64) create.Options {
	t.Helper()
	spec, err := spec.Parse("t.yaml", fmt.Appendf(nil, "alpine: {repositories: ['%s/main']}\nplatforms: [linux/amd64]\n", url))
	if err != nil {
		t.Fatal(err)
	}
	in, err := assemble.SpecInputs(spec)
	if err != nil {
		t.Fatal(err)
	}
	return create.Options{Inputs: in, All: true, Client: &fetch.Client{}, Keyring: testKeys(t), Output: output, Tar: strings.HasSuffix(output, ".tar"), Split: split}
}

// publish puts a repository of one package on a mirror.
func publish(t testing.TB, mirror *fixture.Mirror, version string) {
	t.Helper()
	a, err := fixture.Package{Name: "tiny", Version: version, Files: []fixture.File{{Path: "etc/tiny", Body: []byte("tiny " + version + "\n")}}}.Build()
	if err != nil {
		t.Fatal(err)
	}
	if err := mirror.Publish("main", fixture.Index{Arch: "x86_64", Archives: []*fixture.Archive{a}}); err != nil {
		t.Fatal(err)
	}
}

func read(t testing.TB, elem ...string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(elem...))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func write(t testing.TB, data []byte, elem ...string) {
	t.Helper()
	name := filepath.Join(elem...)
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

func sum(data []byte) string {
	s := sha256.Sum256(data)
	return hex.EncodeToString(s[:])
}

// forge rewrites a folder's manifest as one who alters a bundle would, so that all its digests are right.
func forge(t testing.TB, dir string, change func(*manifest.Manifest)) {
	t.Helper()
	m, err := manifest.Read(bytes.NewReader(read(t, dir, manifest.Name)))
	if err != nil {
		t.Fatal(err)
	}
	change(&m)
	var files []manifest.File
	for f := range m.Files.All() {
		data := read(t, dir, f.Path)
		f.Size, f.SHA256 = int64(len(data)), sum(data)
		files = append(files, f)
	}
	m.Files = list(t, files)
	m.ID = ""
	m.ID = "sha256:" + sum([]byte(encode(t, m)))
	write(t, []byte(encode(t, m)), dir, manifest.Name)
}

// enlist puts a file into a bundle, and into its manifest.
func enlist(t testing.TB, dir string, m *manifest.Manifest, f manifest.File, data []byte) {
	t.Helper()
	write(t, data, dir, f.Path)
	f.Size, f.SHA256 = int64(len(data)), sum(data)
	m.Files = list(t, append(slices.Collect(m.Files.All()), f))
}

// leaveOut takes files out of a manifest.
func leaveOut(t testing.TB, m *manifest.Manifest, gone func(manifest.File) bool) {
	t.Helper()
	m.Files = list(t, slices.DeleteFunc(slices.Collect(m.Files.All()), gone))
}

func list(t testing.TB, files []manifest.File) manifest.List {
	t.Helper()
	l, err := manifest.NewList(slices.Values(files))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func encode(t testing.TB, m manifest.Manifest) string {
	t.Helper()
	var text strings.Builder
	if err := m.Encode(&text); err != nil {
		t.Fatal(err)
	}
	return text.String()
}

// files are the paths of all files below a folder, with slashes.
func files(t testing.TB, dir string) []string {
	t.Helper()
	var names []string
	err := filepath.WalkDir(dir, func(name string, e os.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			rel, _ := filepath.Rel(dir, name)
			names = append(names, filepath.ToSlash(rel))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}
