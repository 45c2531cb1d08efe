// Package auth finds the credentials for a registry where docker, podman and CI systems keep them. It sends no request,
// and its errors hold no credential.
package auth

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"

	"github.com/pyimg/pyimg/internal/exit"
)

// Keychain finds credentials where docker, podman and CI systems keep them. It uses the first of these sources that has
// credentials for the registry:
//
//  1. DOCKER_AUTH_CONFIG: the content of a docker config file.
//  2. REGISTRY_AUTH_FILE: the name of such a file. It must exist.
//  3. docker's config file: $DOCKER_CONFIG/config.json, else $HOME/.docker/config.json.
//  4. podman's: $XDG_RUNTIME_DIR/containers/auth.json (/run/containers/UID without XDG_RUNTIME_DIR), then
//     ${XDG_CONFIG_HOME:-$HOME/.config}/containers/auth.json.
//  5. GITHUB_TOKEN with GITHUB_ACTOR, for ghcr.io alone.
//
// Within a file Keychain uses the registry's credential helper in credHelpers, otherwise the helper in credsStore,
// otherwise the most specific entry of auths (host/namespace/repository, ..., host). It skips a source without an entry
// for the registry. A source that it cannot read is a [*Error]. No home directory is needed. getenv is [os.Getenv], or
// another function in tests.
func Keychain(getenv func(string) string) authn.Keychain {
	return keychain{getenv: getenv}
}

// Login returns a keychain with the user and password for one host. It asks the keychain others for all other hosts.
func Login(host, user, password string, others authn.Keychain) authn.Keychain {
	return given{host, Credential{AuthConfig: authn.AuthConfig{Username: user, Password: password}, Source: "the command line"}, others}
}

type given struct {
	host   string
	cred   Credential
	others authn.Keychain
}

// Resolve implements [authn.Keychain].
func (g given) Resolve(target authn.Resource) (authn.Authenticator, error) {
	return g.ResolveContext(context.Background(), target)
}

// ResolveContext implements [authn.ContextKeychain].
func (g given) ResolveContext(ctx context.Context, target authn.Resource) (authn.Authenticator, error) {
	if target.RegistryStr() == g.host {
		return g.cred, nil
	}
	return authn.Resolve(ctx, g.others, target)
}

// Find returns the credential that a keychain has for a repository. It returns the zero Credential where it has none.
func Find(ctx context.Context, keys authn.Keychain, repo authn.Resource) (Credential, error) {
	found, err := authn.Resolve(ctx, keys, repo)
	if err != nil {
		return Credential{}, err
	}
	if c, ok := found.(Credential); ok {
		return c, nil
	}
	if found == authn.Anonymous {
		return Credential{}, nil
	}
	cfg, err := authn.Authorization(ctx, found) // a caller's own keychain may return any Authenticator
	if err != nil {
		return Credential{}, &Error{Source: ownKeychain, Err: err}
	}
	return Credential{AuthConfig: *cfg, Source: ownKeychain}, nil
}

// ownKeychain is the Source of credentials from a keychain that the caller wrote.
const ownKeychain = "the keychain"

type keychain struct{ getenv func(string) string }

// A Credential is a registry's credential, and the name of the source that it was found in.
type Credential struct {
	authn.AuthConfig
	Source string // where it was found; "" without a credential
}

// Authorization implements [authn.Authenticator].
func (c Credential) Authorization() (*authn.AuthConfig, error) {
	cfg := c.AuthConfig
	return &cfg, nil
}

// Basic returns the value of the Authorization header for the user and password, or "" without them.
func (c Credential) Basic() string {
	switch {
	case c.Auth != "":
		return "Basic " + c.Auth
	case c.Username != "" || c.Password != "":
		return "Basic " + base64.StdEncoding.EncodeToString([]byte(c.Username+":"+c.Password))
	}
	return ""
}

// minSecret is the shortest secret that is removed from texts. Removing a shorter one would only garble them.
const minSecret = 4

// Secrets returns the strings that must never be printed.
func (c Credential) Secrets() []string {
	var out []string
	_, header, _ := strings.Cut(c.Basic(), " ")
	for _, s := range []string{c.Password, c.Auth, header, c.IdentityToken, c.RegistryToken} {
		if len(s) >= minSecret {
			out = append(out, s)
		}
	}
	return out
}

// Resolve implements [authn.Keychain].
func (k keychain) Resolve(target authn.Resource) (authn.Authenticator, error) {
	return k.ResolveContext(context.Background(), target)
}

// ResolveContext implements [authn.ContextKeychain]. A helper that runs when ctx ends is killed.
func (k keychain) ResolveContext(ctx context.Context, target authn.Resource) (authn.Authenticator, error) {
	for _, find := range []func(context.Context, authn.Resource) (Credential, error){
		k.environment, k.registryAuthFile, k.docker, k.podman, k.github,
	} {
		c, err := find(ctx, target)
		if err != nil {
			return nil, err
		}
		if c.Source != "" {
			return c, nil
		}
	}
	return authn.Anonymous, nil
}

