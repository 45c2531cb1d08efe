package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	refname "github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/urfave/cli/v2"

	"github.com/pyimg/pyimg/apk"
	"github.com/pyimg/pyimg/assemble"
	"github.com/pyimg/pyimg/assemble/bundle"
	"github.com/pyimg/pyimg/assemble/bundle/folder"
	"github.com/pyimg/pyimg/assemble/bundle/manifest"
	"github.com/pyimg/pyimg/assemble/input"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/cmdline"
	"github.com/pyimg/pyimg/internal/exit"
	"github.com/pyimg/pyimg/internal/fetch"
	"github.com/pyimg/pyimg/internal/termtext"
	"github.com/pyimg/pyimg/push/disk"
)

// keyringFlags are the flags that say whose signatures count.
func keyringFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringSliceFlag{Name: "keyring", Usage: "`DIR|FILE` trust a key, or the *.pub keys in a folder, in addition to Alpine's own"},
		&cli.BoolFlag{Name: "allow-untrusted", Usage: "do not ask for signatures"},
		&cli.StringFlag{Name: "base", Usage: "`OLD` the bundle that a delta was made since"},
		&cli.StringFlag{Name: "id", Usage: "`ID` demand that the bundle is the one that \"bundle create\" printed this of"},
	}
}

// openComplete opens the bundle that the command's first argument names, on its base where --base names one.
func openComplete(c *cli.Context) (*bundle.Bundle, error) {
	b, err := openBundle(c.Args().First())
	if err != nil {
		return nil, err
	}
	if err := b.CheckID(c.String("id")); err != nil {
		return nil, errors.Join(err, b.Close())
	}
	if c.String("base") == "" {
		return b, nil
	}
	if b.Base == "" {
		return nil, errors.Join(exit.Usagef("--base is of a delta, and the bundle %s is whole: leave it out", b.Path), b.Close())
	}
	base, err := openBundle(c.String("base"))
	if err != nil {
		return nil, errors.Join(err, b.Close())
	}
	if err := b.On(base); err != nil {
		return nil, errors.Join(err, base.Close(), b.Close())
	}
	return b, nil
}

// bundleKeyring trusts the keys that the user named, and those that the bundle's Keyring has; nil asks for no signatures.
func bundleKeyring(c *cli.Context, b *bundle.Bundle) (*apk.Keyring, error) {
	if c.Bool("allow-untrusted") {
		return nil, nil
	}
	return b.Keyring(c.Context, c.StringSlice("keyring"))
}

func (p program) bundleVerifyCommand() *cli.Command {
	return cmdline.Command(&cli.Command{
		Name:      "verify",
		Usage:     "prove that a bundle is whole and genuine, and ask no host",
		ArgsUsage: "BUNDLE",
		Description: "BUNDLE is a folder, a tar, or one of its parts. All of it is read: sizes, digests, nothing that does not belong; indexes against\n" +
			"Alpine's keys, which pyimg knows by fingerprint, or those of --keyring; packages against their index; all that the lock\n" +
			"needs. Nobody signs spec, lock and runtimes: carry the ID another way and give it with --id. The keys that the\n" +
			"spec names count then, too.\n\n" +
			"Example: pyimg bundle verify bundle.tar --id sha256:...\n" +
			"         pyimg bundle verify update.tar --base bundle/ --keyring ./keys",
		Flags: append(keyringFlags(),
			jsonFlag()),
		Action: p.bundleVerify,
	})
}

func (p program) bundleVerify(c *cli.Context) error {
	if c.NArg() != 1 {
		return exit.Usagef("bundle verify takes one bundle, found %s", termtext.Count(c.NArg(), "argument"))
	}
	b, err := openComplete(c)
	if err != nil {
		return err
	}
	defer b.Close()
	ring, err := bundleKeyring(c, b)
	if err != nil {
		return err
	}
	v, err := b.Verify(c.Context, ring)
	if err != nil {
		return err
	}
	if c.Bool("json") {
		return p.JSON(v)
	}
	proven := "whole and genuine"
	if ring == nil {
		proven = "whole; no signature was asked for"
	}
	fmt.Fprintf(p.Stderr, "pyimg: %s is %s: packages: %d, indexes: %d, files: %d with %s\n", b.Path, proven, v.Packages, v.Indexes, v.Files, termtext.Count(v.Bytes, "byte"))
	fmt.Fprintln(p.Stdout, b.ID)
	return nil
}

func (p program) bundleImportCommand() *cli.Command {
	return cmdline.Command(&cli.Command{
		Name:      "import",
		Usage:     "write a bundle into a folder, a delta over its base, or its image into a registry",
		ArgsUsage: "BUNDLE [DIR]",
		Description: "Verifies first. A delta needs its base in DIR, and makes the whole of it there. With --push the image that the lock\n" +
			"promises is made from the bundle alone and pushed. Prints the ID of the bundle in DIR, and REF@DIGEST for each --push.\n\n" +
			"Example: pyimg bundle import bundle.tar ./bundle\n" +
			"         pyimg bundle import update.tar ./bundle\n" +
			"         pyimg bundle import ./bundle --push registry.local/team/python:3.13",
		Flags: append(append(keyringFlags(), registryFlags()...),
			&cli.StringSliceFlag{Name: "push", Usage: "`REF` push the image of the bundle's lock to this reference in a registry"},
			&cli.StringFlag{Name: "push-images", Usage: "`REGISTRY[/PREFIX]` push the bundle's images there, under their own names and tags, or digests"},
			cacheFlag(), jsonFlag()),
		Action: p.bundleImport,
	})
}

