package e2e_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// A proxy is in front of a real registry. Its gate may answer in the registry's place, or change the request.
type proxy struct {
	*httptest.Server
	tokens *tokenServer
	real   *httputil.ReverseProxy
	gate   func(w http.ResponseWriter, r *http.Request) bool
	change func(*http.Response) error

	mu       sync.Mutex
	requests []string // METHOD PATH
}

// startProxy runs docker-registry behind a proxy, with token authentication where life, a token's, is not 0.
func startProxy(t *testing.T, life time.Duration) *proxy {
	t.Helper()
	needTools(t, "docker-registry")
	p := &proxy{}
	p.Server = httptest.NewServer(http.HandlerFunc(p.serve))
	t.Cleanup(p.Close)
	auth := ""
	if life > 0 {
		p.tokens = newTokenServer(t, life)
		auth = p.tokens.config(t, p.URL+"/token")
	}
	dir := t.TempDir()
	config := writeFile(t, filepath.Join(dir, "config.yml"), fmt.Sprintf(
		"version: 0.1\nlog: {level: info}\nstorage: {filesystem: {rootdirectory: %q}}\nhttp: {addr: '127.0.0.1:0'}\n%s", filepath.Join(dir, "data"), auth))
	at := startDaemon(t, regexp.MustCompile(`listening on (127\.0\.0\.1:\d+)`), "docker-registry", "serve", config)
	p.real = httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: at})
	p.real.ErrorHandler = func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) }
	p.real.ModifyResponse = func(r *http.Response) error {
		if p.change != nil {
			return p.change(r)
		}
		return nil
	}
	return p
}

func (p *proxy) serve(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	p.requests = append(p.requests, r.Method+" "+r.URL.Path)
	p.mu.Unlock()
	switch {
	case p.gate != nil && p.gate(w, r):
	case r.URL.Path == "/token" && p.tokens != nil:
		p.tokens.ServeHTTP(w, r)
	default:
		p.real.ServeHTTP(w, r)
	}
}

func (p *proxy) host() string { return strings.TrimPrefix(p.URL, "http://") }

// forget gives the requests since the last call of it.
func (p *proxy) forget() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	defer func() { p.requests = nil }()
	return p.requests
}

// loggedIn is pyimg with the password for a registry.
func loggedIn(t *testing.T, host string) command {
	t.Helper()
	c := pyimg(t)
	auth := base64.StdEncoding.EncodeToString([]byte(tokenUser + ":" + tokenPassword))
	c.env = append(c.env, fmt.Sprintf(`DOCKER_AUTH_CONFIG={"auths":{%q:{"auth":%q}}}`, host, auth))
	return c
}

// randomLayout makes a layout of two platforms with layers of these sizes.
func randomLayout(t testing.TB, sizes ...int64) (path, digest string) {
	t.Helper()
	idx := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, arch := range []string{"amd64", "arm64"} {
		img, err := mutate.ConfigFile(mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON),
			&v1.ConfigFile{OS: "linux", Architecture: arch, RootFS: v1.RootFS{Type: "layers"}})
		if err != nil {
			t.Fatal(err)
		}
		for _, size := range sizes {
			l, err := random.Layer(size, types.OCILayer)
			if err != nil {
				t.Fatal(err)
			}
			if img, err = mutate.AppendLayers(img, l); err != nil {
				t.Fatal(err)
			}
		}
		idx = mutate.AppendManifests(idx, mutate.IndexAddendum{Add: img, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: arch}}})
	}
	path = filepath.Join(openDir(t), "layout")
	l, err := layout.Write(path, empty.Index)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.AppendIndex(idx); err != nil {
		t.Fatal(err)
	}
	h, err := idx.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return path, h.String()
}

// once makes a gate answer the first request of a method whose path contains what.
func once(method, what string, answer http.HandlerFunc) func(http.ResponseWriter, *http.Request) bool {
	var done atomic.Bool
	return func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != method || !strings.Contains(r.URL.Path, what) || !done.CompareAndSwap(false, true) {
			return false
		}
		answer(w, r)
		return true
	}
}

func status(code int, retryAfter string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.CopyN(io.Discard, r.Body, 1000)
		if retryAfter != "" {
			w.Header().Set("Retry-After", retryAfter)
		}
		w.WriteHeader(code)
	}
}

