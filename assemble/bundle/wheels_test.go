package bundle_test

import (
	"fmt"
	"io"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pyimg/pyimg/assemble"
	"github.com/pyimg/pyimg/assemble/bundle"
	"github.com/pyimg/pyimg/assemble/bundle/create"
	"github.com/pyimg/pyimg/assemble/bundle/manifest"
	"github.com/pyimg/pyimg/assemble/input"
	"github.com/pyimg/pyimg/assemble/kept"
	"github.com/pyimg/pyimg/assemble/lock"
	"github.com/pyimg/pyimg/assemble/spec"
	"github.com/pyimg/pyimg/internal/fetch"
	"github.com/pyimg/pyimg/internal/fixture"
	"github.com/pyimg/pyimg/layers"
	"github.com/pyimg/pyimg/wheel/wheeltest"
)

// lockWheels locks an image with wheels of a folder, and returns what a bundle of it is made of.
func lockWheels(t *testing.T, mirror, dir string, wheels ...wheeltest.Wheel) (create.LockedImage, assemble.Inputs, lock.Lock) {
	t.Helper()
	requirements := ""
	for _, w := range wheels {
		write(t, w.Bytes(), dir, "wheels", w.Filename())
		requirements += w.Name + "==1.0\n"
	}
	write(t, []byte(requirements), dir, "requirements.txt")
	s, err := spec.Parse("pyimg.yaml", fmt.Appendf(nil, `
alpine: {branch: v3.20, mirrors: ["%[1]s"]}
platforms: [linux/amd64]
packages: [alpine-baselayout, busybox]
runtime: {source: "%[1]s/python.tar.gz"}
python: {requirements: requirements.txt, wheels: wheels}
`, mirror))
	if err != nil {
		t.Fatal(err)
	}
	s.Dir = dir
	store, err := layers.OpenStore(t.TempDir(), kept.Files()...)
	if err != nil {
		t.Fatal(err)
	}
	src := input.Access{Fetch: &fetch.Client{}, Store: store}
	plan, err := assemble.Resolve(t.Context(), s, src, testKeys(t))
	if err != nil {
		t.Fatal(err)
	}
	built, err := assemble.Build(t.Context(), plan, src, assemble.BuildOptions{})
	if err != nil {
		t.Fatal(err)
	}
	image, in, err := create.NewLockedImage(t.Context(), filepath.Base(dir), built.Lock, s, src, testKeys(t))
	if err != nil {
		t.Fatal(err)
	}
	return image, in, built.Lock
}

func pythonMirror(t *testing.T) (url string) {
	t.Helper()
	mirror, err := fixture.Alpine("x86_64")
	if err != nil {
		t.Fatal(err)
	}
	mirror.Put("python.tar.gz", fixture.Runtime{Arch: "x86_64"}.Bytes())
	url, err = mirror.Serve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return url
}

func module(name, text string) wheeltest.Wheel {
	return wheeltest.Wheel{Name: name, Files: []wheeltest.File{{Name: name + "/__init__.py", Data: text}}}
}

