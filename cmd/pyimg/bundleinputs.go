package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/pyimg/pyimg/apk"
	"github.com/pyimg/pyimg/assemble"
	"github.com/pyimg/pyimg/assemble/bundle/create"
	"github.com/pyimg/pyimg/assemble/input"
	"github.com/pyimg/pyimg/assemble/lock"
	"github.com/pyimg/pyimg/assemble/spec"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/flags"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/session"
	"github.com/pyimg/pyimg/internal/exit"
	"github.com/pyimg/pyimg/push/oci"
)

// A lockedSpec is a spec and the file of its lock.
type lockedSpec struct {
	spec spec.Spec
	file string
}

// bundleSpecs are the spec in force, or those next to the locks.
func bundleSpecs(ctx context.Context, run *session.Session, c *cli.Context) ([]lockedSpec, error) {
	locks := c.StringSlice("lock")
	if len(locks) == 0 && c.NArg() == 0 && c.String("wheels") != "" && !c.Bool("all") && len(c.StringSlice("package")) == 0 {
		return nil, nil // the bundle is for builds alone
	}
	if len(locks) == 0 {
		s, err := run.SpecToBuild(ctx, c.Args().First())
		return []lockedSpec{{s, lock.FileFor(c.Args().First())}}, err
	}
	if len(locks) > 1 && c.NArg() > 0 {
		return nil, exit.Usagef("with several --lock, leave SPEC out: each lock's spec is read from its folder")
	}
	var specs []lockedSpec
	for _, lock := range locks {
		name := c.Args().First()
		for _, ext := range []string{".yaml", ".yml", ".json"} {
			next := strings.TrimSuffix(lock, ".lock") + ext
			if _, err := os.Stat(next); err == nil && name == "" && next != lock {
				name = next
			}
		}
		s, err := run.SpecToBuild(ctx, name)
		if err != nil {
			return nil, err
		}
		specs = append(specs, lockedSpec{s, lock})
	}
	return specs, nil
}

// bundleInputs fills in what is to be in the bundle: what the locks name, what the packages come to, or everything.
func bundleInputs(ctx context.Context, run *session.Session, c *cli.Context, specs []lockedSpec, src input.Access, o *create.Options) (err error) {
	packages, locks := c.StringSlice("package"), c.StringSlice("lock")
	switch {
	case len(specs) == 0:
		return nil
	case o.All && (len(packages) > 0 || len(locks) > 0):
		return exit.Usagef("--all is every package; it goes with neither --package nor --lock")
	case o.All:
		if specs[0].spec.Python.Asked() {
			run.Warn(specs[0].spec.Name + " asks for Python packages, and --all is all that the repositories sign: wheels come along with a lock that names them (--lock)")
		}
		o.Inputs, err = assemble.SpecInputs(specs[0].spec)
		return err
	case len(packages) > 0 && len(locks) == 0:
		s := specs[0].spec
		if err := flags.OnlyPackages(&s, packages); err != nil {
			return err
		}
		plan, err := assemble.Resolve(ctx, s, src, o.Keyring)
		run.WarnAll(plan.Warnings)
		o.Inputs = plan.Inputs()
		return err
	}
	if len(locks) == 0 && len(c.StringSlice("image")) > 0 && !isFile(specs[0].file) {
		o.Inputs, err = assemble.SpecInputs(specs[0].spec)
		o.Inputs.Repositories = nil
		return err
	}
	var inputs []assemble.Inputs
	for _, s := range specs {
		image, in, err := s.image(ctx, src, o.Keyring)
		if err != nil {
			return err
		}
		if image.Secret != "" {
			run.Warn(image.Secret + " has a user name, a password or a query in a URL, so the bundle does not hold the spec, nor what it reads and takes of its folder: " +
				"carry that folder another way, and name the spec on the other side")
		}
		for _, other := range o.Images {
			if other.Name == image.Name {
				return exit.Usagef("two locks are named %s.lock, and a bundle holds locks by their names", image.Name)
			}
		}
		o.Images, inputs = append(o.Images, image), append(inputs, in)
	}
	o.Inputs, err = create.Merge(inputs...)
	return err
}

// image is the lock with its spec as a bundle holds them, and what it takes.
func (s lockedSpec) image(ctx context.Context, src input.Access, keys *apk.Keyring) (image create.LockedImage, in assemble.Inputs, err error) {
	lock, err := lock.Read(s.file)
	if errors.Is(err, fs.ErrNotExist) {
		return image, in, exit.Usagef("%w; write it with \"pyimg lock\", or say with --package or --all what is to be in the bundle", err)
	}
	if err == nil {
		err = lock.Fits(s.spec)
	}
	if err != nil {
		return image, in, err
	}
	return create.NewLockedImage(ctx, strings.TrimSuffix(filepath.Base(s.file), ".lock"), lock, s.spec, src, keys)
}

func isFile(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}

// baseImages opens the images of --image.
func baseImages(ctx context.Context, run *session.Session, c *cli.Context, o *create.Options) error {
	if len(c.StringSlice("image")) == 0 {
		return nil
	}
	if err := run.ReadLogin(); err != nil {
		return err
	}
	for _, ref := range c.StringSlice("image") {
		if c.Bool("offline") {
			return exit.Usagef("--image %s is in a registry, and --offline forbids the network", ref)
		}
		index, err := run.Registry().Get(ctx, ref)
		if err != nil {
			return err
		}
		root, err := oci.Root(index)
		if err != nil {
			return fmt.Errorf("image %s: %w", ref, err)
		}
		o.BaseImages = append(o.BaseImages, create.BaseImage{Ref: ref, Root: root, Index: index, Referrers: referrersOf(run, ref)})
	}
	return nil
}
