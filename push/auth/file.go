package auth

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"

	"github.com/pyimg/pyimg/internal/regular"
)

// maxAuthFile bounds a config file. A file with a thousand registries has a tenth of that.
const maxAuthFile = 1 << 20

// An authFile is what docker's config.json and podman's auth.json have in common. See containers-auth.json(5).
type authFile struct {
	Auths       map[string]authEntry `json:"auths"`
	CredHelpers map[string]string    `json:"credHelpers"`
	CredsStore  string               `json:"credsStore"`
}

type authEntry struct {
	Auth          string `json:"auth"` // base64 of user:password
	Username      string `json:"username"`
	Password      string `json:"password"`
	IdentityToken string `json:"identitytoken"`
	RegistryToken string `json:"registrytoken"`
}

func readAuthFile(path string) ([]byte, error) { return regular.Read(path, maxAuthFile) }

// parseAuthFile reads a config file. Its errors never repeat the content, which may be a secret.
func parseAuthFile(content []byte) (authFile, error) {
	var f authFile
	if len(strings.TrimSpace(string(content))) == 0 {
		return f, nil // podman leaves empty files behind
	}
	if err := json.Unmarshal(content, &f); err != nil {
		var at *json.SyntaxError
		if errors.As(err, &at) {
			return f, fmt.Errorf("it is not valid JSON: error at byte %d", at.Offset)
		}
		var kind *json.UnmarshalTypeError
		if errors.As(err, &kind) {
			return f, fmt.Errorf("field %q is not a %s", kind.Field, kind.Type)
		}
		return f, errors.New("it is not valid JSON")
	}
	return f, nil
}

// helper returns the name of the registry's credential helper, or "" without one.
func (f authFile) helper(host string) string {
	for key, h := range f.CredHelpers {
		if authKey(key) == authKey(host) {
			return h
		}
	}
	return f.CredsStore
}

// entry returns the most specific entry for target: host/namespace/repository, then host/namespace, then host.
func (f authFile) entry(target authn.Resource) (authn.AuthConfig, bool, error) {
	byKey := make(map[string]string, len(f.Auths))
	for key := range f.Auths {
		if k := authKey(key); byKey[k] == "" || key == k { // the plain form wins over the URL of the same host
			byKey[k] = key
		}
	}
	want := authKey(target.RegistryStr()) + strings.TrimPrefix(target.String(), target.RegistryStr())
	for {
		if key := byKey[want]; key != "" && f.Auths[key] != (authEntry{}) {
			cfg, err := f.Auths[key].config()
			if err != nil {
				return cfg, false, fmt.Errorf("entry %q: %w", key, err)
			}
			return cfg, true, nil
		}
		slash := strings.LastIndexByte(want, '/')
		if slash < 0 {
			return authn.AuthConfig{}, false, nil
		}
		want = want[:slash]
	}
}

// config decodes the entry. Docker ignores an entry with an empty user and an empty password; pyimg uses it as written.
func (e authEntry) config() (authn.AuthConfig, error) {
	cfg := authn.AuthConfig{Username: e.Username, Password: e.Password, IdentityToken: e.IdentityToken, RegistryToken: e.RegistryToken}
	if e.Auth == "" {
		return cfg, nil
	}
	plain, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(strings.TrimSpace(e.Auth), "="))
	if err != nil {
		return cfg, errors.New("its auth is not base64")
	}
	user, password, ok := strings.Cut(string(plain), ":")
	if !ok {
		return cfg, errors.New("its auth is not user:password in base64")
	}
	cfg.Auth = base64.StdEncoding.EncodeToString(plain)
	cfg.Username, cfg.Password = user, strings.TrimRight(password, "\x00")
	return cfg, nil
}

// authKey converts a key of a config file to the form host[/namespace...]. Docker writes URLs and podman writes paths.
// Docker Hub has several names in both.
func authKey(key string) string {
	host, isURL := strings.CutPrefix(key, "https://")
	if !isURL {
		host, isURL = strings.CutPrefix(key, "http://")
	}
	host = strings.TrimSuffix(host, "/")
	if isURL { // docker compares the host alone
		host, _, _ = strings.Cut(host, "/")
	}
	host = strings.TrimSuffix(strings.TrimSuffix(host, "/v1"), "/v2")
	host, path, _ := strings.Cut(host, "/")
	switch host {
	case "docker.io", "registry-1.docker.io", name.DefaultRegistry:
		host = name.DefaultRegistry
	}
	if path != "" {
		return host + "/" + path
	}
	return host
}

// serverURL returns the name that docker gives a registry in credential helpers.
func serverURL(host string) string {
	if host == name.DefaultRegistry {
		return authn.DefaultAuthKey
	}
	return host
}
