package main

import (
	"cmp"
	"context"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/urfave/cli/v2"

	"github.com/pyimg/pyimg/cmd/pyimg/internal/cmdline"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/console"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/session"
)

// version is set when a release is built: -ldflags "-X main.version=v1.2.3".
var version string //nolint:gochecknoglobals // the linker can set nothing else

type versionInfo struct {
	Version  string `json:"version"`
	Revision string `json:"revision,omitempty"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

func versionCommand(con console.Console) *cli.Command {
	return cmdline.Command(&cli.Command{
		Name:  "version",
		Usage: "say which pyimg this is",
		Flags: []cli.Flag{&cli.BoolFlag{Name: "json", Usage: "as JSON"}},
		Action: action(con, func(ctx context.Context, run *session.Session, c *cli.Context) error {
			v := readVersion()
			if c.Bool("json") {
				return run.EncodeJSON(v, "")
			}
			fmt.Fprintf(run.Stdout, "pyimg %s (%s, %s)\n", v.Version, v.Go, v.Platform)
			return nil
		}),
	})
}

func readVersion() versionInfo {
	v := versionInfo{Version: version, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	if b, ok := debug.ReadBuildInfo(); ok {
		v.Version = cmp.Or(v.Version, b.Main.Version)
		for _, s := range b.Settings {
			if s.Key == "vcs.revision" {
				v.Revision = s.Value
			}
		}
	}
	v.Version = cmp.Or(v.Version, "(devel)")
	return v
}
