package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pyimg/pyimg/cmd/pyimg/internal/console"
	"github.com/pyimg/pyimg/internal/exit"
	"github.com/pyimg/pyimg/internal/fixture"
)

// TestPrivateRepository locks and assembles from a repository that asks for a password, for the index, the packages and a
// runtime. The password comes from the environment, and is nowhere in what is printed and written.
func TestPrivateRepository(t *testing.T) {
	t.Parallel()
	mirror, err := fixture.Alpine("x86_64")
	if err != nil {
		t.Fatal(err)
	}
	mirror.Put("runtimes/python.tar.gz", fixture.Runtime{Arch: "x86_64"}.Bytes())
	mirror.User, mirror.Password = "me", rightPassword
	url, err := mirror.Serve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := mirror.Write(dir); err != nil {
		t.Fatal(err)
	}
	spec := filepath.Join(dir, "app.yaml")
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(spec, "alpine: {repositories: [\""+url+"/v3.20/main\"], keys: [keys]}\nplatforms: [linux/amd64]\npackages: [musl]\n"+
		"runtime: {source: \""+url+"/runtimes/python.tar.gz\"}\n")
	write(filepath.Join(dir, "netrc"), "machine 127.0.0.1 login me password "+rightPassword+"\n")
	for name, env := range map[string]map[string]string{
		"netrc":     {"NETRC": filepath.Join(dir, "netrc")},
		"HTTP_AUTH": {"HTTP_AUTH": "basic:fixture:me:" + rightPassword},
		"wrong":     {"HTTP_AUTH": "basic:*:me:" + wrongPassword},
		"nothing":   {},
	} {
		want := exit.Done
		if name == "wrong" || name == "nothing" {
			want = exit.Auth
		}
		env["PYIMG_CACHE_DIR"] = t.TempDir()
		var out bytes.Buffer
		con := console.Console{Stdout: &out, Stderr: &out, Getenv: func(k string) string { return env[k] }, Command: "pyimg"}
		lock, meta := filepath.Join(dir, "app.lock"), filepath.Join(dir, "meta.json")
		for _, args := range [][]string{
			{"pyimg", "lock", spec},
			{"pyimg", "assemble", spec, "--output", "oci:" + filepath.Join(dir, "layout"), "--metadata-file", meta},
		} {
			if code := execute(t.Context(), con, args); code != want {
				t.Errorf("%s: %s: exit code %d, want %d:\n%s", name, args[1], code, want, out.String())
			}
		}
		said := out.String()
		for _, file := range []string{lock, meta} {
			text, err := os.ReadFile(file)
			if (err == nil) != (want == exit.Done) {
				t.Errorf("%s: reading a result: %v", name, err)
			}
			said += string(text)
			_ = os.Remove(file)
		}
		if strings.Contains(said, rightPassword) || strings.Contains(said, wrongPassword) {
			t.Errorf("%s: the password is printed:\n%s", name, said)
		}
	}
}