// TestPushThroughFaults pushes to a real registry with short-lived tokens through each fault at each kind of request.
func TestPushThroughFaults(t *testing.T) {
	t.Parallel()
	needShared(t)
	path, digest := randomLayout(t, 3<<20, 40<<10)
	reset := func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.CopyN(io.Discard, r.Body, 1000)
		panic(http.ErrAbortHandler)
	}
	type place struct{ method, what string }
	places := []place{{"POST", "/uploads/"}, {"PUT", "/uploads/"}, {"PUT", "/manifests/sha256:"}, {"PUT", "/manifests/" + tag}, {"HEAD", "/blobs/"}, {"GET", "/token"}}
	for _, fault := range []struct {
		name   string
		answer http.HandlerFunc
		places []place
	}{
		{"reset", reset, places},
		{"500", status(http.StatusInternalServerError, ""), places},
		{"503", status(http.StatusServiceUnavailable, "2"), places},
		{"429", status(http.StatusTooManyRequests, "1"), places},
		{"408", status(http.StatusRequestTimeout, ""), places},
		{"401", status(http.StatusUnauthorized, ""), places[:4]},
		{"stall", func(_ http.ResponseWriter, r *http.Request) {
			select {
			case <-r.Context().Done():
			case <-time.After(time.Minute):
			}
			panic(http.ErrAbortHandler)
		}, []place{{"PUT", "/uploads/"}, {"HEAD", "/blobs/"}}},
		{"truncated answer", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			_, _ = io.WriteString(w, `{"token":`)
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		}, []place{{"GET", "/token"}}},
	} {
		for _, at := range fault.places {
			t.Run(fault.name+" at "+at.method+at.what, func(t *testing.T) {
				t.Parallel()
				p := startProxy(t, 10*time.Second)
				p.gate = once(at.method, at.what, fault.answer)
				r := loggedIn(t, p.host()).run(t, "push", path, p.host()+"/a:"+tag)
				if r.code != 0 || !strings.Contains(r.stdout, digest) {
					t.Fatalf("exit code %d\n%s%s", r.code, r.stdout, r.stderr)
				}
				p.checkPulled(t, digest)
			})
		}
	}
}

// checkPulled has skopeo read everything that the tag names, once the network is well again.
func (p *proxy) checkPulled(t *testing.T, digest string) {
	t.Helper()
	needTools(t, "skopeo")
	p.gate, p.change = nil, nil
	args := []string{"skopeo", "--insecure-policy", "copy", "--quiet", "--all", "--src-tls-verify=false"}
	if p.tokens != nil {
		args = append(args, "--src-creds", tokenUser+":"+tokenPassword)
	}
	client().must(t, append(args, "docker://"+p.host()+"/a:"+tag, "oci:"+t.TempDir()+":"+tag)...)
	args = []string{"skopeo", "inspect", "--raw", "--tls-verify=false"}
	if p.tokens != nil {
		args = append(args, "--creds", tokenUser+":"+tokenPassword)
	}
	raw := client().must(t, append(args, "docker://"+p.host()+"/a:"+tag)...)
	if h, _, err := v1.SHA256(strings.NewReader(raw)); err != nil || h.String() != digest {
		t.Errorf("the tag names %s (%v), want %s", h, err, digest)
	}
}

// TestPushThatMustFail: what must not be overlooked fails with its reason, and the tag stays.
func TestPushThatMustFail(t *testing.T) {
	t.Parallel()
	needShared(t)
	path, _ := randomLayout(t, 40<<10)
	for _, c := range []struct {
		name   string
		code   int
		says   string
		gate   func(w http.ResponseWriter, r *http.Request) bool
		change func(*http.Response) error
	}{
		{"wrong digest echoed", 5, "says that it stored", nil, func(r *http.Response) error {
			if r.Request.Method == http.MethodPut && strings.Contains(r.Request.URL.Path, "/manifests/sha256:") {
				r.Header.Set("Docker-Content-Digest", "sha256:"+strings.Repeat("0", 64))
			}
			return nil
		}},
		{"location on another host", 5, "an address of an internal network", nil, func(r *http.Response) error {
			if r.Request.Method == http.MethodPost {
				r.Header.Set("Location", "http://10.1.2.3/upload")
			}
			return nil
		}},
		{"wrong password", 4, "DOCKER_AUTH_CONFIG", func(w http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path == "/token" {
				w.WriteHeader(http.StatusUnauthorized)
			}
			return r.URL.Path == "/token"
		}, nil},
		{"no room", 5, "507", func(w http.ResponseWriter, r *http.Request) bool {
			if r.Method == http.MethodPut {
				w.WriteHeader(http.StatusInsufficientStorage)
			}
			return r.Method == http.MethodPut
		}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := startProxy(t, time.Minute)
			before, digest := randomLayout(t, 1000)
			loggedIn(t, p.host()).must(t, "push", before, p.host()+"/a:"+tag)
			p.gate, p.change = c.gate, c.change
			r := loggedIn(t, p.host()).run(t, "push", path, p.host()+"/a:"+tag)
			if r.code != c.code || !strings.Contains(r.stderr, c.says) || strings.Contains(r.stderr, tokenPassword) {
				t.Errorf("exit code %d, want %d and %q said\n%s", r.code, c.code, c.says, r.stderr)
			}
			p.checkPulled(t, digest)
		})
	}
}

