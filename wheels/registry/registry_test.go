package registry_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	ggcr "github.com/google/go-containerregistry/pkg/registry"

	"github.com/pyimg/pyimg/assemble/wheels/artifact"
	"github.com/pyimg/pyimg/internal/exit"
	"github.com/pyimg/pyimg/internal/registryurl"
	"github.com/pyimg/pyimg/push"
	pushartifact "github.com/pyimg/pyimg/push/artifact"
	"github.com/pyimg/pyimg/push/remote"
	"github.com/pyimg/pyimg/wheel/version"
	"github.com/pyimg/pyimg/wheel/wheeltest"
	"github.com/pyimg/pyimg/wheels/registry"
	"github.com/pyimg/pyimg/wheels/repository"
)

// server is a registry that can be disturbed.
type server struct {
	host string
	mu   sync.Mutex
	next http.Handler
	stop func(w http.ResponseWriter, r *http.Request) bool // reports whether it answered
	log  []string                                          // requests
}

func newServer(t *testing.T) *server {
	t.Helper()
	s := &server{next: ggcr.New(ggcr.Logger(log.New(io.Discard, "", 0)))}
	h := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		stop := s.stop
		s.log = append(s.log, r.Method+" "+r.URL.Path)
		s.mu.Unlock()
		if stop == nil || !stop(w, r) {
			s.next.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(h.Close)
	s.host = strings.TrimPrefix(h.URL, "http://")
	return s
}

func (s *server) disturb(stop func(http.ResponseWriter, *http.Request) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stop, s.log = stop, nil
}

// requests are those since disturb that begin so.
func (s *server) requests(prefix string) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.log {
		if strings.HasPrefix(l, prefix) {
			n++
		}
	}
	return n
}

func (s *server) index(t *testing.T, ref string) *registry.Index {
	t.Helper()
	parsed, err := registryurl.ParseReference("oci:" + s.host + "/" + ref)
	if err != nil {
		t.Fatal(err)
	}
	reg := push.Registry{Client: remote.Client{Tries: 2, Backoff: time.Millisecond}}
	repo, _, err := reg.Repository(t.Context(), strings.TrimPrefix(parsed.String(), "oci:"), true)
	if err != nil {
		t.Fatal(err)
	}
	return registry.Open(parsed, repo, pushartifact.NewOpener(reg))
}

