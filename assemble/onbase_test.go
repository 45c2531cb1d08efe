package assemble_test

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/pyimg/pyimg/assemble"
	"github.com/pyimg/pyimg/assemble/base"
	"github.com/pyimg/pyimg/assemble/lock"
	"github.com/pyimg/pyimg/internal/exit"
	"github.com/pyimg/pyimg/internal/fixture"
)

// baseOf is imageOf with the diff IDs that the layers really have.
func baseOf(t *testing.T, stack ...[]fixture.File) v1.Image {
	t.Helper()
	img := empty.Image
	for _, files := range stack {
		content := fixture.Tarball{Files: files}.Bytes()
		l, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(content)), nil }, tarball.WithMediaType(types.DockerLayer))
		if err != nil {
			t.Fatal(err)
		}
		if img, err = mutate.AppendLayers(img, l); err != nil {
			t.Fatal(err)
		}
	}
	return img
}

// configured gives an image a configuration.
func configured(t *testing.T, img v1.Image, c v1.Config) v1.Image {
	t.Helper()
	img, err := mutate.Config(img, c)
	if err != nil {
		t.Fatal(err)
	}
	return img
}

// onBase builds a spec on an image.
func onBase(t *testing.T, w world, img v1.Image, packages, more string) (lock.Lock, error) {
	t.Helper()
	src := w.sources(t)
	src.Images = &shelf{images: map[string]v1.Image{"example.com/base:1": img}}
	return build(t, w.spec(t, packages, "base: image:example.com/base:1\n"+more), src)
}

func TestBaseKeepsLayersAndConfiguration(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	img := configured(t, baseOf(t, []fixture.File{file("bin/a", "1"), file("gone", "1")}, []fixture.File{file(".wh.gone", "")}), v1.Config{
		Env: []string{"B=1", "PATH=/x", "A=1"}, Entrypoint: []string{"/bin/a"}, Cmd: []string{"old"}, User: "7", WorkingDir: "/", StopSignal: "SIGINT",
		Labels: map[string]string{"a": "1", "b": "1"}, ExposedPorts: map[string]struct{}{"1/tcp": {}}, Volumes: map[string]struct{}{"/v": {}},
		Healthcheck: &v1.HealthConfig{Test: []string{"NONE"}}, OnBuild: []string{"RUN x"},
	})
	l, err := onBase(t, w, img, "", "image: {env: {A: \"2\", C: \"3\"}, cmd: [new], labels: {b: \"2\"}, ports: [\"2/tcp\"]}\ndirs: [{path: /data}]\n")
	if err != nil {
		t.Fatal(err)
	}
	p := l.Platforms[0]
	m, err := img.Manifest()
	if err != nil {
		t.Fatal(err)
	}
	for i, d := range m.Layers {
		if p.Layers[i].Digest != d.Digest.String() || p.Layers[i].Made() {
			t.Errorf("layer %d is %+v, want %s as it is", i, p.Layers[i], d.Digest)
		}
	}
	if p.Layers[0].MediaType != string(types.OCILayer) {
		t.Errorf("media type %q, want the one of an OCI image", p.Layers[0].MediaType)
	}
	if n := len(p.Layers); n != 3 {
		t.Errorf("%d layers, want the base's two and that of the folder", n)
	}
	if p.Base == nil || p.Base.Digest != digestOfImage(t, img) || p.Base.Layers != 2 {
		t.Errorf("base %+v, want the image by digest", p.Base)
	}
	c := p.Config
	if got, want := strings.Join(c.Env, " "), "B=1 PATH=/x A=2 C=3"; got != want {
		t.Errorf("env %q, want %q", got, want)
	}
	if !slices.Equal(c.Entrypoint, []string{"/bin/a"}) || !slices.Equal(c.Cmd, []string{"new"}) || c.User != "7" || c.StopSignal != "SIGINT" {
		t.Errorf("configuration %+v, want the base's with another command", c)
	}
	if c.Labels["a"] != "1" || c.Labels["b"] != "2" || len(c.ExposedPorts) != 2 || len(c.Volumes) != 1 || c.Healthcheck == nil || c.OnBuild != nil {
		t.Errorf("configuration %+v, want labels, ports and volumes of both, the health check, and no ONBUILD", c)
	}
}

func TestHealthcheckOfTheBase(t *testing.T) {
	t.Parallel()
	const minute = time.Minute
	of := configured(t, baseOf(t, []fixture.File{file("bin/a", "1")}), v1.Config{
		Healthcheck: &v1.HealthConfig{Test: []string{"CMD", "/bin/a"}, Interval: minute, Retries: 7}})
	for name, c := range map[string]struct {
		spec string
		want v1.HealthConfig
	}{
		"inherited": {"image: {user: \"1\"}\n", v1.HealthConfig{Test: []string{"CMD", "/bin/a"}, Interval: minute, Retries: 7}},
		"replaced":  {"image: {healthcheck: {test: a b, timeout: 1m30s}}\n", v1.HealthConfig{Test: []string{"CMD-SHELL", "a b"}, Timeout: 90 * time.Second}},
		"cleared":   {"image: {healthcheck: none}\n", v1.HealthConfig{Test: []string{"NONE"}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, err := onBase(t, newWorld(t), of, "", c.spec)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(&c.want, l.Platforms[0].Config.Healthcheck); diff != "" {
				t.Errorf("healthcheck (-want +got):\n%s", diff)
			}
		})
	}
}