// TestWheelsOfOneName puts two wheels of one file name into a bundle, and two requirements files of one name: each image gets its
// own.
func TestWheelsOfOneName(t *testing.T) {
	t.Parallel()
	mirror, dir := pythonMirror(t), t.TempDir()
	first, in1, lock1 := lockWheels(t, mirror, filepath.Join(dir, "first"), module("app", "value = 1\n"), module("more", ""))
	second, in2, lock2 := lockWheels(t, mirror, filepath.Join(dir, "second"), module("app", "value = 2\n"))
	in, err := create.Merge(in1, in2)
	if err != nil {
		t.Fatal(err)
	}
	o := create.Options{Inputs: in, Images: []create.LockedImage{first, second}, Client: &fetch.Client{}, Keyring: testKeys(t), Output: filepath.Join(dir, "b")}
	mustCreate(t, o)
	if err := verify(t, o.Output); err != nil {
		t.Fatal(err)
	}
	b := open(t, o.Output)
	for name, want := range map[string]lock.Lock{"first": lock1, "second": lock2} {
		s, err := b.ReadSpec(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		store, err := layers.OpenStore(t.TempDir(), kept.Files()...)
		if err != nil {
			t.Fatal(err)
		}
		locked, err := b.ReadLock(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		src := input.Access{Fetch: b.Opener(s, &fetch.Client{Offline: true}), Wheels: b.Wheels(s), Texts: b.TextsOf(s), Store: store}
		plan, err := assemble.PlanOf(t.Context(), locked, s, src, testKeys(t))
		if err != nil {
			t.Fatal(err)
		}
		got, err := assemble.Build(t.Context(), plan, src, assemble.BuildOptions{})
		if err != nil || got.Lock.Digest != want.Digest {
			t.Errorf("%s: made of the bundle it is %s, %v, want %s", name, got.Lock.Digest, err, want.Digest)
		}
	}
}

func TestForgedWheels(t *testing.T) {
	t.Parallel()
	mirror := pythonMirror(t)
	image, in, _ := lockWheels(t, mirror, filepath.Join(t.TempDir(), "app"), module("app", "value = 1\n"))
	app := manifest.WheelPath(module("app", "").Filename())
	for name, c := range map[string]struct {
		change func(t *testing.T, dir string, m *manifest.Manifest)
		want   string
	}{
		"another wheel in its place": {func(t *testing.T, dir string, _ *manifest.Manifest) {
			write(t, module("app", "value = 2\n").Bytes(), dir, app)
		}, "the bundle has it not"},
		"a wheel that nobody asks for": {func(t *testing.T, dir string, m *manifest.Manifest) {
			enlist(t, dir, m, manifest.File{Path: manifest.WheelPath("x-1-py3-none-any.whl"), Kind: manifest.Wheel, From: []string{"x"}}, []byte("x"))
		}, "no lock names it"},
		"requirements that nobody reads": {func(t *testing.T, dir string, m *manifest.Manifest) {
			enlist(t, dir, m, manifest.File{Path: "python/app/x.txt", Kind: manifest.Python, From: []string{"x.txt"}}, []byte("x"))
		}, "no spec of the bundle reads it"},
		"other requirements": {func(t *testing.T, dir string, m *manifest.Manifest) {
			leaveOut(t, m, func(f manifest.File) bool { return f.Kind == manifest.Python })
			text := []byte("app==1.0\n# and more\n")
			enlist(t, dir, m, manifest.File{Path: manifest.PythonPath("app", "requirements.txt", sum(text)), Kind: manifest.Python, From: []string{"requirements.txt"}}, text)
		}, "it was made of other lock or requirements files"},
		"no requirements": {func(t *testing.T, _ string, m *manifest.Manifest) {
			leaveOut(t, m, func(f manifest.File) bool { return f.Kind == manifest.Python })
		}, "its spec reads requirements.txt, and the bundle has it not"},
		"no wheel": {func(t *testing.T, _ string, m *manifest.Manifest) {
			leaveOut(t, m, func(f manifest.File) bool { return f.Kind == manifest.Wheel })
		}, "it takes the wheel app-1.0-py3-none-any.whl"},
	} {
		dir := filepath.Join(t.TempDir(), "b")
		mustCreate(t, create.Options{Inputs: in, Images: []create.LockedImage{image}, Client: &fetch.Client{}, Keyring: testKeys(t), Output: dir})
		forge(t, dir, func(m *manifest.Manifest) { c.change(t, dir, m) })
		if err := verify(t, dir); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: verifying ends with %v, want %q", name, err, c.want)
		}
	}
}

func TestServedWheels(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "b")
	app := module("My.App", "")
	image, in, _ := lockWheels(t, pythonMirror(t), filepath.Join(t.TempDir(), "app"), app)
	mustCreate(t, create.Options{Inputs: in, Images: []create.LockedImage{image}, Client: &fetch.Client{}, Keyring: testKeys(t), Output: dir})
	server := httptest.NewServer(open(t, dir).Handler())
	t.Cleanup(server.Close)
	get := func(path string) string {
		r, err := new(fetch.Client).Open(t.Context(), server.URL+path)
		if err != nil {
			return err.Error()
		}
		defer r.Close()
		body, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		return string(body)
	}
	anchor := fmt.Sprintf("<a href=\"/wheels/%s#sha256=%s\">%[1]s</a>", app.Filename(), sum(app.Bytes()))
	for path, want := range map[string]string{
		"/":                          server.URL + bundle.SimplePath,
		"/simple/":                   `<a href="/simple/my-app/">my-app</a>`,
		"/simple/my-app/":            anchor,
		"/wheels/":                   anchor,
		"/wheels/" + app.Filename():  string(app.Bytes()),
		"/simple/other/":             "404",
		"/simple/my-app/index.html/": "404",
	} {
		if got := get(path); !strings.Contains(got, want) {
			t.Errorf("GET %s = %q, want %q", path, got, want)
		}
	}
}