// TestTokensRunOutDuringUploads: tokens of two seconds, uploads that the proxy slows down to longer.
func TestTokensRunOutDuringUploads(t *testing.T) {
	t.Parallel()
	needShared(t)
	path, digest := randomLayout(t, 2<<20, 1<<20, 1<<20, 1<<20)
	p := startProxy(t, minTokenLife)
	p.gate = func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPut {
			time.Sleep(2500 * time.Millisecond) // until the token has ended
		}
		return false
	}
	loggedIn(t, p.host()).must(t, "push", path, p.host()+"/a:"+tag)
	if n := p.tokens.issued.Load(); n < 3 {
		t.Errorf("%d tokens were given out, want several", n)
	}
	p.checkPulled(t, digest)
	p.forget()
	loggedIn(t, p.host()).must(t, "push", path, p.host()+"/a:"+tag)
	if got := p.forget(); len(got) > 4 {
		t.Errorf("a no-op took %q", got)
	}
}

// TestProxyThatCapsBodies answers 413 above 1 MiB, as nginx does where nobody changed it.
func TestProxyThatCapsBodies(t *testing.T) {
	t.Parallel()
	needShared(t)
	path, digest := randomLayout(t, 10<<20, 1000)
	p := startProxy(t, 0)
	var most atomic.Int64
	p.gate = func(w http.ResponseWriter, r *http.Request) bool {
		if r.ContentLength > 1<<20 {
			w.WriteHeader(http.StatusRequestEntityTooLarge)
			return true
		}
		most.Store(max(most.Load(), r.ContentLength))
		return false
	}
	pyimg(t).must(t, "push", path, p.host()+"/a:"+tag)
	if most.Load() != 1<<20 {
		t.Errorf("the largest body taken had %d bytes, want all that the proxy takes", most.Load())
	}
	p.checkPulled(t, digest)
}

// TestMountBetweenRepositories has docker-registry mount all blobs.
func TestMountBetweenRepositories(t *testing.T) {
	t.Parallel()
	needShared(t)
	path, digest := randomLayout(t, 100<<10)
	p := startProxy(t, time.Minute)
	loggedIn(t, p.host()).must(t, "push", path, p.host()+"/base:"+tag)
	p.forget()
	loggedIn(t, p.host()).must(t, "push", path, p.host()+"/a:"+tag, "--mount-from", p.host()+"/base")
	if got := p.forget(); slices.ContainsFunc(got, func(r string) bool { return strings.HasPrefix(r, "PUT") && strings.Contains(r, "/blobs/") }) {
		t.Errorf("blobs were uploaded: %q", got)
	}
	p.checkPulled(t, digest)
}

// TestInterruptWhileWaiting sends SIGINT to a push that a registry told to wait for 30 seconds.
func TestInterruptWhileWaiting(t *testing.T) {
	t.Parallel()
	needShared(t)
	path, _ := randomLayout(t, 1000)
	p := startProxy(t, 0)
	asked := make(chan struct{}, 100)
	p.gate = func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodPost {
			return false
		}
		status(http.StatusServiceUnavailable, "30")(w, r)
		asked <- struct{}{}
		return true
	}
	cmd := exec.CommandContext(t.Context(), os.Getenv(binaryVar), "push", path, p.host()+"/a:"+tag)
	var said bytes.Buffer
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	<-asked
	time.Sleep(200 * time.Millisecond) // until it waits
	began := time.Now()
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	err := cmd.Wait()
	var exit *exec.ExitError
	if took := time.Since(began); !errors.As(err, &exit) || took > 20*time.Second || !strings.Contains(said.String(), "interrupted") {
		t.Errorf("ended after %v with %v: %s", took, err, said.String())
	}
}

// TestPushMemory compares pushes of a small and a large blob. Not parallel, see TestPeakMemory.
func TestPushMemory(t *testing.T) {
	needShared(t)
	at := startRegistry(t)
	var peaks []int64
	for _, size := range []int64{1 << 20, 400 << 20} {
		path, _ := bigLayout(t, size)
		forgetPeak(t)
		r := pyimg(t).run(t, "push", path, at+"/big:"+tag)
		if r.code != 0 {
			t.Fatalf("exit code %d\n%s", r.code, r.stderr)
		}
		t.Logf("%d MiB: peak RSS %.1f MiB", size>>20, float64(r.maxRSS())/(1<<20))
		peaks = append(peaks, r.maxRSS())
	}
	if peaks[1] > peaks[0]+8<<20 {
		t.Errorf("peak RSS grew from %d to %d bytes with the blob", peaks[0], peaks[1])
	}
}