func (p program) bundleImport(c *cli.Context) error {
	dir, refs := c.Args().Get(1), c.StringSlice("push")
	if c.NArg() < 1 || c.NArg() > 2 || dir == "" && len(refs) == 0 && c.String("push-images") == "" {
		return exit.Usagef("bundle import takes a bundle, and a folder or --push REF; see \"pyimg bundle import --help\"")
	}
	if err := p.readLogin(c); err != nil {
		return err
	}
	if err := p.registry(c).CheckRefs(refs, pushOptions(c)); err != nil {
		return exit.WrongUse(err)
	}
	b, err := openComplete(c)
	if err != nil {
		return err
	}
	defer b.Close()
	if dir != "" {
		if err := p.importInto(c, b, dir); err != nil {
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
		if err := p.pushImages(c, b, to); err != nil {
			return err
		}
	}
	if len(refs) == 0 {
		return nil
	}
	return p.pushBundle(c, b, refs)
}

// pushImages pushes the base images of a bundle, each under its own name and tag below a registry.
func (p program) pushImages(c *cli.Context, b *bundle.Bundle, to string) error {
	refs, err := b.BaseRefs(c.Context)
	if err != nil {
		return err
	}
	refs = slices.DeleteFunc(refs, func(ref string) bool {
		if bundle.InRegistry(ref) {
			return false
		}
		fmt.Fprintf(p.Stderr, "pyimg: %s is not pushed: it comes from a layout on disk and has no name in a registry\n", ref)
		return true
	})
	if len(refs) == 0 {
		return exit.Usagef("the bundle %s holds no base images; \"bundle create --image REF\" brings some along", b.Path)
	}
	if err := verifyBundle(c, b); err != nil {
		return err
	}
	for _, ref := range refs {
		name, err := refname.ParseReference(ref)
		if err != nil {
			return fmt.Errorf("image %s: %w", ref, err)
		}
		index, err := disk.ReadLayoutFrom(bundled{bundle: b}.open(c.Context), ref)
		if err != nil {
			return err
		}
		separator := ":"
		if _, digest := name.(refname.Digest); digest {
			separator = "@"
		}
		dest := strings.TrimRight(to, "/") + "/" + name.Context().RepositoryStr() + separator + name.Identifier()
		if err := p.pushIndex(c, index, []string{dest}); err != nil {
			return err
		}
	}
	return nil
}

// pushIndex pushes what is there already, and prints where.
func (p program) pushIndex(c *cli.Context, index v1.ImageIndex, refs []string) error {
	whole := c.Context
	defer func() { c.Context = whole }() // pushing ends its own early
	pushing, err := p.beginPush(c, refs)
	if err != nil {
		return err
	}
	defer pushing.close()
	r, err := p.finishPush(c, pushing, index)
	if err != nil {
		return pushing.cause(err)
	}
	for _, ref := range r.Refs {
		fmt.Fprintln(p.Stdout, ref)
	}
	p.tell(c, r)
	return nil
}

// importInto writes a bundle into a folder, and a delta over its base there.
func (p program) importInto(c *cli.Context, b *bundle.Bundle, dir string) error {
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
		if err := verifyBundle(c, b); err != nil {
			return err
		}
	}
	done, err := folder.Import(c.Context, b, dir)
	if err != nil {
		return err
	}
	if c.Bool("json") {
		return p.JSON(done)
	}
	fmt.Fprintf(p.Stderr, "pyimg: %s holds the bundle: %s written, %d were there\n", dir, termtext.Count(done.Written, "byte"), done.Kept)
	fmt.Fprintln(p.Stdout, done.ID)
	return nil
}

func verifyBundle(c *cli.Context, b *bundle.Bundle) error {
	ring, err := bundleKeyring(c, b)
	if err != nil {
		return err
	}
	_, err = b.Verify(c.Context, ring)
	return err
}

// pushBundle pushes the image of a bundle's lock, made from the bundle alone.
func (p program) pushBundle(c *cli.Context, b *bundle.Bundle, refs []string) error {
	if err := verifyBundle(c, b); err != nil {
		return err
	}
	ring, err := bundleKeyring(c, b)
	if err != nil {
		return err
	}
	if len(b.Images()) != 1 {
		return exit.Usagef("the bundle %s holds %d locks, so it does not say which image to push; pyimg assemble SPEC --bundle %[1]s --offline --push %[3]s makes the one that SPEC names",
			b.Path, len(b.Images()), refs[0])
	}
	name := b.Images()[0]
	lock, err := b.ReadLock(c.Context, name)
	if err != nil {
		return err
	}
	s, err := b.ReadSpec(c.Context, name)
	if errors.Is(err, fs.ErrNotExist) {
		return exit.Usagef("%w; with the spec: pyimg assemble %s --bundle %s --offline --push %s", err, manifest.SpecPath(name), b.Path, refs[0])
	}
	if err != nil {
		return err
	}
	store, done, err := p.store(c)
	defer done()
	if err != nil {
		return err
	}
	src := input.Access{Fetch: b.Opener(s, &fetch.Client{Offline: true}), Keyring: ring, Store: store, Warn: p.Warn, AllowUntrusted: ring == nil,
		Images: bundledImages(b, s, offline{})}
	supply, err := assemble.NewSupply(lock, s, src)
	if err != nil {
		return err
	}
	index, err := lock.Index(c.Context, supply.Open)
	if err != nil {
		return err
	}
	return p.pushIndex(c, index, refs)
}
