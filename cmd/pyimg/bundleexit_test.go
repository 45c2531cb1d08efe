package main

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pyimg/pyimg/assemble/bundle"
	"github.com/pyimg/pyimg/assemble/bundle/manifest"
	"github.com/pyimg/pyimg/internal/exit"
	"github.com/pyimg/pyimg/internal/fixture"
)

// filesBundle makes a bundle, as a folder, of an image with a file of its own, and the keys of its packages.
func filesBundle(t *testing.T) (dir, keys string) {
	t.Helper()
	mirror, err := fixture.Alpine("x86_64")
	if err != nil {
		t.Fatal(err)
	}
	at := t.TempDir()
	if err := mirror.Write(at); err != nil {
		t.Fatal(err)
	}
	spec, output := filepath.Join(at, "pyimg.yaml"), filepath.Join(at, "b")
	for name, text := range map[string]string{
		spec: "alpine: {branch: v3.20, mirrors: ['" + at + "'], keys: ['" + at + "/keys']}\nplatforms: [linux/amd64]\n" +
			"packages: [alpine-baselayout, busybox]\nfiles: [{from: main.py, to: /srv/}]\n",
		filepath.Join(at, "main.py"): "print('hello')\n",
	} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cache := t.TempDir()
	for _, args := range [][]string{
		{"lock", spec, "--lock", filepath.Join(at, "pyimg.lock"), "--cache-dir", cache},
		{"bundle", "create", "--lock", filepath.Join(at, "pyimg.lock"), "--output", output, "--cache-dir", cache},
	} {
		cmd, _, stderr := process(t, nil, args...)
		if err := cmd.Run(); err != nil {
			t.Fatalf("%v\n%s", err, stderr)
		}
	}
	return output, filepath.Join(at, "keys")
}

// reseal puts other bytes in a file's place and makes the manifest say so.
func reseal(t *testing.T, dir, path string, data []byte) {
	t.Helper()
	b, err := bundle.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	all := slices.Collect(b.Files.All())
	for i := range all {
		if all[i].Path == path {
			sum := sha256.Sum256(data)
			all[i].Size, all[i].SHA256 = int64(len(data)), hex.EncodeToString(sum[:])
		}
	}
	m := b.Manifest
	if m.Files, err = manifest.NewList(slices.Values(all)); err != nil {
		t.Fatal(err)
	}
	m.ID = ""
	h := sha256.New()
	if err := m.Encode(h); err != nil {
		t.Fatal(err)
	}
	m.ID = "sha256:" + hex.EncodeToString(h.Sum(nil))
	var text bytes.Buffer
	if err := m.Encode(&text); err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{path: data, manifest.Name: text.Bytes()} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// TestBundleExitCodes: a damaged bundle, a server that fails and a machine that fails have different exit codes.
func TestBundleExitCodes(t *testing.T) {
	t.Parallel()
	good, keys := filesBundle(t)
	files := manifest.FilesPath("pyimg")
	b, err := bundle.Open(good)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	honest := b.Handler()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		status, path, found := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
		if code := map[string]int{"refuses": http.StatusBadRequest, "lacks": http.StatusNotFound}[status]; found && code != 0 && path != manifest.Name {
			w.WriteHeader(code)
			return
		}
		r.URL.Path = "/" + path
		honest.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	forged := func(data []byte) string {
		dir := filepath.Join(t.TempDir(), "forged")
		if err := os.CopyFS(dir, os.DirFS(good)); err != nil {
			t.Fatal(err)
		}
		reseal(t, dir, files, data)
		return dir
	}
	whole, err := os.ReadFile(filepath.Join(good, files))
	if err != nil {
		t.Fatal(err)
	}
	var device bytes.Buffer
	if err := tar.NewWriter(&device).WriteHeader(&tar.Header{Typeflag: tar.TypeChar, Name: "main.py"}); err != nil {
		t.Fatal(err)
	}
	empty := make([]byte, 1024)
	noRoom := []string{"TMPDIR=" + filepath.Join(t.TempDir(), "nowhere")}
	for _, c := range []struct {
		name   string
		bundle string
		env    []string
		code   exit.Code
		want   string
		verify bool // also for "bundle verify"
	}{
		{"a server that refuses", server.URL + "/refuses", nil, exit.Network, "400", false},
		{"a server that lacks files", server.URL + "/lacks", nil, exit.Unverified, "its server has it not", false},
		{"no place to unpack", good, noRoom, exit.Failed, files + ": making a temporary folder", true},
		{"other files", forged(bytes.Replace(whole, []byte("hello"), []byte("hullo"), 1)), nil, exit.Unverified, files + ": it holds other files", true},
		{"no tar", forged([]byte(strings.Repeat("no tar", 200))), nil, exit.Unverified, files + ": unpacking files", true},
		{"a device", forged(device.Bytes()), nil, exit.Unverified, files + ": unpacking files", true},
		{"no files", forged(empty), nil, exit.Unverified, files + ": ", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			runs := [][]string{{"assemble", "--bundle", c.bundle}}
			if c.verify {
				runs = append(runs, []string{"bundle", "verify", c.bundle, "--keyring", keys})
			}
			for _, args := range runs {
				cmd, _, stderr := process(t, c.env, args...)
				cmd.Dir = t.TempDir()
				_ = cmd.Run()
				if got := exit.Code(cmd.ProcessState.ExitCode()); got != c.code || !strings.Contains(stderr.String(), c.want) || strings.Count(stderr.String(), files+": bundle") > 0 {
					t.Errorf("%s: exit code %d, want %d with %q\n%s", args[0], got, c.code, c.want, stderr)
				}
			}
		})
	}
}