// bigLayout is a layout of one image whose layer is on disk, so that making it takes no memory.
func bigLayout(t *testing.T, size int64) (path, digest string) {
	t.Helper()
	dir := filepath.Join(openDir(t), "layout")
	blobs := filepath.Join(dir, "blobs", "sha256")
	if err := os.MkdirAll(blobs, 0o755); err != nil {
		t.Fatal(err)
	}
	put := func(mediaType types.MediaType, r io.Reader) v1.Descriptor {
		f, err := os.CreateTemp(blobs, "new")
		if err != nil {
			t.Fatal(err)
		}
		h, n, err := v1.SHA256(io.TeeReader(r, f))
		if err := errors.Join(err, f.Close(), os.Rename(f.Name(), filepath.Join(blobs, h.Hex))); err != nil {
			t.Fatal(err)
		}
		return v1.Descriptor{MediaType: mediaType, Digest: h, Size: n}
	}
	document := func(v any) io.Reader {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return bytes.NewReader(b)
	}
	zeros, err := os.Open("/dev/zero")
	if err != nil {
		t.Fatal(err)
	}
	defer zeros.Close()
	l := put(types.OCILayer, io.LimitReader(zeros, size))
	config := put(types.OCIConfigJSON, document(v1.ConfigFile{OS: "linux", Architecture: "amd64", RootFS: v1.RootFS{Type: "layers", DiffIDs: []v1.Hash{l.Digest}}}))
	m := put(types.OCIManifestSchema1, document(v1.Manifest{SchemaVersion: 2, MediaType: types.OCIManifestSchema1, Config: config, Layers: []v1.Descriptor{l}}))
	writeFile(t, filepath.Join(dir, "oci-layout"), `{"imageLayoutVersion":"1.0.0"}`)
	b, err := json.Marshal(v1.IndexManifest{SchemaVersion: 2, MediaType: types.OCIImageIndex, Manifests: []v1.Descriptor{m}})
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(dir, "index.json"), string(b))
	return dir, m.Digest.String()
}

// TestClientsSeeJoinedIndex pushes platforms by digest, joins them and has podman pull one; then attaches to it.
func TestClientsSeeJoinedIndex(t *testing.T) {
	t.Parallel()
	s := needShared(t)
	needTools(t, "skopeo", "podman", "crane")
	at := startRegistry(t)
	spec, cache := s.rootSpec(t, 2, twoPlatforms()), t.TempDir()
	var parts []string
	for _, p := range []string{"linux/amd64", "linux/arm64"} {
		out := pyimg(t).must(t, "assemble", spec, "--cache-dir", cache, "--platform", p, "--push", at+"/joined", "--by-digest")
		parts = append(parts, strings.TrimSpace(out))
	}
	ref := at + "/joined:" + tag
	out := pyimg(t).must(t, append([]string{"index", "create", ref}, parts...)...)
	raw := client().must(t, "skopeo", "inspect", "--raw", "--tls-verify=false", "docker://"+ref)
	if h, _, err := v1.SHA256(strings.NewReader(raw)); err != nil || !strings.Contains(out, h.String()) {
		t.Errorf("skopeo sees %s, index create printed %s", h, out)
	}
	if digest := strings.TrimSpace(client().must(t, "crane", "digest", ref)); !strings.Contains(out, digest) {
		t.Errorf("crane sees %s, index create printed %s", digest, out)
	}
	client().must(t, "crane", "validate", "--remote", ref)
	client().must(t, "podman", "--root", openDir(t), "--runroot", openDir(t), "--storage-driver", "vfs", "pull", "--quiet", "--tls-verify=false", ref)
	t.Run("docker", func(t *testing.T) { startDocker(t).must(t, "pull", "--quiet", ref) })

	file := writeFile(t, filepath.Join(t.TempDir(), "sbom.json"), `{"spdxVersion":"SPDX-2.3"}`)
	pyimg(t).must(t, "attach", ref, "--type", "application/spdx+json", file)
	if got := pyimg(t).must(t, "attach", "--list", ref); !strings.Contains(got, "application/spdx+json") {
		t.Errorf("attach --list says %q", got)
	}
	// Debian's registry has no referrers API, so the tag that stands for it lists them.
	fallback := at + "/joined:" + strings.Replace(strings.TrimSpace(client().must(t, "crane", "digest", ref)), ":", "-", 1)
	if got := client().must(t, "crane", "manifest", fallback); !strings.Contains(got, "application/spdx+json") {
		t.Errorf("crane reads of the fallback tag %q", got)
	}
}
