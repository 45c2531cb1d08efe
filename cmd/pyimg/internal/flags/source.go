// Package flags has the flags that several commands share, and reads their values. A flag of one command is in that command's file.
package flags

import (
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/pyimg/pyimg/assemble/spec"
	"github.com/pyimg/pyimg/internal/exit"
)

// Source are the flags of the commands that read packages.
func Source() []cli.Flag {
	return []cli.Flag{
		&cli.StringSliceFlag{Name: "set", Usage: "`NAME=VALUE` give a variable of the spec (vars) this value; it is written into the image and the lock, so it is no place for secrets"},
		&cli.StringSliceFlag{Name: "platform", Usage: "`OS/ARCH[,...]` work on these platforms instead of the spec's"},
		&cli.StringSliceFlag{Name: "repository", Usage: "`URL|DIR` take packages from here, where ARCH/APKINDEX.tar.gz is, instead of from the spec's repositories; \"@TAG URL\" pins it"},
		&cli.StringSliceFlag{Name: "keyring", Usage: "`DIR|FILE` trust a key, or the *.pub keys in a folder, and nothing else but the spec's keys"},
		&cli.BoolFlag{Name: "allow-untrusted", Usage: "do not ask for signatures"},
		&cli.StringSliceFlag{Name: "require-signature", Usage: "`FILE` demand that this public key signed the base, and each image that a runtime is taken from; one of several"},
		&cli.BoolFlag{Name: "offline", Usage: "read files and directories only, ask no host"},
		&cli.StringFlag{Name: "bundle", Aliases: []string{"mirror"}, Usage: "`BUNDLE` take from this bundle (a folder, a tar or a URL) what it has; spec and lock too, where there are no others"},
		&cli.StringFlag{Name: "bundle-id", Aliases: []string{"mirror-id"}, Usage: "`ID` demand that --bundle is the one that \"bundle create\" printed this of"},
		&cli.StringSliceFlag{Name: "bundle-key", Usage: "`FILE` demand that this public key signed the bundle of --bundle; one of several"},
		Cache(),
		&cli.IntFlag{Name: "jobs", Usage: "`N` fetch and ingest so many packages at once, over all platforms", DefaultText: "twice the processors"},
	}
}

// SourceAndKey are the flags of Source for commands that have no other key: --key is --bundle-key there.
func SourceAndKey() []cli.Flag {
	all := Source()
	for _, f := range all {
		if keys, ok := f.(*cli.StringSliceFlag); ok && keys.Name == "bundle-key" {
			keys.Aliases = []string{"key"}
		}
	}
	return all
}

// Cache says where the cache is.
func Cache() cli.Flag {
	return &cli.StringFlag{Name: "cache-dir", Usage: "`DIR` keep packages, layers and indexes there; runs may share it (default: $PYIMG_CACHE_DIR, else pyimg in the user's cache folder)"}
}

// Variables are the values of --set, by name.
func Variables(c Set) (map[string]string, error) {
	set := make(map[string]string)
	for _, v := range c.StringSlice("set") {
		name, value, ok := strings.Cut(v, "=")
		if !ok || name == "" {
			return nil, exit.Usagef("--set %q: expected NAME=VALUE, with a name that the spec declares under vars", name)
		}
		if _, twice := set[name]; twice {
			return nil, exit.Usagef("--set %s is given twice", name)
		}
		set[name] = value
	}
	return set, nil
}

// ApplySource puts the command line's word over the spec's.
func ApplySource(c Set, s *spec.Spec) error {
	for _, name := range []string{"cache-dir", "bundle", "bundle-id", "spec", "python-lock", "allocator", "layers", "compression", "bytecode", "base"} {
		if c.IsSet(name) && c.String(name) == "" {
			return exit.Usagef("--%s is given without a value; leave it out, or is a variable not set?", name)
		}
	}
	if c.IsSet("platform") {
		ps, err := spec.ParsePlatforms(strings.Join(c.StringSlice("platform"), ","))
		if err != nil {
			return exit.WrongUse(err)
		}
		s.Platforms = ps
	}
	if v := c.StringSlice("repository"); len(v) > 0 {
		if err := s.SetRepositories(v); err != nil {
			return exit.WrongUse(fmt.Errorf("--repository: %w", err))
		}
	}
	return nil
}
