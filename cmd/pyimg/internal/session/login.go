package session

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"

	"github.com/pyimg/pyimg/internal/exit"
	"github.com/pyimg/pyimg/push/auth"
)

// maxPassword bounds what is read from stdin; tokens of clouds have a few kilobytes.
const maxPassword = 64 << 10

// ReadLogin checks --username and --password-stdin, and reads the password, before the command does anything. refs are references
// that are not arguments of the command.
func (run *Session) ReadLogin(refs ...string) error {
	run.pushRefs = refs
	user, stdin := run.flags.String("username"), run.flags.Bool("password-stdin")
	if user == "" && !stdin {
		return nil
	}
	if user == "" || !stdin {
		return exit.Usagef("--username and --password-stdin belong together")
	}
	if n := len(run.loginHosts()); n != 1 {
		return exit.Usagef("--username is for one registry, and the command's references name %d; log in with docker or podman for each", n)
	}
	if run.Stdin == nil {
		return exit.Usagef("--password-stdin: there is no stdin")
	}
	raw, err := io.ReadAll(io.LimitReader(run.Stdin, maxPassword+1))
	if err != nil {
		return fmt.Errorf("reading the password from stdin: %w", err)
	}
	password := strings.TrimSuffix(strings.TrimSuffix(string(raw), "\n"), "\r")
	if password == "" || len(raw) > maxPassword {
		return exit.Usagef("--password-stdin: expected a password of 1 to %d bytes, found %d", maxPassword, len(raw))
	}
	run.password = password
	return nil
}

// ReadLoginFor is ReadLogin for a command whose arguments are no references.
func (run *Session) ReadLoginFor(refs ...string) error {
	run.refsAlone = true
	return run.ReadLogin(refs...)
}

// loginHosts are the registries that the command's references name.
func (run *Session) loginHosts() []string {
	refs := run.pushRefs
	if run.command != "assemble" && !run.refsAlone {
		refs = append(slices.Clone(refs), run.args...)
	}
	var out []string
	for _, r := range refs {
		if _, ok := OnDisk(r); ok {
			continue
		}
		ref, err := name.ParseReference(r)
		if err != nil {
			continue // which the command says
		}
		host := ref.Context().RegistryStr()
		if len(out) == 0 || out[0] != host {
			out = append(out, host)
		}
	}
	return out
}

// keychain is where credentials come from: the command line for its registry, else the environment.
func (run *Session) keychain() authn.Keychain {
	keys := auth.Keychain(run.Getenv)
	hosts := run.loginHosts()
	if run.password == "" || len(hosts) != 1 {
		return keys
	}
	return auth.Login(hosts[0], run.flags.String("username"), run.password, keys)
}