func (k keychain) environment(ctx context.Context, target authn.Resource) (Credential, error) {
	content := k.getenv("DOCKER_AUTH_CONFIG")
	if content == "" {
		return Credential{}, nil
	}
	return k.lookup(ctx, "DOCKER_AUTH_CONFIG", []byte(content), target)
}

func (k keychain) registryAuthFile(ctx context.Context, target authn.Resource) (Credential, error) {
	path := k.getenv("REGISTRY_AUTH_FILE")
	if path == "" {
		return Credential{}, nil
	}
	source := fmt.Sprintf("REGISTRY_AUTH_FILE %q", path)
	content, err := readAuthFile(path)
	if err != nil {
		return Credential{}, &Error{Source: source, Err: err}
	}
	return k.lookup(ctx, source, content, target)
}

func (k keychain) docker(ctx context.Context, target authn.Resource) (Credential, error) {
	dir := k.getenv("DOCKER_CONFIG")
	if dir == "" && k.getenv("HOME") != "" {
		dir = filepath.Join(k.getenv("HOME"), ".docker")
	}
	if dir == "" {
		return Credential{}, nil
	}
	return k.file(ctx, "docker config", filepath.Join(dir, "config.json"), target)
}

func (k keychain) podman(ctx context.Context, target authn.Resource) (Credential, error) {
	runtime := k.getenv("XDG_RUNTIME_DIR")
	guessed := runtime == ""
	if guessed {
		runtime = filepath.Join("/run/containers", strconv.Itoa(os.Getuid()))
	} else {
		runtime = filepath.Join(runtime, "containers")
	}
	c, err := k.file(ctx, "podman auth file", filepath.Join(runtime, "auth.json"), target)
	if guessed && errors.Is(err, fs.ErrPermission) {
		err = nil // as root, podman uses /run/containers: other users may not read it, and it holds nothing for them
	}
	if err != nil || c.Source != "" {
		return c, err
	}
	config := k.getenv("XDG_CONFIG_HOME")
	if config == "" && k.getenv("HOME") != "" {
		config = filepath.Join(k.getenv("HOME"), ".config")
	}
	if config == "" {
		return Credential{}, nil
	}
	return k.file(ctx, "podman auth file", filepath.Join(config, "containers", "auth.json"), target)
}

func (k keychain) github(_ context.Context, target authn.Resource) (Credential, error) {
	token := k.getenv("GITHUB_TOKEN")
	if token == "" || target.RegistryStr() != "ghcr.io" {
		return Credential{}, nil
	}
	user := k.getenv("GITHUB_ACTOR")
	if user == "" {
		user = "github" // GHCR checks the token alone, but requires a user name
	}
	return Credential{AuthConfig: authn.AuthConfig{Username: user, Password: token}, Source: "GITHUB_TOKEN"}, nil
}

// file reads a config file, which need not exist.
func (k keychain) file(ctx context.Context, kind, path string, target authn.Resource) (Credential, error) {
	source := fmt.Sprintf("%s %q", kind, path)
	content, err := readAuthFile(path)
	if os.IsNotExist(err) {
		return Credential{}, nil
	}
	if err != nil {
		return Credential{}, &Error{Source: source, Err: err}
	}
	return k.lookup(ctx, source, content, target)
}

// lookup finds the entry for target in the content of a config file.
func (k keychain) lookup(ctx context.Context, source string, content []byte, target authn.Resource) (Credential, error) {
	f, err := parseAuthFile(content)
	if err != nil {
		return Credential{}, &Error{Source: source, Err: err}
	}
	if helper := f.helper(target.RegistryStr()); helper != "" {
		source := fmt.Sprintf("helper %q of %s", helperPrefix+helper, source)
		cfg, found, err := runHelper(ctx, helper, serverURL(target.RegistryStr()))
		if err != nil {
			return Credential{}, &Error{Source: source, Err: err}
		}
		if found {
			return Credential{AuthConfig: cfg, Source: source}, nil
		}
	}
	cfg, found, err := f.entry(target)
	if err != nil {
		return Credential{}, &Error{Source: source, Err: err}
	}
	if !found {
		return Credential{}, nil
	}
	return Credential{AuthConfig: cfg, Source: source}, nil
}

// An Error says that a source of credentials exists but cannot be used.
type Error struct {
	Source string // the file, or the helper and the file that names it
	Err    error
}

func (e *Error) Error() string {
	return fmt.Sprintf("reading credentials from %s: %v", e.Source, e.Err)
}

func (e *Error) Unwrap() error { return e.Err }

// ExitCode returns [exit.Auth]: credentials are missing or refused.
func (e *Error) ExitCode() exit.Code { return exit.Auth }
