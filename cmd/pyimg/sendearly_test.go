package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pyimg/pyimg/cmd/pyimg/internal/console"
	"github.com/pyimg/pyimg/internal/exit"
	"github.com/pyimg/pyimg/internal/fixture"
)

// links are a mirror of packages and a registry. The package zz is served when the test says so.
type links struct {
	mirror   *fixture.Mirror
	registry *fixture.Registry
	host     string // the registry's
	spec     string
	release  chan struct{} // zz is served when it is closed
}

func newLinks(t *testing.T, more string) *links {
	t.Helper()
	l := &links{mirror: fixture.NewMirror(), registry: fixture.NewRegistry(), release: make(chan struct{})}
	ix := fixture.Index{Arch: "x86_64"}
	names := []string{"aa", "bb", "cc", "zz"}
	for _, name := range names {
		a, err := fixture.Package{Name: name, Version: "1-r0", Arch: "x86_64",
			Files: []fixture.File{{Path: "usr/" + name, Body: fixture.Bulk(name, 5000)}}}.Build()
		if err != nil {
			t.Fatal(err)
		}
		ix.Archives = append(ix.Archives, a)
	}
	if err := l.mirror.Publish("main", ix); err != nil {
		t.Fatal(err)
	}
	files := l.mirror.Handler
	l.mirror.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, "/zz-") {
			select {
			case <-l.release:
			case <-r.Context().Done():
				return
			}
		}
		files.ServeHTTP(w, r)
	})
	ctx, stop := context.WithCancel(context.Background())
	t.Cleanup(stop)
	url, err := l.mirror.Serve(ctx)
	if err != nil {
		t.Fatal(err)
	}
	at, err := l.registry.Serve(ctx)
	if err != nil {
		t.Fatal(err)
	}
	l.host = strings.TrimPrefix(at, "http://")
	l.spec = filepath.Join(t.TempDir(), "app.yaml")
	text := fmt.Sprintf("alpine: {repositories: [%q]}\nplatforms: [linux/amd64]\npackages: [%s]\nruntime: []\nallocator: none\n%s",
		url+"/main", strings.Join(names, ", "), more)
	if err := os.WriteFile(l.spec, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return l
}

// releaseAtBlob has zz served when the registry has got a blob.
func (l *links) releaseAtBlob() {
	var once sync.Once
	blobs := l.registry.Handler
	l.registry.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		blobs.ServeHTTP(w, r)
		if r.Method == http.MethodPut && strings.Contains(r.URL.Path, "/blobs/uploads/") {
			once.Do(func() { close(l.release) })
		}
	})
}

// assemble assembles with an empty cache, and returns the exit code and what was said.
func (l *links) assemble(t *testing.T, args ...string) (exit.Code, string) {
	t.Helper()
	return l.assembleWith(t, t.TempDir(), args...)
}

func (l *links) assembleWith(t *testing.T, cache string, args ...string) (exit.Code, string) {
	t.Helper()
	var out bytes.Buffer
	env := map[string]string{"PYIMG_CACHE_DIR": cache}
	con := console.Console{Stdout: &out, Stderr: &out, Getenv: func(k string) string { return env[k] }, Command: "pyimg"}
	ctx, stop := context.WithTimeout(t.Context(), time.Minute) // of a test that would hang
	defer stop()
	code := execute(ctx, con, append([]string{"pyimg", "assemble", l.spec, "--allow-untrusted", "--no-attach"}, args...))
	return code, out.String()
}

// TestLayersAreSentWhileOthersAreFetched: the last package is served only after the registry has got a layer.
func TestLayersAreSentWhileOthersAreFetched(t *testing.T) {
	t.Parallel()
	l := newLinks(t, "")
	l.releaseAtBlob()
	code, said := l.assemble(t, "--push", l.host+"/app:1", "--push", l.host+"/copy:1")
	if code != exit.Done || l.registry.Tag("app", "1") == "" || l.registry.Tag("copy", "1") != l.registry.Tag("app", "1") {
		t.Fatalf("exit code %d:\n%s", code, said)
	}
	if lost := l.registry.Unsound(); len(lost) > 0 {
		t.Errorf("the registry lacks %q", lost)
	}
	var manifest bool
	for _, r := range l.registry.Requests() {
		isManifest := r.Method == http.MethodPut && strings.Contains(r.Path, "/manifests/")
		if manifest = manifest || isManifest; manifest && strings.Contains(r.Path, "/blobs/") {
			t.Errorf("%s %s comes after a manifest", r.Method, r.Path)
		}
	}
	if n := len(l.registry.Uploads()); n != len(l.registry.Blobs()) {
		t.Errorf("%d uploads of %d blobs", n, len(l.registry.Blobs()))
	}
	for _, way := range []string{"fetch zz-1-r0", "upload sha256:"} {
		if !strings.Contains(said, way) {
			t.Errorf("no line says %q:\n%s", way, said)
		}
	}
}

