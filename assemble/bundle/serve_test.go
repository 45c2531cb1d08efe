package bundle_test

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pyimg/pyimg/apk"
	"github.com/pyimg/pyimg/assemble"
	"github.com/pyimg/pyimg/assemble/bundle"
	"github.com/pyimg/pyimg/assemble/input"
	"github.com/pyimg/pyimg/assemble/kept"
	"github.com/pyimg/pyimg/assemble/spec"
	"github.com/pyimg/pyimg/internal/fetch"
	"github.com/pyimg/pyimg/layers"
)

func TestHandler(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	tiny(t, filepath.Join(dir, "b"), 0)
	tiny(t, filepath.Join(dir, "p.tar"), 5<<10)
	const index = "alpine/main/x86_64/APKINDEX.tar.gz"
	content := string(read(t, dir, "b", index))
	for _, path := range []string{"b", "p.tar"} {
		b := open(t, filepath.Join(dir, path))
		handler := b.Handler()
		manifest := encode(t, b.Manifest)
		for _, c := range []struct {
			method, target, ranges string
			status                 int
			want                   string // of the body; "" where it does not matter
		}{
			{"GET", "/" + index, "", 200, content},
			{"HEAD", "/" + index, "", 200, ""},
			{"GET", "/" + index, "bytes=10-19", 206, content[10:20]},
			{"GET", "/" + index, "bytes=100000-", 416, ""},
			{"GET", "/manifest.json", "", 200, manifest},
			{"GET", "/manifest.json", "bytes=5-", 206, manifest[5:]},
			{"GET", "/manifest.json", fmt.Sprintf("bytes=%d-%d", len(manifest)-300, len(manifest)-2), 206, manifest[len(manifest)-300 : len(manifest)-1]},
			{"GET", "/", "", 200, ""},
			{"GET", "/alpine/main/x86_64/tiny-9-r0.apk", "", 404, ""},
			{"GET", "/../../etc/passwd", "", 404, ""},
			{"GET", "/.partial/lock", "", 404, ""},
			{"POST", "/" + index, "", 405, ""},
		} {
			r := httptest.NewRequestWithContext(t.Context(), c.method, "http://host/", nil)
			r.URL.Path = c.target
			if c.ranges != "" {
				r.Header.Set("Range", c.ranges)
			}
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, r)
			if w.Code != c.status || c.want != "" && w.Body.String() != c.want {
				t.Errorf("%s: %s %s %s = %d with %d bytes, want %d", path, c.method, c.target, c.ranges, w.Code, w.Body.Len(), c.status)
			}
		}
	}
}

// nobody is a source that must not be asked.
type nobody struct{ t *testing.T }

func (n nobody) Open(_ context.Context, url string) (io.ReadCloser, error) {
	n.t.Errorf("%s was asked for", url)
	return nil, fs.ErrNotExist
}

// TestOpenerMakesTheLockedImage builds from each form of a bundle, with and without the lock, and asks nobody.
func TestOpenerMakesTheLockedImage(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	dir := t.TempDir()
	for _, output := range []string{"b", "b.tar"} {
		s.create(t, filepath.Join(dir, output))
	}
	server := httptest.NewServer(open(t, filepath.Join(dir, "b.tar")).Handler())
	t.Cleanup(server.Close)
	served, err := bundle.OpenURL(t.Context(), server.URL+"/", &fetch.Client{})
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string]*bundle.Bundle{"folder": open(t, filepath.Join(dir, "b")), "tar": open(t, filepath.Join(dir, "b.tar")), "server": served} {
		lock, err := b.ReadLock(t.Context(), "pyimg")
		if err != nil {
			t.Fatal(err)
		}
		asked, err := b.ReadSpec(t.Context(), "pyimg")
		if err != nil {
			t.Fatal(err)
		}
		for _, plan := range []func(context.Context, spec.Spec, input.Access, *apk.Keyring) (assemble.Plan, error){
			func(ctx context.Context, s spec.Spec, src input.Access, keys *apk.Keyring) (assemble.Plan, error) {
				return assemble.PlanOf(ctx, lock, s, src, keys)
			}, assemble.Resolve} {
			src := input.Access{Fetch: b.Opener(asked, nobody{t}), Folder: b.FolderOf(asked)}
			if src.Store, err = layers.OpenStore(t.TempDir(), kept.Files()...); err != nil {
				t.Fatal(err)
			}
			p, err := plan(t.Context(), asked, src, testKeys(t))
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			got, err := assemble.Build(t.Context(), p, src, assemble.BuildOptions{})
			if err != nil || got.Lock.Digest != s.lock.Digest {
				t.Errorf("%s: Build = %s, %v, want %s", name, got.Lock.Digest, err, s.lock.Digest)
			}
		}
	}
}

// TestOpenerMapsPaths takes directories and files that a spec names as they are written there.
func TestOpenerMapsPaths(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	dir := t.TempDir()
	if err := s.mirror.Write(filepath.Join(dir, "here")); err != nil {
		t.Fatal(err)
	}
	spec := func(in string) spec.Spec {
		spec, err := spec.Parse("pyimg.yaml", []byte(`
alpine: {branch: v3.20, mirrors: [./here/]}
platforms: [linux/amd64]
runtime: {source: "here/../here/python-{alpine_arch}.tar.gz"}
`))
		if err != nil {
			t.Fatal(err)
		}
		spec.Dir = in
		return spec
	}
	s.spec = spec(dir)
	src := input.Access{Fetch: &fetch.Client{}, Store: s.store}
	plan, err := assemble.Resolve(t.Context(), s.spec, src, testKeys(t))
	if err != nil {
		t.Fatal(err)
	}
	built, err := assemble.Build(t.Context(), plan, src, assemble.BuildOptions{})
	if s.lock = built.Lock; err != nil {
		t.Fatal(err)
	}
	mustCreate(t, s.options(t, filepath.Join(dir, "b")))
	for _, in := range []string{"", ".", "elsewhere"} {
		there := spec(in)
		src := input.Access{Fetch: open(t, filepath.Join(dir, "b")).Opener(there, nobody{t})}
		if src.Store, err = layers.OpenStore(t.TempDir(), kept.Files()...); err != nil {
			t.Fatal(err)
		}
		if _, err := assemble.PlanOf(t.Context(), s.lock, there, src, testKeys(t)); err != nil {
			t.Errorf("in %q: %v", in, err)
		}
	}
}

func TestOpenerSaysWhatTheBundleLacks(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "b")
	tiny(t, dir, 0)
	_, err := open(t, dir).Opener(spec.Spec{}, &fetch.Client{Offline: true}).Open(t.Context(), "https://user:secret@example.com/x.apk")
	if err == nil || !strings.Contains(err.Error(), `has nothing for "https://example.com/x.apk"`) || strings.Contains(err.Error(), "secret") {
		t.Errorf("Open = %v", err)
	}
}
