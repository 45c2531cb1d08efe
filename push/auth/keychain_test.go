package auth_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"

	"github.com/pyimg/pyimg/push/auth"
)

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o755); err != nil {
		t.Fatal(err)
	}
}

func auths(key, user string) string {
	return fmt.Sprintf(`{"auths":{%q:{"auth":%q}}}`, key, base64.StdEncoding.EncodeToString([]byte(user+":pw")))
}

// user returns the user name of a repository's credentials, or "".
func user(t *testing.T, env map[string]string, repo string) (string, error) {
	t.Helper()
	r, err := name.NewRepository(repo)
	if err != nil {
		t.Fatal(err)
	}
	a, err := auth.Keychain(func(k string) string {
		if v, ok := env[k]; ok || k != "XDG_RUNTIME_DIR" {
			return v
		}
		return filepath.Join(t.TempDir(), "none") // otherwise the test would read this machine's /run/containers
	}).Resolve(r)
	if err != nil {
		return "", err
	}
	cfg, err := authn.Authorization(t.Context(), a)
	if err != nil {
		return "", err
	}
	return cfg.Username + cfg.IdentityToken, nil
}

// TestKeychainOrder removes one source after the other. The next source must then be used.
func TestKeychainOrder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	at := func(p string) string { return filepath.Join(dir, p) }
	for path, who := range map[string]string{
		"authfile.json": "authfile", "dockerconfig/config.json": "dockerconfig", "home/.docker/config.json": "homedocker",
		"run/containers/auth.json": "podmanrun", "xdg/containers/auth.json": "podmanxdg", "home/.config/containers/auth.json": "podmanhome",
	} {
		write(t, at(path), auths("ghcr.io", who))
	}
	env := map[string]string{
		"DOCKER_AUTH_CONFIG": auths("ghcr.io", "environment"), "REGISTRY_AUTH_FILE": at("authfile.json"), "DOCKER_CONFIG": at("dockerconfig"),
		"HOME": at("home"), "XDG_RUNTIME_DIR": at("run"), "XDG_CONFIG_HOME": at("xdg"), "GITHUB_TOKEN": "pw", "GITHUB_ACTOR": "actor",
	}
	for _, step := range []struct{ want, gone string }{
		{"environment", "DOCKER_AUTH_CONFIG"}, {"authfile", "REGISTRY_AUTH_FILE"}, {"dockerconfig", "DOCKER_CONFIG"},
		{"homedocker", "home/.docker"}, {"podmanrun", "run"}, {"podmanxdg", "XDG_CONFIG_HOME"}, {"podmanhome", "HOME"},
		{"actor", "GITHUB_TOKEN"}, {"", ""},
	} {
		if got, err := user(t, env, "ghcr.io/a/b"); got != step.want || err != nil {
			t.Errorf("credentials of %q, %v; want those of %q", got, err, step.want)
		}
		delete(env, step.gone)
		if strings.Contains(step.gone, "/") || step.gone == "run" {
			_ = os.RemoveAll(at(step.gone))
		}
	}
}

func TestKeychainKeys(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		key, repo string
		want      bool
	}{
		{"example.com", "example.com/a/b", true},
		{"https://example.com", "example.com/a", true},
		{"https://example.com/v1/", "example.com/a", true},
		{"example.com/v2/", "example.com/a", true},
		{"example.com/a", "example.com/a/b", true},
		{"example.com/a/b", "example.com/a/b", true},
		{"example.com/a/b", "example.com/a", false},
		{"example.com/a", "example.com/ab", false},
		{"example.com:5000", "example.com:5000/a", true},
		{"example.com", "example.com:5000/a", false},
		{"example.com", "evil-example.com/a", false},
		{"example.com", "example.com.evil.org/a", false},
		{"https://index.docker.io/v1/", "docker.io/library/a", true},
		{"docker.io", "a/b", true},
		{"docker.io/a", "a/b", true},
		{"ghcr.io", "docker.io/a/b", false},
	} {
		got, err := user(t, map[string]string{"DOCKER_AUTH_CONFIG": auths(tt.key, "me")}, tt.repo)
		if err != nil || (got == "me") != tt.want {
			t.Errorf("key %q for %q: found %q, %v; want %t", tt.key, tt.repo, got, err, tt.want)
		}
	}
}