// TestFailedCheckLeavesNoManifest: layers are there then, which the registry collects.
func TestFailedCheckLeavesNoManifest(t *testing.T) {
	t.Parallel()
	l := newLinks(t, "image: {cmd: [/nothing/here]}\n")
	l.releaseAtBlob()
	code, said := l.assemble(t, "--push", l.host+"/app:1")
	if code != exit.Unverified || !strings.Contains(said, "/nothing/here") {
		t.Errorf("exit code %d, want %d:\n%s", code, exit.Unverified, said)
	}
	if n := l.registry.Count(http.MethodPut, "/manifests/"); n > 0 {
		t.Errorf("%d manifests were sent", n)
	}
	if len(l.registry.Uploads()) == 0 {
		t.Error("no layer was sent, so this test shows nothing")
	}
}

// TestRefusedLayerEndsTheRun ends with the registry's error, though the last package is never served.
func TestRefusedLayerEndsTheRun(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]exit.Code{http.StatusForbidden: exit.Auth, http.StatusTeapot: exit.Network} {
		l := newLinks(t, "")
		l.registry.Fail(fixture.Fault{Method: http.MethodPut, Path: "/blobs/uploads/", Status: status})
		code, said := l.assemble(t, "--push", l.host+"/app:1")
		if code != want || !strings.Contains(said, "uploading blob") || strings.Contains(said, "zz-1-r0.apk") {
			t.Errorf("registry answers %d: exit code %d, want %d and the upload's error alone:\n%s", status, code, want, said)
		}
	}
}

// TestSendLast: no layer is asked for or sent before the last package is there.
func TestSendLast(t *testing.T) {
	t.Parallel()
	l := newLinks(t, "")
	timer := time.AfterFunc(200*time.Millisecond, func() { close(l.release) }) // a wrong program has sent something by then
	defer timer.Stop()
	blobs := l.registry.Handler
	l.registry.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-l.release:
		default:
			if strings.Contains(r.URL.Path, "/blobs/") {
				t.Errorf("%s %s while packages are fetched", r.Method, r.URL.Path)
			}
		}
		blobs.ServeHTTP(w, r)
	})
	if code, said := l.assemble(t, "--send-last", "--push", l.host+"/app:1"); code != exit.Done {
		t.Errorf("exit code %d:\n%s", code, said)
	}
}

// TestPushOfWhatIsThere takes two requests, also where all packages have to be fetched to find out what the image is.
func TestPushOfWhatIsThere(t *testing.T) {
	t.Parallel()
	l := newLinks(t, "")
	close(l.release)
	cache := t.TempDir()
	for i, run := range []struct{ cache, ref string }{{cache, "app:1"}, {cache, "app:1"}, {t.TempDir(), "app:1"}} {
		l.registry.Forget()
		code, said := l.assembleWith(t, run.cache, "--push", l.host+"/"+run.ref)
		if n := len(l.registry.Requests()); code != exit.Done || i > 0 && n != 2 {
			t.Errorf("run %d: exit code %d, %d requests, want 2:\n%s", i, code, n, said)
		}
	}
	l.registry.Forget()
	if code, said := l.assemble(t, "--push", l.host+"/app:2"); code != exit.Done || len(l.registry.Uploads()) > 0 {
		t.Errorf("a new tag: exit code %d, %d uploads, want none:\n%s", code, len(l.registry.Uploads()), said)
	}
}

// TestPushBringsDamagedLayersAnew: each blob of the cache has a flipped bit, which shows while it is sent.
func TestPushBringsDamagedLayersAnew(t *testing.T) {
	t.Parallel()
	l := newLinks(t, "layers: {max: 4}\n") // some are merged
	close(l.release)
	cache := t.TempDir()
	if code, said := l.assembleWith(t, cache, "--push", l.host+"/app:1"); code != exit.Done {
		t.Fatalf("exit code %d:\n%s", code, said)
	}
	stored, err := filepath.Glob(filepath.Join(cache, "v1", "blobs", "*"))
	if err != nil || len(stored) < 4 {
		t.Fatalf("blobs %q, %v", stored, err)
	}
	for i, name := range stored {
		raw, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, fixture.FlipByte(raw, len(raw)/2), 0o600); err != nil {
			t.Fatal(err)
		}
		repository := fmt.Sprintf("damaged%d", i)
		code, said := l.assembleWith(t, cache, "--push", l.host+"/"+repository+":1")
		if code != exit.Done || l.registry.Tag(repository, "1") != l.registry.Tag("app", "1") {
			t.Errorf("exit code %d:\n%s", code, said)
		}
		if lost := l.registry.Unsound(); len(lost) > 0 {
			t.Errorf("the registry lacks %q", lost)
		}
	}
}
