package assemble_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/pyimg/pyimg/assemble"
	"github.com/pyimg/pyimg/assemble/bundle/create"
	"github.com/pyimg/pyimg/assemble/lock"
	"github.com/pyimg/pyimg/assemble/spec"
	"github.com/pyimg/pyimg/internal/fixture"
	"github.com/pyimg/pyimg/wheel/wheeltest"
)

// signing is an index whose wheels are fetched with a signature in the query. It signs each page anew.
type signing struct {
	http.Handler
	wheel  wheeltest.Wheel
	signed atomic.Int64
	gone   atomic.Bool
}

func (s *signing) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case path.Base(r.URL.Path) == s.wheel.Filename():
		if r.URL.Query().Get("sig") != fmt.Sprint("secret", s.signed.Load()) {
			http.Error(w, "not signed", http.StatusForbidden)
			return
		}
		_, _ = w.Write(s.wheel.Bytes())
	case s.gone.Load():
		http.NotFound(w, r)
	default:
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprintf(w, `<a href="/files/%s?sig=secret%d#sha256=%x">x</a>`, s.wheel.Filename(), s.signed.Add(1), sha256.Sum256(s.wheel.Bytes()))
	}
}

// wheelWorld is a folder with Alpine and a Python, and a spec that reads requirements.txt and asks an index.
func wheelWorld(t *testing.T, index, python string) (world, spec.Spec) {
	t.Helper()
	dir := t.TempDir()
	mirror, err := fixture.Alpine("x86_64")
	if err != nil {
		t.Fatal(err)
	}
	mirror.Put("python.tar.gz", fixture.Runtime{Arch: "x86_64"}.Bytes())
	if err := mirror.Write(dir); err != nil {
		t.Fatal(err)
	}
	s, err := spec.Parse("test.yaml", fmt.Appendf(nil, `alpine: {repositories: [%[1]s/v3.20/main], dialect: 2}
platforms: [linux/amd64]
packages: [alpine-baselayout, busybox]
runtime: {source: %[1]s/python.tar.gz}
python: {%[2]s, wheels: %[3]s}
`, filepath.ToSlash(dir), python, index))
	if err != nil {
		t.Fatal(err)
	}
	s.Dir = dir
	return world{dir: dir}, s
}

func put(t *testing.T, text string, elem ...string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(elem...), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// rebuild makes a lock's image with an empty store.
func rebuild(t *testing.T, w world, s spec.Spec, l lock.Lock) error {
	t.Helper()
	src := w.sources(t)
	plan, err := assemble.PlanOf(t.Context(), l, s, src, testKeys(t))
	if err != nil {
		return err
	}
	got, err := assemble.Build(t.Context(), plan, src, assemble.BuildOptions{})
	if err == nil {
		err = l.Expect(got.Lock)
	}
	return err
}

// TestSignedWheels locks a wheel whose URL has a signature: the lock has no word of it, and a build from the lock asks for another.
func TestSignedWheels(t *testing.T) {
	t.Parallel()
	app := wheeltest.Wheel{Name: "app", Files: []wheeltest.File{{Name: "app.py", Data: "value = 1\n"}}}
	for name, python := range map[string]string{"an index": "requirements: requirements.txt", "a lock": "lock: pylock.toml"} {
		server := &signing{wheel: app}
		at := httptest.NewServer(server)
		t.Cleanup(at.Close)
		w, s := wheelWorld(t, at.URL+"/simple/", python)
		put(t, "app==1.0\n", w.dir, "requirements.txt")
		put(t, fmt.Sprintf("lock-version = \"1.0\"\n[[packages]]\nname = \"app\"\nversion = \"1.0\"\nwheels = [{ url = \"%s/files/%s?sig=secret0\", hashes = { sha256 = \"%x\" } }]\n",
			at.URL, app.Filename(), sha256.Sum256(app.Bytes())), w.dir, "pylock.toml")
		built, err := build(t, s, w.sources(t))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		text, err := built.Encode()
		if err != nil || strings.Contains(string(text), "secret") || !strings.Contains(string(text), `"incomplete": true`) {
			t.Errorf("%s: the lock names the signature, or does not say that the URL lacks it: %v\n%s", name, err, text)
		}
		if err := rebuild(t, w, s, built); err != nil {
			t.Errorf("%s: making the image of the lock: %v", name, err)
		}
		image, in, err := create.NewLockedImage(t.Context(), "test", built, s, w.sources(t), testKeys(t))
		if err != nil || !strings.Contains(in.Platforms[0].Wheels[0].Location(), "?sig=secret") || strings.Contains(in.Platforms[0].Wheels[0].Public, "secret") {
			t.Errorf("%s: a bundle takes the wheel from %q for %q, %v", name, in.Platforms[0].Wheels[0].Location(), in.Platforms[0].Wheels[0].Public, err)
		}
		if secret := map[string]string{"a lock": "pylock.toml"}[name]; image.Secret != secret || (image.Spec == nil) != (secret != "") {
			t.Errorf("%s: a bundle leaves the spec out for %q, want %q", name, image.Secret, secret)
		}
		server.gone.Store(true)
		if err := rebuild(t, w, s, built); name == "an index" && !errors.As(err, new(*lock.Error)) {
			t.Errorf("%s that has the wheel no more: %v, want that the lock is to be written again", name, err)
		}
	}
}

// TestForeignWheelURL holds that a lock cannot have pyimg ask a host that the spec does not name.
func TestForeignWheelURL(t *testing.T) {
	t.Parallel()
	app := wheeltest.Wheel{Name: "app", Files: []wheeltest.File{{Name: "app.py", Data: "value = 1\n"}}}
	asked := atomic.Int64{}
	foreign := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		_, _ = w.Write(app.Bytes())
	}))
	t.Cleanup(foreign.Close)
	w, s := wheelWorld(t, "wheels", "requirements: requirements.txt")
	put(t, "app==1.0\n", w.dir, "requirements.txt")
	if err := os.Mkdir(filepath.Join(w.dir, "wheels"), 0o700); err != nil {
		t.Fatal(err)
	}
	put(t, string(app.Bytes()), w.dir, "wheels", app.Filename())
	put(t, string(app.Bytes()), w.dir, app.Filename())
	built, err := build(t, s, w.sources(t))
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*lock.Wheel){
		"a URL":  func(l *lock.Wheel) { l.URL, l.Path = foreign.URL+"/"+app.Filename(), "" },
		"a path": func(l *lock.Wheel) { l.Path = app.Filename() },
	} {
		changed, err := built.Only(s.Platforms)
		if err != nil {
			t.Fatal(err)
		}
		changed.Platforms[0].Wheels = append([]lock.Wheel{}, built.Platforms[0].Wheels...)
		change(&changed.Platforms[0].Wheels[0])
		if err := rebuild(t, w, s, changed); err != nil { // the spec's folder has it
			t.Errorf("%s: %v", name, err)
		}
		kept := filepath.Join(w.dir, "wheels", app.Filename())
		if err := os.Rename(kept, kept+".gone"); err != nil {
			t.Fatal(err)
		}
		if err := rebuild(t, w, s, changed); !errors.As(err, new(*lock.Error)) || !strings.Contains(err.Error(), "none of the spec's sources has it") {
			t.Errorf("%s that no source of the spec has: %v, want an error of the lock", name, err)
		}
		if err := os.Rename(kept+".gone", kept); err != nil {
			t.Fatal(err)
		}
	}
	if n := asked.Load(); n > 0 {
		t.Errorf("the lock's host was asked %d times, and the spec does not name it", n)
	}
}
