package main

import (
	"context"
	"os"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/urfave/cli/v2"

	"github.com/pyimg/pyimg/internal/progress"
	"github.com/pyimg/pyimg/push"
)

// registryFlags are the flags of the commands that talk to registries.
func registryFlags() []cli.Flag {
	return append(loginFlags(), progressFlag())
}

func progressFlag() cli.Flag {
	return &cli.StringFlag{Name: "progress", Value: "auto", Usage: "`auto|plain|json|quiet` on stderr"}
}

func (p program) registry(c *cli.Context) push.Registry {
	return push.Registry{Keychain: p.keychain(c), CAFile: c.String("ca-file"), InsecureHosts: c.StringSlice("insecure")}
}

// reporter shows progress as --progress asks for.
func (p program) reporter(c *cli.Context) (progress.Reporter, error) {
	r, err := progress.New(c.String("progress"), p.stderr, p.terminal)
	if err != nil {
		return nil, usageError{err}
	}
	return r, nil
}

// open reads the image that an argument names: a layout or archive on disk, else one in a registry.
func (p program) open(ctx context.Context, c *cli.Context, arg string) (v1.ImageIndex, error) {
	if path, ok := onDisk(arg); ok {
		return push.ReadImage(path)
	}
	return p.registry(c).Get(ctx, arg)
}

// onDisk tells a layout or archive, DIR[:TAG], FILE, oci:DIR[:TAG] and so on, from an image reference.
func onDisk(arg string) (string, bool) {
	for _, kind := range []string{kindLayout, kindArchive, kindDockerArchive} {
		if path, ok := strings.CutPrefix(arg, kind+":"); ok {
			return path, true
		}
	}
	if _, err := os.Stat(arg); err == nil {
		return arg, true
	}
	if i := strings.LastIndex(arg, ":"); i > 0 {
		if _, err := os.Stat(arg[:i]); err == nil {
			return arg, true
		}
	}
	return arg, strings.HasPrefix(arg, ".") || strings.HasPrefix(arg, "/")
}