func checkout(t *testing.T, x *registry.Index, dir string) *registry.Copy {
	t.Helper()
	c, err := x.Checkout(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// add adds a wheel to a folder as a build does.
func add(t *testing.T, r *repository.Repository, w wheeltest.Wheel, content, key string) repository.Record {
	t.Helper()
	w.Files = []wheeltest.File{{Name: w.Name + ".py", Data: content}}
	at := filepath.Join(t.TempDir(), w.Filename())
	if err := os.WriteFile(at, w.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	rec, err := r.Add(at, repository.Record{File: w.Filename(), Keys: []string{key}, Sdist: repository.Locked{Name: w.Name}})
	if err != nil {
		t.Fatal(err)
	}
	return rec
}

func wheel(name string) wheeltest.Wheel { return wheeltest.Wheel{Name: name, Version: "1.0"} }

func publish(t *testing.T, c *registry.Copy, digests ...string) registry.State {
	t.Helper()
	if err := c.Publish(t.Context(), registry.Added{Digests: digests}, nil); err != nil {
		t.Fatal(err)
	}
	return c.State
}

func files(s registry.State) (out []string) {
	for _, w := range s.Manifest.Wheels {
		out = append(out, w.Name())
	}
	return out
}

func TestShardsGiveTheIndexOfOneBuild(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	names := []string{"alpha", "beta", "delta", "gamma"}
	one := checkout(t, s.index(t, "team/wheels:one"), t.TempDir())
	for _, n := range names {
		add(t, one.Folder, wheel(n), n, "key "+n)
	}
	if err := one.Folder.SetFailure(repository.Failure{Project: "bad", Version: "1", Reason: "it cannot be"}); err != nil {
		t.Fatal(err)
	}
	want := publish(t, one)

	var parts []string
	for i, n := range names {
		c := checkout(t, s.index(t, "team/wheels:four"), t.TempDir())
		add(t, c.Folder, wheel(n), n, "key "+n)
		add(t, c.Folder, wheel("alpha"), "alpha", "key alpha") // which all of them need
		if i == 2 {
			failure := repository.Failure{Project: "bad", Version: "1", Reason: "it cannot be"}
			logFile := filepath.Join(t.TempDir(), "log")
			if err := os.WriteFile(logFile, []byte("the log"), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := c.Folder.KeepLog(failure, logFile); err != nil {
				t.Fatal(err)
			}
			if err := c.Folder.SetFailure(failure); err != nil {
				t.Fatal(err)
			}
		}
		digest, err := c.PushPart(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		parts = append(parts, digest)
	}
	slices.Reverse(parts)
	joining := checkout(t, s.index(t, "team/wheels:four"), t.TempDir())
	got := publish(t, joining, parts...)
	if got.Digest != want.Digest {
		t.Errorf("four parts give %s, one build gives %s", got.Digest, want.Digest)
	}
	if len(got.Failures) != 1 {
		t.Errorf("failures: %v", got.Failures)
	}
	body := get(t, joining.Folder.Handler(), "/status/logs/bad-1--.log")
	if body != "the log" {
		t.Errorf("the log is %q", body)
	}
	if again := publish(t, joining, parts...); again.Digest != want.Digest {
		t.Errorf("joined once more: %s", again.Digest)
	}
	if _, err := joining.Index.Check(t.Context(), nil); err != nil {
		t.Error(err)
	}
}

func get(t *testing.T, h http.Handler, path string) string {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
	if w.Code != http.StatusOK {
		t.Errorf("%s: %d %s", path, w.Code, w.Body)
	}
	return w.Body.String()
}

func TestWhatIsThereIsNotSentAgain(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	first := checkout(t, s.index(t, "a/b:1"), t.TempDir())
	add(t, first.Folder, wheel("alpha"), "a", "1")
	publish(t, first)

	other := checkout(t, s.index(t, "a/b:1"), t.TempDir()) // another machine
	add(t, other.Folder, wheel("beta"), "b", "2")
	s.disturb(nil)
	if got := files(publish(t, other)); !slices.Equal(got, []string{"alpha", "beta"}) {
		t.Errorf("the index has %v", got)
	}
	// beta and its METADATA, the manifest.json; the empty config is there.
	if n := s.requests("POST "); n != 3 {
		t.Errorf("%d uploads, want 3: %v", n, s.log)
	}
	s.disturb(nil)
	publish(t, other)
	if n := s.requests("PUT ") + s.requests("POST "); n != 0 {
		t.Errorf("nothing is new, and %d writes: %v", n, s.log)
	}
	served := get(t, other.Folder.Handler(), "/"+other.State.Manifest.Wheels[0].Path())
	if !strings.HasPrefix(served, "PK") {
		t.Errorf("the wheel of the other machine is served as %.20q", served)
	}
	if page := get(t, other.Folder.Handler(), "/simple/alpha/"); !strings.Contains(page, "alpha-1.0") {
		t.Errorf("the page is %s", page)
	}
}

func TestAKilledRunLosesNothing(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	dir := t.TempDir()
	killed := checkout(t, s.index(t, "a/b:1"), dir)
	add(t, killed.Folder, wheel("alpha"), "a", "1")
	// Meanwhile another machine builds into the index.
	other := checkout(t, s.index(t, "a/b:1"), t.TempDir())
	add(t, other.Folder, wheel("beta"), "b", "2")
	publish(t, other)
	next := checkout(t, s.index(t, "a/b:1"), dir)
	records, err := next.Folder.Records()
	if err != nil || len(records) != 2 {
		t.Fatalf("the copy has %v, %v", records, err)
	}
	if got := files(publish(t, next)); !slices.Equal(got, []string{"alpha", "beta"}) {
		t.Errorf("the index has %v", got)
	}
	if p, err := next.Part(); err != nil || !p.Empty() {
		t.Errorf("what is in the index is still to be added: %+v, %v", p, err)
	}
}

func TestRacingJoinsLoseNothing(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	const jobs = 5
	var group sync.WaitGroup
	errs := make([]error, jobs)
	for i := range jobs {
		c := checkout(t, s.index(t, "a/b:1"), t.TempDir())
		add(t, c.Folder, wheel(fmt.Sprintf("w%d", i)), "x", fmt.Sprint(i))
		group.Go(func() { errs[i] = c.Publish(t.Context(), registry.Added{}, nil) })
	}
	group.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	state, err := s.index(t, "a/b:1").Read(t.Context())
	if err != nil || len(state.Manifest.Wheels) != jobs {
		t.Errorf("the index has %v, %v", files(state), err)
	}
}

func TestAnOldPartReplacesNothingNewer(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	dir := t.TempDir()
	c := checkout(t, s.index(t, "a/b:1"), dir)
	add(t, c.Folder, wheel("alpha"), "first", "1")
	old, err := c.PushPart(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	publish(t, c)
	newer := add(t, c.Folder, wheel("alpha"), "second", "2")
	publish(t, c)
	publish(t, c, old)
	if got := c.State.Manifest.Wheels; len(got) != 1 || got[0].SHA256 != newer.SHA256 || !slices.Equal(got[0].Keys, []string{"2"}) {
		t.Errorf("the index has %+v", got)
	}
}

func TestYankedIsKept(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	c := checkout(t, s.index(t, "a/b:1"), t.TempDir())
	add(t, c.Folder, wheel("alpha"), "a", "1")
	publish(t, c)
	v, err := version.Parse("1.0")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Folder.Yank("alpha", v, "it breaks", false); err != nil {
		t.Fatal(err)
	}
	publish(t, c)
	other := checkout(t, s.index(t, "a/b:1"), t.TempDir())
	if w := other.State.Manifest.Wheels[0]; w.Yanked == nil || *w.Yanked != "it breaks" {
		t.Errorf("the index has %+v", w)
	}
}

func TestEachMachineHasAManifest(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	c := checkout(t, s.index(t, "a/b:1"), t.TempDir())
	add(t, c.Folder, wheel("pure"), "a", "1")
	for _, machine := range []string{"x86_64", "aarch64"} {
		add(t, c.Folder, wheeltest.Wheel{Name: "native", Version: "1.0", Tag: "cp313-cp313-musllinux_1_2_" + machine}, machine, machine)
	}
	publish(t, c)
	var found []string
	for _, m := range readIndex(t, s, c.State.Digest).Manifests[1:] {
		platform := "any"
		if m.Platform != nil {
			platform = m.Platform.OS + "/" + m.Platform.Architecture
		}
		found = append(found, platform)
	}
	if want := []string{"any", "linux/arm64", "linux/amd64"}; !slices.Equal(found, want) {
		t.Errorf("the manifests are for %v, want %v", found, want)
	}
}

func readIndex(t *testing.T, s *server, digest string) artifact.Document {
	t.Helper()
	r, err := http.Get("http://" + s.host + "/v2/a/b/manifests/" + digest) //nolint:noctx // a test's own server
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	raw, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	d, err := artifact.ParseDocument(raw, artifact.IndexType)
	if err != nil {
		t.Fatalf("%v: %s", err, raw)
	}
	return d
}

func TestFaultyRegistries(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	c := checkout(t, s.index(t, "a/b:1"), t.TempDir())
	rec := add(t, c.Folder, wheel("alpha"), "a", "1")
	publish(t, c)
	text, err := json.Marshal(c.State.Manifest)
	if err != nil {
		t.Fatal(err)
	}
	answer := func(end string, with func(w http.ResponseWriter)) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, r *http.Request) bool {
			if !strings.HasSuffix(r.URL.Path, end) {
				return false
			}
			with(w)
			return true
		}
	}
	for _, c := range []struct {
		name, want string
		code       exit.Code
		stop       func(http.ResponseWriter, *http.Request) bool
	}{
		{"down", "503", exit.Network, answer("/manifests/1", func(w http.ResponseWriter) { w.WriteHeader(http.StatusServiceUnavailable) })},
		{"not an index of wheels", "expected " + artifact.IndexType, exit.Unverified, answer("/manifests/1", func(w http.ResponseWriter) {
			_, _ = io.WriteString(w, `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}`)
		})},
		{"a million layers", "lists more than", exit.Unverified, answer("/manifests/1", func(w http.ResponseWriter) {
			_, _ = io.WriteString(w, `{"artifactType":"`+artifact.IndexType+`","manifests":[`+strings.Repeat(`{},`, 1_000_000)+`{}]}`)
		})},
		{"too large", "more than", exit.Network, answer("/manifests/1", func(w http.ResponseWriter) {
			_, _ = w.Write(bytes.Repeat([]byte(" "), artifact.MaxManifest+2))
		})},
		{"truncated list", "expected", exit.Unverified, func(w http.ResponseWriter, r *http.Request) bool {
			if !strings.Contains(r.URL.Path, "/blobs/") {
				return false
			}
			_, _ = w.Write(text[:len(text)/2])
			return true
		}},
		{"list gone", "lacks what the index names", exit.Unverified, func(w http.ResponseWriter, r *http.Request) bool {
			if !strings.Contains(r.URL.Path, "/blobs/") {
				return false
			}
			w.WriteHeader(http.StatusNotFound)
			return true
		}},
	} {
		s.disturb(c.stop)
		_, err := s.index(t, "a/b:1").Read(t.Context())
		if err == nil || !strings.Contains(err.Error(), c.want) || exit.Of(err) != c.code {
			t.Errorf("%s: exit code %d, %v; want %d, %q", c.name, exit.Of(err), err, c.code, c.want)
		}
	}
	s.disturb(func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.HasSuffix(r.URL.Path, rec.SHA256) {
			return false
		}
		_, _ = io.WriteString(w, "other bytes")
		return true
	})
	if _, err := s.index(t, "a/b:1").Check(t.Context(), nil); err == nil || !strings.Contains(err.Error(), rec.File) || exit.Of(err) != exit.Unverified {
		t.Errorf("a wheel with other bytes: %v", err)
	}
	other := checkout(t, s.index(t, "a/b:1"), t.TempDir())
	w := httptest.NewRecorder()
	other.Folder.Handler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/"+rec.Path(), nil))
	if w.Code != http.StatusInternalServerError {
		t.Errorf("a wheel with other bytes is served: %d %s", w.Code, w.Body)
	}
}

// TestDeletedIndexIsEmpty shows that what the registry has under the tag counts: a deleted tag is an empty index.
func TestDeletedIndexIsEmpty(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	dir := t.TempDir()
	c := checkout(t, s.index(t, "a/b:1"), dir)
	add(t, c.Folder, wheel("alpha"), "a", "1")
	publish(t, c)
	s.disturb(func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.HasSuffix(r.URL.Path, "/manifests/1") {
			return false
		}
		w.WriteHeader(http.StatusNotFound)
		return true
	})
	again := checkout(t, s.index(t, "a/b:1"), dir)
	if records, err := again.Folder.Records(); err != nil || len(records) != 0 {
		t.Errorf("the copy has %v, %v", records, err)
	}
}

func TestCancelled(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	c := checkout(t, s.index(t, "a/b:1"), t.TempDir())
	add(t, c.Folder, wheel("alpha"), "a", "1")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := c.Publish(ctx, registry.Added{}, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want %v", err, context.Canceled)
	}
}
