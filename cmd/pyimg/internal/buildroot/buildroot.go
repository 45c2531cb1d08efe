// Package buildroot makes the root that compiles a runtime: of Alpine's packages, of a spec, of an image, or a folder that is there.
package buildroot

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/pyimg/pyimg/assemble/container"
	"github.com/pyimg/pyimg/assemble/image"
	"github.com/pyimg/pyimg/assemble/lock"
	"github.com/pyimg/pyimg/assemble/spec"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/flags"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/rootless"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/session"
	"github.com/pyimg/pyimg/internal/exit"
	"github.com/pyimg/pyimg/recipe/build"
)

// Open makes the root for a platform. named is a spec, an image or a folder; "": Alpine's packages.
func Open(ctx context.Context, run *session.Session, set flags.Set, named string, packages []string, platform spec.Platform) (build.Root, error) {
	if info, err := os.Stat(named); err == nil && info.IsDir() && !isLayout(named) {
		folder, err := filepath.Abs(named)
		return build.Root{Lower: []string{folder}, Name: filepath.Base(folder)}, err
	}
	index, name, err := open(ctx, run, set, named, packages, platform)
	if err != nil {
		return build.Root{}, fmt.Errorf("opening the builder: %w", err)
	}
	img, err := image.For(index, platform)
	if err != nil {
		return build.Root{}, fmt.Errorf("opening the builder: %w", err)
	}
	return unpack(ctx, run, img, name)
}

func isLayout(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, "oci-layout"))
	return err == nil
}

// open returns the image of a root, and what the provenance calls it.
func open(ctx context.Context, run *session.Session, set flags.Set, named string, packages []string, platform spec.Platform) (v1.ImageIndex, string, error) {
	switch {
	case named == "":
		text := "packages: [alpine-baselayout, busybox, " + strings.Join(packages, ", ") + "]\n"
		s, err := spec.Parse("packages of the recipe", []byte(text))
		if err == nil {
			err = flags.ApplySource(set, &s)
		}
		if err != nil {
			return nil, "", err
		}
		index, err := assembled(ctx, run, s, platform)
		return index, "Alpine " + s.Alpine.Branch + ": " + strings.Join(packages, " "), err
	case session.IsSpec(named):
		s, err := run.Spec(ctx, named)
		if err != nil {
			return nil, "", err
		}
		index, err := assembled(ctx, run, s, platform)
		return index, filepath.Base(named), err
	}
	if _, here := session.OnDisk(named); set.Bool("offline") && !here {
		return nil, "", exit.Usagef("--offline says to ask no host, and %q is no folder, spec or layout on this disk", named)
	}
	index, err := run.Open(ctx, named)
	return index, named, err
}

func assembled(ctx context.Context, run *session.Session, s spec.Spec, platform spec.Platform) (v1.ImageIndex, error) {
	s.Platforms, s.Bytecode = []spec.Platform{platform}, "none"
	built, err := run.Try(ctx, s, lock.Lock{}, false)
	if err != nil {
		return nil, err
	}
	store, err := run.Store()
	if err != nil {
		return nil, err
	}
	return built.Lock.Index(ctx, lock.FromStore(store))
}

func unpack(ctx context.Context, run *session.Session, img v1.Image, name string) (build.Root, error) {
	store, err := run.Store()
	if err != nil {
		return build.Root{}, err
	}
	digest, err := img.Digest()
	if err != nil {
		return build.Root{}, err
	}
	config, err := img.ConfigFile()
	if err != nil {
		return build.Root{}, err
	}
	root := build.Root{Name: name, Digest: digest.String(), Env: config.Config.Env}
	if root.Lower, err = container.Folders(ctx, img, store, rootless.Owners()); err != nil {
		return build.Root{}, fmt.Errorf("unpacking the builder: %w", err)
	}
	return root, nil
}
