package main

import (
	"context"
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/pyimg/pyimg/cmd/pyimg/internal/cmdline"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/console"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/flags"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/session"
	"github.com/pyimg/pyimg/internal/exit"
	"github.com/pyimg/pyimg/internal/termtext"
)

func bundleVerifyCommand(con console.Console) *cli.Command {
	return cmdline.Command(&cli.Command{
		Name:      "verify",
		Usage:     "prove that a bundle is whole and genuine, and ask no host",
		ArgsUsage: "BUNDLE",
		Description: "BUNDLE is a folder, a tar, or one of its parts. All of it is read: sizes, digests, nothing that does not belong; indexes against\n" +
			"Alpine's keys, which pyimg knows by fingerprint, or those of --keyring; packages against their index; all that the lock\n" +
			"needs. What nobody else signs (spec, lock, runtimes, wheels) rests on --key, the public key of the bundle's signature, or on\n" +
			"--id, the ID that came another way. The keys that the spec names count then, too.\n\n" +
			"Example: pyimg bundle verify bundle.tar --id sha256:...\n" +
			"         pyimg bundle verify update.tar --base bundle/ --keyring ./keys",
		Flags: append(flags.Keyring(),
			flags.JSON()),
		Action: action(con, bundleVerify),
	})
}

func bundleVerify(ctx context.Context, run *session.Session, c *cli.Context) error {
	if c.NArg() != 1 {
		return exit.Usagef("bundle verify takes one bundle, found %s", termtext.Count(c.NArg(), "argument"))
	}
	b, err := run.BundleArgument()
	if err != nil {
		return err
	}
	ring, err := run.BundleKeyring(ctx, b)
	if err != nil {
		return err
	}
	v, err := b.Verify(ctx, ring)
	if err != nil {
		return err
	}
	if c.Bool("json") {
		return run.JSON(v)
	}
	proven := "whole and genuine"
	if ring == nil {
		proven = "whole; no signature was asked for"
	}
	wheels := ""
	if v.Wheels > 0 {
		wheels = fmt.Sprintf(", wheels: %d", v.Wheels)
	}
	if v.Sdists > 0 {
		wheels += fmt.Sprintf(", sdists: %d", v.Sdists)
	}
	fmt.Fprintf(run.Stderr, "pyimg: %s is %s: packages: %d, indexes: %d%s, files: %d with %s\n", b.Path, proven, v.Packages, v.Indexes, wheels, v.Files, termtext.Count(v.Bytes, "byte"))
	fmt.Fprintln(run.Stdout, b.ID)
	return nil
}
