package main

import (
	"context"
	"fmt"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/urfave/cli/v2"

	"github.com/pyimg/pyimg/assemble/input"
	"github.com/pyimg/pyimg/push"
	"github.com/pyimg/pyimg/push/remote"
)

// registryFlags are the flags of the commands that talk to registries.
func registryFlags() []cli.Flag {
	return append(loginFlags(), progressFlag())
}

func progressFlag() cli.Flag {
	return &cli.StringFlag{Name: "progress", Value: "auto", Usage: "`MODE` show progress on stderr: bars on a terminal (auto), lines (plain), JSON (json) or nothing (quiet)"}
}

func (p program) registry(c *cli.Context) push.Registry {
	return push.Registry{Client: remote.Client{Keychain: p.keychain(c), CAFile: c.String("ca-file"), InsecureHosts: c.StringSlice("insecure"), Notice: p.Notice(c.String("progress"))}}
}

// images are where a runtime may be taken out of. Offline they are those on disk.
func (p program) images(c *cli.Context) input.Images {
	images := push.Images{Registry: p.registry(c)}
	if c.Bool("offline") {
		return offline{images}
	}
	return images
}

// offline is images of which none is in a registry.
type offline struct{ push.Images }

func (o offline) Image(ctx context.Context, ref, platform string) (v1.Image, error) {
	if _, ok := push.OnDisk(ref); !ok {
		return nil, fmt.Errorf("reading image %q: no host is asked with --offline", ref)
	}
	return o.Images.Image(ctx, ref, platform)
}
