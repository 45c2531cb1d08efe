package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/pyimg/pyimg/cmd/pyimg/internal/console"
	"github.com/pyimg/pyimg/internal/exit"
	"github.com/pyimg/pyimg/internal/fixture"
)

// A fleet is several specs on the same packages, each with an environment of its own, a mirror and a registry.
type fleet struct {
	mirror         *fixture.Mirror
	registry       *fixture.Registry
	url, host, dir string
	specs          []string
}

// fleetPackages are how many packages each spec of a fleet has.
const fleetPackages = 5

func newFleet(t *testing.T, n int) *fleet {
	t.Helper()
	f := &fleet{mirror: fixture.NewMirror(), registry: fixture.NewRegistry(), dir: t.TempDir()}
	var err error
	if f.url, err = f.mirror.Serve(t.Context()); err != nil {
		t.Fatal(err)
	}
	at, err := f.registry.Serve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	f.host = strings.TrimPrefix(at, "http://")
	f.publish(t, 1)
	f.write(t, "key.rsa.pub", fixture.TestKey().PublicPEM())
	for i := range n {
		f.specs = append(f.specs, f.write(t, fmt.Sprintf("app%02d.yaml", i), f.spec(fmt.Sprintf("image: {env: {APP: app%d}}\n", i))))
	}
	return f
}

// publish publishes the packages; version is that of the first.
func (f *fleet) publish(t *testing.T, version int) {
	t.Helper()
	for _, arch := range []string{"x86_64", "aarch64"} {
		ix := fixture.Index{Arch: arch}
		for i := range fleetPackages {
			p := fixture.Package{Name: fmt.Sprintf("p%d", i), Version: "1-r0", Arch: arch}
			if i == 0 {
				p.Version = fmt.Sprintf("%d-r0", version)
			}
			p.Files = []fixture.File{{Path: "usr/share/" + p.Name, Body: []byte(arch + p.Version)}}
			a, err := p.Build()
			if err != nil {
				t.Fatal(err)
			}
			ix.Archives = append(ix.Archives, a)
		}
		if err := f.mirror.Publish("main", ix); err != nil {
			t.Fatal(err)
		}
	}
}

func (f *fleet) spec(more string) []byte {
	return fmt.Appendf(nil, "alpine: {repositories: [%q], keys: [key.rsa.pub], dialect: 3}\nplatforms: [linux/amd64, linux/arm64]\npackages: [p0, p1, p2, p3, p4]\n%s", f.url+"/main", more)
}

