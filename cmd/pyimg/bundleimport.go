package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	refname "github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/urfave/cli/v2"

	"github.com/pyimg/pyimg/assemble"
	"github.com/pyimg/pyimg/assemble/bundle"
	"github.com/pyimg/pyimg/assemble/bundle/folder"
	"github.com/pyimg/pyimg/assemble/bundle/manifest"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/cmdline"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/console"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/flags"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/session"
	"github.com/pyimg/pyimg/internal/exit"
	"github.com/pyimg/pyimg/internal/regular"
	"github.com/pyimg/pyimg/internal/termtext"
	"github.com/pyimg/pyimg/push/disk"
	"github.com/pyimg/pyimg/push/oci"
	"github.com/pyimg/pyimg/sigstore"
)

func bundleImportCommand(con console.Console) *cli.Command {
	return cmdline.Command(&cli.Command{
		Name:      "import",
		Usage:     "write a bundle into a folder, a delta over its base, or its image into a registry",
		ArgsUsage: "BUNDLE [DIR]",
		Description: "Verifies first. A delta needs its base in DIR, and makes the whole of it there. With --push the image that the lock\n" +
			"promises is made from the bundle alone and pushed. Prints the ID of the bundle in DIR, and REF@DIGEST for each --push.\n\n" +
			"Example: pyimg bundle import bundle.tar ./bundle\n" +
			"         pyimg bundle import update.tar ./bundle\n" +
			"         pyimg bundle import ./bundle --push registry.local/team/python:3.13",
		Flags: append(append(flags.Keyring(), flags.Registry()...),
			&cli.StringSliceFlag{Name: "push", Usage: "`REF` push the image of the bundle's lock to this reference in a registry"},
			&cli.StringFlag{Name: "push-images", Usage: "`REGISTRY[/PREFIX]` push the bundle's images there, under their own names and tags, or digests"},
			flags.Cache(), flags.JSON()),
		Action: action(con, bundleImport),
	})
}

func bundleImport(ctx context.Context, run *session.Session, c *cli.Context) error {
	dir, refs := c.Args().Get(1), c.StringSlice("push")
	if c.NArg() < 1 || c.NArg() > 2 || dir == "" && len(refs) == 0 && c.String("push-images") == "" {
		return exit.Usagef("bundle import takes a bundle, and a folder or --push REF; see \"pyimg bundle import --help\"")
	}
	if err := run.ReadLogin(refs...); err != nil {
		return err
	}
	if err := run.Registry().CheckRefs(refs, flags.PushOptions(c)); err != nil {
		return exit.WrongUse(err)
	}
	b, err := run.BundleArgument()
	if err != nil {
		return err
	}
	if dir != "" {
		if err := importInto(ctx, run, c, b, dir); err != nil {
			return err
		}
		if len(refs) == 0 && c.String("push-images") == "" {
			return nil
		}
		whole, err := bundle.Open(dir) // a delta is whole there now
		if err != nil {
			return err
		}
		defer whole.Close()
		whole.Vouched = b.Vouched && whole.ID == cmp.Or(b.Whole, b.ID)
		b = whole
	}
	if to := c.String("push-images"); to != "" {
		if err := pushImages(ctx, run, c, b, to); err != nil {
			return err
		}
	}
	if len(refs) == 0 {
		return nil
	}
	return pushBundle(ctx, run, c, b, refs)
}

// pushImages pushes the base images of a bundle, each under its own name and tag below a registry.
func pushImages(ctx context.Context, run *session.Session, c *cli.Context, b *bundle.Bundle, to string) error {
	refs, err := b.BaseRefs(ctx)
	if err != nil {
		return err
	}
	refs = slices.DeleteFunc(refs, func(ref string) bool {
		if bundle.InRegistry(ref) {
			return false
		}
		fmt.Fprintf(run.Stderr, "pyimg: %s is not pushed: it comes from a layout on disk and has no name in a registry\n", ref)
		return true
	})
	if len(refs) == 0 {
		return exit.Usagef("the bundle %s holds no base images; \"bundle create --image REF\" brings some along", b.Path)
	}
	if err := run.VerifyBundle(ctx, b); err != nil {
		return err
	}
	for _, ref := range refs {
		name, err := refname.ParseReference(ref)
		if err != nil {
			return fmt.Errorf("image %s: %w", ref, err)
		}
		index, err := disk.ReadLayoutFrom(session.BundleFiles(ctx, b), ref)
		if err != nil {
			return err
		}
		separator := ":"
		if _, digest := name.(refname.Digest); digest {
			separator = "@"
		}
		dest := strings.TrimRight(to, "/") + "/" + name.Context().RepositoryStr() + separator + name.Identifier()
		read := func() ([]oci.Referrer, error) { return disk.ReadReferrersFrom(session.BundleFiles(ctx, b)) }
		if err := pushIndex(ctx, run, c, index, []string{dest}, read); err != nil {
			return err
		}
	}
	return nil
}

