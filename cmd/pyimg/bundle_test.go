package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/pyimg/pyimg/internal/exit"
	"github.com/pyimg/pyimg/internal/fixture"
)

// process is this test binary as pyimg: testscript.Main takes it for a command where it is started under that name.
func process(t *testing.T, env []string, args ...string) (cmd *exec.Cmd, stdout, stderr *bytes.Buffer) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	stdout, stderr = new(bytes.Buffer), new(bytes.Buffer)
	cmd = exec.CommandContext(context.WithoutCancel(t.Context()), self)
	cmd.Args = append([]string{"pyimg"}, args...)
	cmd.Env = append([]string{"HOME=" + t.TempDir(), "PYIMG_CACHE_DIR=" + t.TempDir()}, env...)
	cmd.Stdout, cmd.Stderr = stdout, stderr
	return cmd, stdout, stderr
}

// TestBundleCreateKilled kills pyimg without a warning while it fetches, and runs it again.
func TestBundleCreateKilled(t *testing.T) {
	t.Parallel()
	mirror, err := fixture.Alpine("x86_64", "aarch64")
	if err != nil {
		t.Fatal(err)
	}
	url, err := mirror.Serve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	key := fixture.TestKey()
	keyFile, spec, output := filepath.Join(dir, key.Name), filepath.Join(dir, "app.yaml"), filepath.Join(dir, "b.tar")
	for name, text := range map[string]string{keyFile: string(key.PublicPEM()), spec: fmt.Sprintf("alpine: {branch: v3.20, mirrors: [%q]}\n", url)} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	args := []string{"bundle", "create", spec, "--all", "--output", output, "--keyring", keyFile, "--jobs", "2", "--progress", "quiet"}

	// One package stalls after some bytes, all others come: pyimg is killed when nothing moves any more.
	const stalled, some = "x86_64/libcrypto3", 100_000
	mirror.Fail(fixture.Fault{Path: stalled, Stall: some})
	cmd, _, stderr := process(t, nil, args...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	packages := 0
	for _, name := range mirror.Names() {
		if strings.HasSuffix(name, ".apk") {
			packages++
		}
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for placed(t, dir) < packages-1 || partial(dir) < some {
		select {
		case err := <-ended:
			t.Fatalf("it ended: %v\n%s", err, stderr)
		case <-time.After(time.Millisecond):
		}
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err == nil {
		t.Fatal("it ended well before it was killed")
	}

	mirror.Heal()
	mirror.Forget()
	cmd, stdout, stderr := process(t, nil, args...)
	if err := cmd.Run(); err != nil || !strings.HasPrefix(stdout.String(), "sha256:") {
		t.Fatalf("running it again: %v\n%s", err, stderr)
	}
	for _, r := range mirror.Requests() {
		switch {
		case r.Method != http.MethodGet:
		case !strings.Contains(r.Path, stalled):
			t.Errorf("%s was fetched twice", r.Path)
		case r.Range != fmt.Sprintf("bytes=%d-", some):
			t.Errorf("%s was asked for with range %q, %d bytes of it are there", r.Path, r.Range, some)
		}
	}
}

// placed counts the packages that are in their places.
func placed(t *testing.T, dir string) int {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "b.tar.partial", "alpine", "*", "*", "*", "*.apk"))
	if err != nil {
		t.Fatal(err)
	}
	return len(names)
}

// partial is the size of the largest file below the work folders that is not whole yet.
func partial(dir string) int64 {
	largest := int64(0)
	parts, _ := filepath.Glob(filepath.Join(dir, "b.tar.partial", ".partial", "*"))
	for _, p := range parts {
		if _, err := os.Stat(p + ".json"); err != nil {
			continue
		}
		if info, err := os.Stat(p); err == nil {
			largest = max(largest, info.Size())
		}
	}
	return largest
}

// A witness is a proxy that notes whom it is asked to reach, and reaches nobody.
type witness struct {
	mu    sync.Mutex
	asked []string
}

func (w *witness) ServeHTTP(out http.ResponseWriter, r *http.Request) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asked = append(w.asked, r.Host)
	http.Error(out, "no way out", http.StatusForbidden)
}

func (w *witness) take() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	asked := w.asked
	w.asked = nil
	return asked
}

