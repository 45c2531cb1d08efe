package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/urfave/cli/v2"

	"github.com/pyimg/pyimg/push"
)

// hosts is the value of --insecure: given alone it is for all hosts, as --insecure=HOST for one.
type hosts struct {
	all   bool
	named []string
}

// IsBoolFlag lets package flag take it without a value.
func (h *hosts) IsBoolFlag() bool { return true }

func (h *hosts) Set(v string) error {
	switch {
	case v == "true" || v == "false":
		h.all = v == "true"
	case v == "" || strings.ContainsAny(v, "/@ "):
		return errors.New("expected HOST or HOST:PORT, as in image references")
	default:
		h.named = append(h.named, v)
	}
	return nil
}

func (h *hosts) String() string { return strings.Join(h.named, " ") }

func insecureFlag() cli.Flag {
	return &cli.GenericFlag{Name: "insecure", Value: &hosts{}, Usage: "plain http also for registries that are not on this machine; --insecure=`HOST` for that one alone (repeatable)"}
}

// loginFlags are those that say how registries are reached and who asks.
func loginFlags() []cli.Flag {
	return []cli.Flag{
		insecureFlag(),
		&cli.StringFlag{Name: "ca-file", Usage: "trust the certificates in `FILE` (PEM) beside the system's"},
		&cli.StringFlag{Name: "username", Usage: "log in as `USER` to the registry of the command's references, with --password-stdin"},
		&cli.BoolFlag{Name: "password-stdin", Usage: "read the password for --username from stdin"},
	}
}

// maxPassword bounds what is read from stdin; tokens of clouds have a few kilobytes.
const maxPassword = 64 << 10

const passwordKey = "password" // in the app's metadata

// readLogin checks --username and --password-stdin, and reads the password, before the command does anything.
func (p program) readLogin(c *cli.Context) error {
	user, stdin := c.String("username"), c.Bool("password-stdin")
	if user == "" && !stdin {
		return nil
	}
	if user == "" || !stdin {
		return usagef("--username and --password-stdin belong together")
	}
	if n := len(loginHosts(c)); n != 1 {
		return usagef("--username is for one registry, and the command's references name %d; log in with docker or podman for each", n)
	}
	if p.stdin == nil {
		return usagef("--password-stdin: there is no stdin")
	}
	raw, err := io.ReadAll(io.LimitReader(p.stdin, maxPassword+1))
	if err != nil {
		return fmt.Errorf("reading the password from stdin: %w", err)
	}
	password := strings.TrimSuffix(strings.TrimSuffix(string(raw), "\n"), "\r")
	if password == "" || len(raw) > maxPassword {
		return usagef("--password-stdin: expected a password of 1 to %d bytes, found %d", maxPassword, len(raw))
	}
	c.App.Metadata[passwordKey] = password
	return nil
}

// loginHosts are the registries that the command's references name.
func loginHosts(c *cli.Context) []string {
	refs := append(c.StringSlice("push"), c.StringSlice("tag")...)
	if c.Command.Name != "assemble" {
		refs = append(refs, c.Args().Slice()...)
	}
	var out []string
	for _, r := range refs {
		if _, ok := onDisk(r); ok {
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
func (p program) keychain(c *cli.Context) authn.Keychain {
	keys := push.Keychain(p.getenv)
	password, ok := c.App.Metadata[passwordKey].(string)
	hosts := loginHosts(c)
	if !ok || len(hosts) != 1 {
		return keys
	}
	return push.Login(hosts[0], c.String("username"), password, keys)
}
