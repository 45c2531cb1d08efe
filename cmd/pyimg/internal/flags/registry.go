package flags

import (
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/pyimg/pyimg/internal/exit"
	"github.com/pyimg/pyimg/push"
)

// Registry are the flags of the commands that talk to registries.
func Registry() []cli.Flag {
	return append(Login(), Progress())
}

// Progress says how progress is shown.
func Progress() cli.Flag {
	return &cli.StringFlag{Name: "progress", Value: "auto", Usage: "`MODE` show progress on stderr: bars on a terminal (auto), lines (plain), JSON (json) or nothing (quiet)"}
}

func insecure() cli.Flag {
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

// Reach are those that say how registries are reached.
func Reach() []cli.Flag {
	return []cli.Flag{
		insecure(),
		&cli.StringFlag{Name: "ca-file", Usage: "`FILE` trust the certificates in it (PEM) in addition to the system's"},
	}
}

// Login are those that say how registries are reached and who asks.
func Login() []cli.Flag {
	return append(Reach(),
		&cli.StringFlag{Name: "username", Usage: "`USER` log in so to the registry of the command's references, with --password-stdin"},
		&cli.BoolFlag{Name: "password-stdin", Usage: "read the password for --username from stdin"})
}

// Push are the flags of the commands that push images.
func Push() []cli.Flag {
	return []cli.Flag{
		&cli.StringSliceFlag{Name: "mount-from", Usage: "`REPOSITORY` take blobs from HOST/NAME where the same registry has them there"},
		&cli.BoolFlag{Name: "by-digest", Usage: "put no tag: the references are HOST/REPOSITORY; \"pyimg index create\" joins what was pushed so"},
	}
}

// PushOptions are what the flags of Push say.
func PushOptions(c Set) push.Options {
	return push.Options{ByDigest: c.Bool("by-digest"), MountFrom: c.StringSlice("mount-from")}
}