func TestGitHubTokenGoesToGHCROnly(t *testing.T) {
	t.Parallel()
	env := map[string]string{"GITHUB_TOKEN": "pw", "GITHUB_ACTOR": "actor"}
	for repo, want := range map[string]string{"ghcr.io/a/b": "actor", "ghcr.io.evil.org/a/b": "", "ghcr.io:444/a/b": "", "docker.io/a/b": ""} {
		if got, err := user(t, env, repo); got != want || err != nil {
			t.Errorf("%s: %q, %v; want %q", repo, got, err, want)
		}
	}
}

func TestBrokenAuthFileIsNamed(t *testing.T) {
	t.Parallel()
	for what, content := range map[string]string{
		"not JSON":   `{"auths": hunter2`,
		"not base64": `{"auths":{"ghcr.io":{"auth":"hunter2 hunter2"}}}`,
		"no colon":   `{"auths":{"ghcr.io":{"auth":"aHVudGVyMg=="}}}`,
		"a list":     `{"auths":["hunter2"]}`,
		"no helper":  `{"credHelpers":{"ghcr.io":"pyimg-test-is-not-there"}}`,
		"a path":     `{"credsStore":"../../bin/sh"}`,
		"too large":  `{"auths":{}` + strings.Repeat(" ", 2<<20) + `}`,
	} {
		path := filepath.Join(t.TempDir(), "config.json")
		write(t, path, content)
		_, err := user(t, map[string]string{"REGISTRY_AUTH_FILE": path}, "ghcr.io/a")
		var ce *auth.Error
		if !errors.As(err, &ce) || !strings.Contains(err.Error(), path) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v, want an error that names %s and repeats nothing of it", what, err, path)
		}
	}
	if _, err := user(t, map[string]string{"REGISTRY_AUTH_FILE": "/does/not/exist"}, "ghcr.io/a"); err == nil {
		t.Error("a REGISTRY_AUTH_FILE that does not exist is passed over")
	}
}

func TestCredentialHelper(t *testing.T) { // sets PATH
	dir := t.TempDir()
	write(t, filepath.Join(dir, "docker-credential-fake"), `#!/bin/sh
read -r server || true
case "$server" in
ghcr.io) echo '{"ServerURL":"ghcr.io","Username":"helped","Secret":"pw"}' ;;
quay.io) echo '{"ServerURL":"quay.io","Username":"<token>","Secret":"identity"}' ;;
https://index.docker.io/v1/) echo '{"Username":"hub","Secret":"pw"}' ;;
broken.io) echo oops; exit 3 ;;
*) echo "credentials not found in native keychain"; exit 1 ;;
esac
`)
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	for _, config := range []string{
		`{"credsStore":"fake","auths":{"other.io":{"auth":"bWU6cHc="}}}`,
		`{"credHelpers":{"ghcr.io":"fake","quay.io":"fake","docker.io":"fake","broken.io":"fake"},"auths":{"other.io":{"auth":"bWU6cHc="}}}`,
	} {
		env := map[string]string{"DOCKER_AUTH_CONFIG": config}
		for repo, want := range map[string]string{"ghcr.io/a": "helped", "quay.io/a": "identity", "docker.io/a/b": "hub", "other.io/a": "me", "none.io/a": ""} {
			if got, err := user(t, env, repo); got != want || err != nil {
				t.Errorf("%s with %s: %q, %v; want %q", repo, config, got, err, want)
			}
		}
		if _, err := user(t, env, "broken.io/a"); err == nil || !strings.Contains(err.Error(), "docker-credential-fake") {
			t.Errorf("broken helper: %v, want an error that names it", err)
		}
	}
}

func FuzzAuthFile(f *testing.F) {
	f.Add(`{"auths":{"https://index.docker.io/v1/":{"auth":"bWU6cHc="},"ghcr.io/a":{"identitytoken":"x"}}}`)
	f.Add(`{"auths":{"ghcr.io":{}},"credHelpers":{"quay.io":"none"}}`)
	f.Add(`{"auths":{"":{"username":"u","password":"p"}}}`)
	f.Fuzz(func(t *testing.T, content string) {
		if strings.Contains(content, "cred") || strings.Contains(content, `\`) || strings.Contains(strings.ToLower(content), "cred") {
			t.Skip("would run a helper")
		}
		// A key without a host must not give its credentials to every registry.
		for _, repo := range []string{"ghcr.io/a/b", "docker.io/a/b"} {
			got, err := user(t, map[string]string{"DOCKER_AUTH_CONFIG": content}, repo)
			if err == nil && got != "" && !strings.Contains(content, "ghcr.io") && !strings.Contains(content, "docker.io") {
				t.Errorf("%q gives %q for %s", content, got, repo)
			}
		}
	})
}
