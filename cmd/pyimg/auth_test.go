package main

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/v1/random"

	"github.com/pyimg/pyimg/cmd/pyimg/internal/console"
	"github.com/pyimg/pyimg/internal/exit"
	"github.com/pyimg/pyimg/internal/fixture"
	"github.com/pyimg/pyimg/push/disk"
	"github.com/pyimg/pyimg/push/oci"
)

const (
	rightPassword = "correct-horse-battery"
	wrongPassword = "incorrect-horse-battery"
)

// authConfig is a docker config file for one registry.
func authConfig(host, password string) string {
	return fmt.Sprintf(`{"auths":{%q:{"auth":%q}}}`, host, base64.StdEncoding.EncodeToString([]byte("me:"+password)))
}

// authSource is a place for credentials: how it is filled in, in a home folder, for a registry.
type authSource struct {
	name  string // as errors say it
	args  []string
	fill  func(t *testing.T, env map[string]string, home, config string)
	stdin bool
}

// authSources are all that can be tried on any host, in the order of precedence that the README states. GITHUB_TOKEN is
// for ghcr.io alone; see TestGitHubToken in package push.
func authSources() []authSource {
	inFile := func(path string) func(*testing.T, map[string]string, string, string) {
		return func(t *testing.T, env map[string]string, home, config string) {
			t.Helper()
			path := filepath.Join(home, path)
			if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
				t.Fatal(err)
			}
			env["HOME"] = home
		}
	}
	return []authSource{
		{name: "the command line", args: []string{"--username", "me", "--password-stdin"}, stdin: true, fill: func(*testing.T, map[string]string, string, string) {}},
		{name: "DOCKER_AUTH_CONFIG", fill: func(_ *testing.T, env map[string]string, _, config string) { env["DOCKER_AUTH_CONFIG"] = config }},
		{name: "REGISTRY_AUTH_FILE", fill: func(t *testing.T, env map[string]string, home, config string) {
			t.Helper()
			inFile("registry-auth.json")(t, map[string]string{}, home, config)
			env["REGISTRY_AUTH_FILE"] = filepath.Join(home, "registry-auth.json")
		}},
		{name: "docker config", fill: inFile(".docker/config.json")},
		{name: "podman auth file", fill: inFile(".config/containers/auth.json")},
	}
}

// try pushes with the given sources filled in, each with its password, and returns the exit code and all that was said.
func try(t *testing.T, host, layout string, sources []authSource, passwords []string) (code exit.Code, said string) {
	t.Helper()
	home, env, args := t.TempDir(), map[string]string{"XDG_RUNTIME_DIR": t.TempDir()}, []string{"pyimg", "push", layout, host + "/a:1"}
	var in, out bytes.Buffer
	for i, s := range sources {
		s.fill(t, env, home, authConfig(host, passwords[i]))
		args = append(args, s.args...)
		if s.stdin {
			in.WriteString(passwords[i] + "\n")
		}
	}
	con := console.Console{Stdin: &in, Stdout: &out, Stderr: &out, Getenv: func(k string) string { return env[k] }, Command: "pyimg"}
	code = execute(t.Context(), con, args)
	return code, out.String()
}

// TestCredentialSources tries each source alone, right and wrong, and each against those after it. No password is seen in
// any output, nor by a registry that it is not for.
func TestCredentialSources(t *testing.T) {
	t.Parallel()
	layout := filepath.Join(t.TempDir(), "layout")
	img, err := random.Image(100, 1)
	if err != nil {
		t.Fatal(err)
	}
	idx, err := oci.Wrap(img)
	if err != nil {
		t.Fatal(err)
	}
	if err := disk.WriteLayout(t.Context(), layout, "", idx); err != nil {
		t.Fatal(err)
	}
	sources := authSources()
	for i, s := range sources {
		for _, bearer := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, bearer %t", s.name, bearer), func(t *testing.T) {
				t.Parallel()
				_, host := serveGuarded(t, bearer)
				if code, said := try(t, host, layout, sources[i:i+1], []string{rightPassword}); code != exit.Done {
					t.Errorf("the right password: exit code %d\n%s", code, said)
				}
				var reg *fixture.Registry
				reg, host = serveGuarded(t, bearer)
				code, said := try(t, host, layout, sources[i:i+1], []string{wrongPassword})
				if code != exit.Auth || !strings.Contains(said, s.name) {
					t.Errorf("a wrong password: exit code %d, want %d and the source named\n%s", code, exit.Auth, said)
				}
				checkSilent(t, said)
				passwords := []string{rightPassword}
				for range sources[i+1:] {
					passwords = append(passwords, wrongPassword)
				}
				if code, said := try(t, host, layout, sources[i:], passwords); code != exit.Done {
					t.Errorf("before %d other sources: exit code %d\n%s", len(passwords)-1, code, said)
				}
				_, other := serveGuarded(t, bearer)
				code, said = try(t, other, layout, nil, nil)
				if code != exit.Auth {
					t.Errorf("without credentials: exit code %d\n%s", code, said)
				}
				checkBound(t, reg)
			})
		}
	}
}