func (f *fleet) write(t *testing.T, name string, text []byte) string {
	t.Helper()
	at := filepath.Join(f.dir, name)
	if err := os.WriteFile(at, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return at
}

// run runs a command with the specs and more arguments. It forgets the requests before.
func (f *fleet) run(ctx context.Context, t *testing.T, command, cache string, more ...string) (code exit.Code, stdout, stderr string) {
	t.Helper()
	f.mirror.Forget()
	f.registry.Forget()
	var out, errs bytes.Buffer
	con := console.Console{Stdout: &out, Stderr: &errs, Getenv: func(string) string { return "" }}
	args := append([]string{"pyimg", command, "--cache-dir", filepath.Join(f.dir, cache), "--progress", "quiet"}, f.specs...)
	code = execute(ctx, con, append(args, more...))
	return code, out.String(), errs.String()
}

// must is run that succeeds.
func (f *fleet) must(t *testing.T, command, cache string, more ...string) string {
	t.Helper()
	code, stdout, stderr := f.run(t.Context(), t, command, cache, more...)
	if code != exit.Done {
		t.Fatalf("%s %q: exit code %d, %s", command, more, code, stderr)
	}
	return stdout
}

// perArch is what both architectures have of something.
func perArch(n int) int { return 2 * n }

// TestSeveralFetchOnce: the mirror is asked once for each index and each package, whatever the number of specs.
func TestSeveralFetchOnce(t *testing.T) {
	t.Parallel()
	f := newFleet(t, 12)
	f.must(t, "assemble", "cache")
	if got := len(f.mirror.Requests()); got != perArch(1+fleetPackages) {
		t.Errorf("%d requests for the first run, want %d: two indexes and their packages", got, perArch(1+fleetPackages))
	}
	f.must(t, "assemble", "cache")
	if got := len(f.mirror.Requests()); got != perArch(1) {
		t.Errorf("%d requests for the second run, want %d", got, perArch(1))
	}
	f.must(t, "lock", "cache")
	if got := len(f.mirror.Requests()); got != perArch(1) {
		t.Errorf("%d requests to lock, want %d", got, perArch(1))
	}
}

// TestSeveralPush counts the requests of images that are new, unchanged, and changed in one package.
func TestSeveralPush(t *testing.T) {
	t.Parallel()
	const n = 12
	f := newFleet(t, n)
	push := []string{"--no-attach", "--push", f.host + "/team/{name}:1"}
	f.must(t, "assemble", "cache", push...)
	f.sentOnce(t)
	before := f.must(t, "assemble", "cache", push...)
	if got := len(f.registry.Requests()); got != n+1 {
		t.Errorf("%d requests for images that are there, want %d: a greeting, and a question for each tag", got, n+1)
	}
	f.publish(t, 2)
	if after := f.must(t, "assemble", "cache", push...); after == before {
		t.Error("a new version of a package changed nothing")
	}
	f.sentOnce(t)
	// The configurations differ by their environment. The last layer, which has apk's database, is the same for all images.
	if got := f.registry.Count("PUT", "/blobs/uploads/"); got != perArch(2)+perArch(n) {
		t.Errorf("%d uploads, want %d: the package's and the last layer once, and the configurations", got, perArch(2)+perArch(n))
	}
	if got := f.mirror.Count("GET", ".apk"); got != perArch(1) {
		t.Errorf("%d packages were fetched, want the new one for each architecture", got)
	}
	if unsound := f.registry.Unsound(); len(unsound) > 0 {
		t.Errorf("the registry has %q", unsound)
	}
}

// TestSeveralPushAttached counts the requests of images that changed in one package, with all that is attached to them.
func TestSeveralPushAttached(t *testing.T) {
	t.Parallel()
	const n = 12
	f := newFleet(t, n)
	push := []string{"--push", f.host + "/team/{name}:1"}
	f.must(t, "assemble", "cache", push...)
	f.publish(t, 2)
	f.must(t, "assemble", "cache", push...)
	const (
		tag       = 3               // what it names before and after, and moving it
		before    = 1 + 2           // what the image consists of that the tag names
		mounted   = 2 * (2 + 2)     // of each platform the package's layer, the last layer and both bills of materials
		own       = 2 * (2 + 3)     // two requests for each configuration and each provenance
		empty     = 1               // is the configuration of artifacts there?
		manifests = 2 + 2*3 + 1     // of the platforms and of what is attached to them and to the index
		first     = 1 + mounted + 4 // a greeting, and one image sends what the others mount: two requests each, and a question for each layer
	)
	want := n*(tag+before+mounted+own+empty+manifests) + first
	if got := len(f.registry.Requests()); got != want {
		t.Errorf("%d requests, want %d", got, want)
	}
	f.sentOnce(t)
	if unsound := f.registry.Unsound(); len(unsound) > 0 {
		t.Errorf("the registry has %q", unsound)
	}
}

// sentOnce fails where a blob was sent to the registry twice.
func (f *fleet) sentOnce(t *testing.T) {
	t.Helper()
	if uploads, blobs := f.registry.Uploads(), f.registry.Blobs(); len(uploads) != len(blobs) || len(blobs) == 0 {
		t.Errorf("%d uploads of %d blobs, want each sent once", len(uploads), len(blobs))
	}
}

// TestSeveralLocked pushes from locks and an empty cache: what the registry lacks passes through once, what it has is not fetched.
func TestSeveralLocked(t *testing.T) {
	t.Parallel()
	const n = 12
	f := newFleet(t, n)
	f.must(t, "lock", "cache")
	f.must(t, "assemble", "empty", "--locked", "--push", f.host+"/locked/{name}:1")
	f.sentOnce(t)
	if got := f.mirror.Count("GET", ".apk"); got != perArch(fleetPackages) || len(f.mirror.Requests()) != got {
		t.Errorf("%d packages were fetched in %d requests, want each once and no index", got, len(f.mirror.Requests()))
	}
	f.must(t, "assemble", "none", "--locked", "--push", f.host+"/locked/{name}:1")
	if got := len(f.registry.Requests()); got != n+1 || len(f.mirror.Requests()) > 0 {
		t.Errorf("%d requests to the registry and %d to the mirror for images that are there, want %d and none", got, len(f.mirror.Requests()), n+1)
	}
}

// TestSeveralFaults: one image's fault stops no other one.
func TestSeveralFaults(t *testing.T) {
	t.Parallel()
	f := newFleet(t, 4)
	f.registry.Fail(fixture.Fault{Path: "/team/app01/", Status: http.StatusForbidden})
	broken := f.write(t, "broken.yaml", f.spec("image: {cmd: [nothing-has-this]}\n"))
	code, stdout, stderr := f.run(t.Context(), t, "assemble", "cache", "--push", f.host+"/team/{name}:1", "--json", broken)
	if code != exit.Unverified {
		t.Errorf("exit code %d, want %d: an image that is not sound is graver than a refusal; %s", code, exit.Unverified, stderr)
	}
	codes := map[string]exit.Code{}
	for line := range strings.Lines(stdout) {
		var result struct {
			Spec, Name, Error, Digest string
			Code                      exit.Code `json:"exit_code"`
		}
		if err := json.Unmarshal([]byte(line), &result); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		if (result.Error == "") != (result.Digest != "") {
			t.Errorf("%s: digest %q and error %q, want one of them", result.Spec, result.Digest, result.Error)
		}
		codes[result.Name] = result.Code
	}
	want := map[string]exit.Code{"app00": 0, "app01": exit.Auth, "app02": 0, "app03": 0, "broken": exit.Unverified}
	for name, code := range want {
		if got, there := codes[name]; !there || got != code {
			t.Errorf("%s has exit code %d, want %d", name, got, code)
		}
	}
	if !strings.Contains(stderr, "2 of 5 images failed\n  "+f.specs[1]+": ") || !strings.Contains(stderr, "\n  "+broken+": ") {
		t.Errorf("stderr is %q, want both specs that failed", stderr)
	}
	if f.registry.Tag("team/app03", "1") == "" {
		t.Error("app03 was not pushed")
	}
}

// TestSeveralInOneLayout: images that are written to one layout at the same time are all in it.
func TestSeveralInOneLayout(t *testing.T) {
	t.Parallel()
	const n = 12
	f := newFleet(t, n)
	layout := filepath.Join(f.dir, "layout")
	f.must(t, "assemble", "cache", "--output", "oci:"+layout+":{name}")
	text, err := os.ReadFile(filepath.Join(layout, "index.json"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		if name := fmt.Sprintf("\"app%02d\"", i); strings.Count(string(text), name) != 1 {
			t.Errorf("%s is %d times in the layout's index, want once", name, strings.Count(string(text), name))
		}
	}
}

// TestSeveralInterrupted: after Ctrl-C stdout has what was pushed, and nothing else is begun.
func TestSeveralInterrupted(t *testing.T) {
	t.Parallel()
	const n = 30
	f := newFleet(t, n)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var once sync.Once
	f.registry.Chance = func(r *http.Request) fixture.Fault {
		if r.Method == http.MethodPut && strings.HasSuffix(r.URL.Path, "/app02/manifests/1") {
			once.Do(cancel)
		}
		return fixture.Fault{}
	}
	code, stdout, stderr := f.run(ctx, t, "assemble", "cache", "--push", f.host+"/team/{name}:1")
	if code != exit.Interrupted || !strings.Contains(stderr, "pyimg: interrupted") {
		t.Errorf("exit code %d, stderr %q, want %d and that it was interrupted", code, stderr, exit.Interrupted)
	}
	if pushed := strings.Count(stdout, "\n"); pushed >= n {
		t.Errorf("%d images are said to be pushed after an interruption", pushed)
	}
	for line := range strings.Lines(stdout) {
		_, spec, _ := strings.Cut(strings.TrimSpace(line), "\t")
		if name := strings.TrimSuffix(filepath.Base(spec), ".yaml"); f.registry.Tag("team/"+name, "1") == "" {
			t.Errorf("%q is on stdout, and was not pushed", line)
		}
	}
}