func TestEntrypointResetsTheCommandOfTheBase(t *testing.T) {
	t.Parallel()
	static := fixture.ELF{Arch: "x86_64", Static: true}.Bytes()
	img := configured(t, baseOf(t, []fixture.File{file("bin/a", "1"), {Path: "bin/b", Mode: 0o755, Body: static}}),
		v1.Config{Entrypoint: []string{"/bin/a"}, Cmd: []string{"old"}})
	l, err := onBase(t, newWorld(t), img, "", "image: {entrypoint: [/bin/b]}\n")
	if err != nil {
		t.Fatal(err)
	}
	if c := l.Platforms[0].Config; len(c.Cmd) != 0 || !slices.Equal(c.Entrypoint, []string{"/bin/b"}) {
		t.Errorf("entrypoint %q, cmd %q, want /bin/b and none", c.Entrypoint, c.Cmd)
	}
}

// A base without a database, with one and no world, and with one where apk does not look.
func TestBaseWithoutDatabaseTakesNoPackages(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fixture.Package{Name: "a", Files: []fixture.File{file("etc/a", "a")}})
	for want, files := range map[string][]fixture.File{
		"it has no database of apk":   {file("bin/a", "1")},
		"no /etc/apk/world":           {file("lib/apk/db/installed", "")},
		"no symlink /lib leads to it": {file("usr/lib/apk/db/installed", ""), file("etc/apk/world", "\n")},
	} {
		_, err := onBase(t, w, baseOf(t, files), "a", "")
		if err == nil || !strings.Contains(err.Error(), want) || exit.Of(err) != exit.NoSolution {
			t.Errorf("packages: %v, want exit %d and %q", err, exit.NoSolution, want)
		}
		if _, err := onBase(t, w, baseOf(t, files), "", "dirs: [{path: /data}]\n"); err != nil {
			t.Errorf("without packages: %v", err)
		}
	}
}

// What an image on a base came to is a base again: packages are added, upgraded and removed as the plan says.
func TestPackagesOnABase(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fixture.Package{Name: "a", Files: []fixture.File{file("opt/a", "1"), file("opt/old", "1")}})
	src := w.sources(t)
	images := &shelf{images: make(map[string]v1.Image)} // by tag and by digest
	src.Images = images
	first, err := build(t, w.spec(t, "a", ""), src)
	if err != nil {
		t.Fatal(err)
	}
	index, err := first.Index(t.Context(), lock.FromStore(src.Store))
	if err != nil {
		t.Fatal(err)
	}
	img, err := index.Image(lock.Hash(first.Platforms[0].Manifest))
	if err != nil {
		t.Fatal(err)
	}
	images.images["example.com/base:1"], images.images["example.com/base:1@"+first.Platforms[0].Manifest] = img, img
	w.publish(t, fixture.Package{Name: "a", Version: "2-r0", Files: []fixture.File{file("opt/a", "2")}},
		fixture.Package{Name: "b", Depends: []string{"a>=2"}, Files: []fixture.File{file("opt/b", "1")}})
	var moved *base.ChangeError
	if _, err := build(t, w.spec(t, "b", "base: image:example.com/base:1\n"), src); !errors.As(err, &moved) || !strings.Contains(err.Error(), `a-1-r0 would become a-2-r0: b-1-r0 needs "a>=2"`) {
		t.Errorf("without upgrade: %v, want a *base.ChangeError that says what and why", err)
	}
	s := w.spec(t, "b", "base: {source: \"image:example.com/base:1\", upgrade: true}\n")
	second, err := build(t, s, src)
	if err != nil {
		t.Fatal(err)
	}
	p := second.Platforms[0]
	if got, want := strings.Join(p.Base.Changes, "; "), "> a=1-r0 -> 2-r0; + b=1-r0"; got != want {
		t.Errorf("changes %q, want %q", got, want)
	}
	if got, want := strings.Join(p.World, " "), "a b"; got != want {
		t.Errorf("world %q, want %q", got, want)
	}
	plan, err := assemble.PlanOf(t.Context(), second, s, src, testKeys(t))
	if err != nil {
		t.Fatal(err)
	}
	again, err := assemble.Build(t.Context(), plan, src, assemble.BuildOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := second.Expect(again.Lock); err != nil {
		t.Errorf("built by the lock: %v", err)
	}
	var gone bool
	for _, l := range p.Layers {
		if l.From != "removed from the base" {
			continue
		}
		gone = true
		for e, err := range src.Store.Entries(l.Digest) {
			if err != nil {
				t.Fatal(err)
			}
			if name := e.Path(); name != "opt" && name != "opt/.wh.old" {
				t.Errorf("%q is deleted, want opt/old alone", name)
			}
		}
	}
	if !gone {
		t.Error("no layer deletes what the new version of a does not have")
	}
}