func serveGuarded(t *testing.T, bearer bool) (*fixture.Registry, string) {
	t.Helper()
	reg := fixture.NewRegistry()
	if bearer {
		reg.Tokens = &fixture.Tokens{User: "me", Password: rightPassword}
	} else {
		reg.User, reg.Password = "me", rightPassword
	}
	url, err := reg.Serve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return reg, strings.TrimPrefix(url, "http://")
}

func checkSilent(t *testing.T, said string) {
	t.Helper()
	for _, secret := range []string{rightPassword, wrongPassword} {
		for _, s := range []string{secret, base64.StdEncoding.EncodeToString([]byte("me:" + secret))} {
			if strings.Contains(said, s) {
				t.Errorf("a secret is in what was said:\n%s", said)
			}
		}
	}
}

// checkBound: with tokens the password goes to the token server alone; without, there is nothing else it could go to.
func checkBound(t *testing.T, reg *fixture.Registry) {
	t.Helper()
	for _, r := range reg.Requests() {
		if reg.Tokens != nil && r.Path != "/token" && strings.HasPrefix(r.Authorization, "Basic") {
			t.Errorf("%s %s carries the password", r.Method, r.Path)
		}
		if strings.Contains(r.Path+r.Query, rightPassword) {
			t.Errorf("%s %s?%s holds the password", r.Method, r.Path, r.Query)
		}
	}
}

// TestPasswordStaysWithItsRegistry mounts from, reads from and pushes to two registries; the password is for one.
func TestPasswordStaysWithItsRegistry(t *testing.T) {
	t.Parallel()
	mine, host := serveGuarded(t, false)
	others := fixture.NewRegistry()
	url, err := others.Serve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	other := strings.TrimPrefix(url, "http://")
	layout := filepath.Join(t.TempDir(), "layout")
	img, err := random.Image(100, 1)
	if err != nil {
		t.Fatal(err)
	}
	idx, err := oci.Wrap(img)
	if err != nil {
		t.Fatal(err)
	}
	if err := disk.WriteLayout(t.Context(), layout, "", idx); err != nil {
		t.Fatal(err)
	}
	env := map[string]string{"DOCKER_AUTH_CONFIG": authConfig(host, rightPassword), "GITHUB_TOKEN": wrongPassword}
	var out bytes.Buffer
	con := console.Console{Stdout: &out, Stderr: &out, Getenv: func(k string) string { return env[k] }, Command: "pyimg"}
	if code := execute(t.Context(), con, []string{"pyimg", "push", layout, other + "/a:1", host + "/a:1"}); code != exit.Done {
		t.Fatalf("exit code %d\n%s", code, out.String())
	}
	if code := execute(t.Context(), con, []string{"pyimg", "index", "create", host + "/a:2", other + "/a:1"}); code != exit.Done {
		t.Fatalf("exit code %d\n%s", code, out.String())
	}
	checkSilent(t, out.String())
	if len(others.Requests()) == 0 || len(mine.Requests()) == 0 {
		t.Error("one of the registries was asked nothing")
	}
	for _, r := range others.Requests() {
		if r.Authorization != "" {
			t.Errorf("the other registry got credentials with %s %s", r.Method, r.Path)
		}
	}
	if code := execute(t.Context(), con, []string{"pyimg", "push", layout, other + "/a:1", host + "/a:1", "--username", "me", "--password-stdin"}); code != exit.Usage {
		t.Errorf("one password for two registries: exit code %d, want %d", code, exit.Usage)
	}
}