// pushIndex pushes what is there already, with what read finds attached to it, and prints where.
func pushIndex(ctx context.Context, run *session.Session, c *cli.Context, index v1.ImageIndex, refs []string, read func() ([]oci.Referrer, error)) error {
	ctx, pushing, err := run.BeginPush(ctx, refs, flags.PushOptions(c))
	if err != nil {
		return err
	}
	defer pushing.Close()
	r, err := pushWithReferrers(ctx, run, pushing, index, read)
	if err != nil {
		return pushing.Cause(err)
	}
	for _, ref := range r.Refs {
		fmt.Fprintln(run.Stdout, ref)
	}
	tell(run, c, r)
	return nil
}

// importInto writes a bundle into a folder, and a delta over its base there.
func importInto(ctx context.Context, run *session.Session, c *cli.Context, b *bundle.Bundle, dir string) error {
	if b.Complete() != nil {
		if base, err := bundle.Open(dir); err == nil && base.ID == b.Base {
			if err := b.On(base); err != nil {
				return err
			}
		} else if err == nil {
			_ = base.Close() // another's, which Import says
		}
	}
	if b.Complete() == nil {
		if err := run.VerifyBundle(ctx, b); err != nil {
			return err
		}
	}
	done, err := folder.Import(ctx, b, dir)
	if err != nil {
		return err
	}
	if err := carrySignature(ctx, run, c.Args().First(), dir); err != nil {
		return err
	}
	if c.Bool("json") {
		return run.JSON(done)
	}
	fmt.Fprintf(run.Stderr, "pyimg: %s holds the bundle: %s written, %d were there\n", dir, termtext.Count(done.Written, "byte"), done.Kept)
	fmt.Fprintln(run.Stdout, done.ID)
	return nil
}

// carrySignature copies the signature of a bundle next to the folder that it was written into. Whoever asks for a signature reads it
// again. A delta's is also that of the whole bundle.
func carrySignature(ctx context.Context, run *session.Session, from, dir string) error {
	data, err := regular.Read(session.BundleSignature(from), sigstore.MaxBundle)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return run.WriteFile(ctx, session.BundleSignature(dir), data)
}

// pushBundle pushes the image of a bundle's lock, made from the bundle alone.
func pushBundle(ctx context.Context, run *session.Session, c *cli.Context, b *bundle.Bundle, refs []string) error {
	if err := run.VerifyBundle(ctx, b); err != nil {
		return err
	}
	ring, err := run.BundleKeyring(ctx, b)
	if err != nil {
		return err
	}
	if len(b.Images()) != 1 {
		return exit.Usagef("the bundle %s holds %d locks, so it does not say which image to push; pyimg assemble SPEC --bundle %[1]s --offline --push %[3]s makes the one that SPEC names",
			b.Path, len(b.Images()), refs[0])
	}
	name := b.Images()[0]
	lock, err := b.ReadLock(ctx, name)
	if err != nil {
		return err
	}
	s, err := b.ReadSpec(ctx, name)
	if errors.Is(err, fs.ErrNotExist) {
		return exit.Usagef("%w; with the spec: pyimg assemble %s --bundle %s --offline --push %s", err, manifest.SpecPath(name), b.Path, refs[0])
	}
	if err != nil {
		return err
	}
	src, err := run.AccessOf(b, s)
	if err != nil {
		return err
	}
	supply, err := assemble.NewSupply(lock, s, src, ring)
	if err != nil {
		return err
	}
	index, err := lock.Index(ctx, supply.Open)
	if err != nil {
		return err
	}
	return pushIndex(ctx, run, c, index, refs, func() ([]oci.Referrer, error) { return nil, nil })
}