// TestNobodyElseIsAsked sends all that goes to another machine to a witness. Loopback needs no proxy: there is the mirror.
func TestNobodyElseIsAsked(t *testing.T) {
	t.Parallel()
	mirror, err := fixture.Alpine("x86_64")
	if err != nil {
		t.Fatal(err)
	}
	mirror.Put("python-x86_64.tar.gz", fixture.Runtime{Arch: "x86_64", Jemalloc: true}.Bytes())
	url, err := mirror.Serve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := mirror.Write(dir); err != nil {
		t.Fatal(err)
	}
	spec := filepath.Join(dir, "pyimg.yaml")
	if err := os.WriteFile(spec, []byte("platforms: [linux/amd64]\npackages: [alpine-baselayout, busybox]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	w := new(witness)
	proxy := httptest.NewServer(w)
	t.Cleanup(proxy.Close)
	env := []string{"HTTP_PROXY=" + proxy.URL, "HTTPS_PROXY=" + proxy.URL}
	run := func(args ...string) (exit.Code, string) {
		cmd, _, stderr := process(t, env, args...)
		if err := cmd.Run(); err != nil && !errors.As(err, new(*exec.ExitError)) {
			t.Fatal(err)
		}
		return exit.Code(cmd.ProcessState.ExitCode()), stderr.String()
	}
	given := []string{"--repository", url + "/v3.20/main", "--repository", url + "/v3.20/community", "--keyring", filepath.Join(dir, "keys")}
	runtime := []string{"--runtime", url + "/python-{alpine_arch}.tar.gz", "--allocator", "jemalloc"}
	bundle := filepath.Join(dir, "b.tar")
	with := func(args []string, more ...[]string) []string {
		for _, m := range more {
			args = append(args, m...)
		}
		return args
	}
	for _, c := range []struct {
		name  string
		args  []string
		code  exit.Code
		asked bool
	}{
		{"somewhere else", []string{"assemble", spec, "--repository", "http://elsewhere.invalid/main"}, exit.Auth, true}, // shows that the witness sees it
		{"offline", []string{"assemble", spec, "--offline"}, exit.Network, false},
		{"offline, keys of Alpine's", []string{"bundle", "create", spec, "--all", "--offline", "--output", filepath.Join(dir, "no")}, exit.Network, false},
		{"assemble", with([]string{"assemble", spec}, given, runtime), exit.Done, false},
		{"lock", with([]string{"lock", spec}, given, runtime), exit.Done, false},
		{"resolve", with([]string{"resolve", "--spec", spec, "busybox"}, given), exit.Done, false},
		{"bundle create", with([]string{"bundle", "create", spec, "--output", bundle}, given, runtime), exit.Done, false},
		{"bundle verify", []string{"bundle", "verify", bundle, "--keyring", filepath.Join(dir, "keys")}, exit.Done, false},
		{"assemble from it", with([]string{"assemble", spec, "--bundle", bundle, "--offline"}, given, runtime), exit.Done, false},
		{"resolve without keys", []string{"resolve", "--repository", url + "/v3.20/main", "--platform", "linux/amd64", "busybox"}, exit.Unverified, false},
	} {
		code, stderr := run(c.args...)
		if asked := w.take(); code != c.code || len(asked) > 0 != c.asked {
			t.Errorf("%s: exit code %d, want %d; asked were %q\n%s", c.name, code, c.code, asked, stderr)
		}
	}
	mirror.Forget()
	if code, _ := run(with([]string{"assemble", spec, "--no-lock", "--offline"}, given)...); code != exit.Network || len(mirror.Requests()) > 0 {
		t.Errorf("offline: exit code %d, and the mirror was asked for %d files", code, len(mirror.Requests()))
	}
}

// TestBundleServeStops serves until it is asked to stop, and lets a transfer end that runs then.
func TestBundleServeStops(t *testing.T) {
	t.Parallel()
	mirror, err := fixture.Alpine("x86_64")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := mirror.Write(dir); err != nil {
		t.Fatal(err)
	}
	bundle := filepath.Join(dir, "b")
	create, _, stderr := process(t, nil, "bundle", "create", "--all", "--platform", "linux/amd64", "--repository", filepath.Join(dir, "v3.20", "main"),
		"--keyring", filepath.Join(dir, "keys"), "--output", bundle)
	if err := create.Run(); err != nil {
		t.Fatalf("%v\n%s", err, stderr)
	}
	serve, _, log := process(t, nil, "bundle", "serve", bundle, "--addr", "127.0.0.1:0", "--json")
	serve.Stdout = nil
	out, err := serve.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := serve.Start(); err != nil {
		t.Fatal(err)
	}
	var said struct {
		URL          string
		Repositories []string
	}
	if err := json.NewDecoder(out).Decode(&said); err != nil {
		t.Fatal(err)
	}
	at := said.URL
	if want := at + "/alpine/v3.20/main"; !slices.Equal(said.Repositories, []string{want}) {
		t.Errorf("it serves %q, want %q", said.Repositories, want)
	}
	resolve, stdout, stderr := process(t, nil, "resolve", "--bundle", at, "--platform", "linux/amd64", "--repository", filepath.Join(dir, "v3.20", "main"),
		"--keyring", filepath.Join(dir, "keys"), "busybox-binsh")
	if err := os.RemoveAll(filepath.Join(dir, "v3.20")); err != nil {
		t.Fatal(err)
	}
	if err := resolve.Run(); err != nil || !strings.Contains(stdout.String(), "busybox-binsh=") {
		t.Errorf("resolve from the server = %q, %v\n%s", stdout, err, stderr)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, at+"/alpine/v3.20/main/x86_64/busybox-1.36.1-r29.apk", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if err := serve.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(resp.Body)
	if want := mirror.File("v3.20/main/x86_64/busybox-1.36.1-r29.apk"); err != nil || !bytes.Equal(got, want) {
		t.Errorf("it sent %d bytes, %v, want %d", len(got), err, len(want))
	}
	if err := serve.Wait(); err != nil {
		t.Errorf("asked to stop it ends with %v, want well", err)
	}
	logged, manifests := make(map[string]int), 0 // statuses by path
	for d := json.NewDecoder(log); ; {
		var r struct {
			Path   string
			Status int
		}
		if err := d.Decode(&r); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		logged[r.Path] = r.Status
		if r.Path == "/manifest.json" {
			manifests++
		}
	}
	if manifests != 1 {
		t.Errorf("resolve opened the bundle %d times, want once", manifests)
	}
	if logged["/manifest.json"] != http.StatusOK || logged["/alpine/v3.20/main/x86_64/busybox-1.36.1-r29.apk"] != http.StatusOK {
		t.Errorf("logged are %v", logged)
	}
}
