package wheelhouse

import (
	"github.com/urfave/cli/v2"

	"github.com/pyimg/pyimg/cmd/pyimg/internal/flags"
	"github.com/pyimg/pyimg/internal/exit"
	"github.com/pyimg/pyimg/wheels/plan"
)

// Flags are those of the commands that read the sources and the builder.
func Flags() []cli.Flag {
	return append(Reach(),
		&cli.StringFlag{Name: "bundle", Usage: "`BUNDLE` take wheels.yaml and all that builds need from this bundle (a folder, a tar or a URL)"},
		&cli.StringFlag{Name: "bundle-id", Usage: "`ID` demand that --bundle is the one that \"bundle create\" printed this of"},
		&cli.StringSliceFlag{Name: "bundle-key", Usage: "`FILE` demand that this public key signed the bundle of --bundle; one of several"},
		&cli.StringSliceFlag{Name: "keyring", Usage: "`DIR|FILE` trust a key, or the *.pub keys in a folder, for Alpine's packages, and nothing else but wheels.yaml's keys"},
		&cli.BoolFlag{Name: "allow-untrusted", Usage: "do not ask for signatures of Alpine's packages"},
		&cli.BoolFlag{Name: "offline", Usage: "read files and directories only, ask no host"})
}

// Reach are those of all commands that open an index, which may be in a registry.
func Reach() []cli.Flag { return append(flags.Login(), flags.Cache()) }

// Shard is the part of a plan that --shard names.
func Shard(c flags.Set, p plan.Plan) (plan.Plan, error) {
	text := c.String("shard")
	if text == "" {
		return p, nil
	}
	s, err := plan.ParseShard(text)
	if err != nil {
		return p, exit.Usagef("--shard: %w", err)
	}
	return s.Of(p), nil
}
