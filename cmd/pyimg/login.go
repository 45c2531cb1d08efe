package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/urfave/cli/v2"

	"github.com/pyimg/pyimg/internal/exit"
	"github.com/pyimg/pyimg/push/auth"
)

func insecureFlag() cli.Flag {
	return &cli.StringSliceFlag{
		Name: "insecure", Usage: "`HOST` ask the registry there by plain http where https does not answer; on this machine that is always so",
		Action: func(_ *cli.Context, hosts []string) error {
			for _, h := range hosts {
				if h == "" || strings.ContainsAny(h, "/@ ") {
					return exit.Usagef("--insecure %q: expected HOST or HOST:PORT, as in image references", h)
				}
			}
			return nil
		},
	}
}

// reachFlags are those that say how registries are reached.
func reachFlags() []cli.Flag {
	return []cli.Flag{
		insecureFlag(),
		&cli.StringFlag{Name: "ca-file", Usage: "`FILE` trust the certificates in it (PEM) in addition to the system's"},
	}
}

// loginFlags are those that say how registries are reached and who asks.
func loginFlags() []cli.Flag {
	return append(reachFlags(),
		&cli.StringFlag{Name: "username", Usage: "`USER` log in so to the registry of the command's references, with --password-stdin"},
		&cli.BoolFlag{Name: "password-stdin", Usage: "read the password for --username from stdin"})
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
		return exit.Usagef("--username and --password-stdin belong together")
	}
	if n := len(loginHosts(c)); n != 1 {
		return exit.Usagef("--username is for one registry, and the command's references name %d; log in with docker or podman for each", n)
	}
	if p.Stdin == nil {
		return exit.Usagef("--password-stdin: there is no stdin")
	}
	raw, err := io.ReadAll(io.LimitReader(p.Stdin, maxPassword+1))
	if err != nil {
		return fmt.Errorf("reading the password from stdin: %w", err)
	}
	password := strings.TrimSuffix(strings.TrimSuffix(string(raw), "\n"), "\r")
	if password == "" || len(raw) > maxPassword {
		return exit.Usagef("--password-stdin: expected a password of 1 to %d bytes, found %d", maxPassword, len(raw))
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
	keys := auth.Keychain(p.Getenv)
	password, ok := c.App.Metadata[passwordKey].(string)
	hosts := loginHosts(c)
	if !ok || len(hosts) != 1 {
		return keys
	}
	return auth.Login(hosts[0], c.String("username"), password, keys)
}
