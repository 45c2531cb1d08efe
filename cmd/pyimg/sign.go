package main

import (
	"context"
	"fmt"
	"os/exec"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/pyimg/pyimg/assemble/lock"
	"github.com/pyimg/pyimg/attest"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/cmdline"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/console"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/flags"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/session"
	"github.com/pyimg/pyimg/internal/exit"
	"github.com/pyimg/pyimg/push"
	"github.com/pyimg/pyimg/push/oci"
	"github.com/pyimg/pyimg/sigstore"
)

func signCommand(con console.Console) *cli.Command {
	return cmdline.Command(&cli.Command{
		Name:      "sign",
		Usage:     "sign an image in a registry, or a file, so that cosign and \"pyimg verify --key\" accept it",
		ArgsUsage: "REF",
		Description: "Signs the index and each image that it names, without any server but the registry: no transparency log is asked, and\n" +
			"\"cosign verify --insecure-ignore-tlog --key cosign.pub\" reads the result. With --lock it also attaches and signs bills of\n" +
			"materials and provenance; \"pyimg verify --key\" refuses an image with bills of materials that the key has not signed. What the\n" +
			"key has signed before is left as it is. Prints REPOSITORY@DIGEST of what it attached.\n\n" +
			"The key is cosign's, or ECDSA, Ed25519 or RSA in PEM (\"pyimg key generate\" makes one); env://NAME is a key in a variable.\n" +
			"Its password is asked for, or is in $PYIMG_KEY_PASSWORD or $COSIGN_PASSWORD.\n\n" +
			"With --blob it signs a file: \"cosign verify-blob --bundle FILE.sigstore.json\" and \"pyimg verify --blob\" read the result.\n\n" +
			"Example: pyimg sign ghcr.io/you/python:3.14 --key cosign.key --lock pyimg.lock\n" +
			"         pyimg sign ghcr.io/you/python:3.14 --keyless\n" +
			"         pyimg sign --blob checksums.txt --key cosign.key",
		Flags: append(flags.Registry(),
			&cli.StringFlag{Name: "key", Usage: "`FILE` the private key, or env://NAME"},
			&cli.BoolFlag{Name: "keyless", Usage: "have the cosign that is installed sign by who you are; it speaks with sigstore's servers"},
			&cli.StringFlag{Name: "lock", Usage: "`FILE` the image's lock: attach and sign bills of materials and provenance, too"},
			&cli.StringFlag{Name: "blob", Usage: "`FILE` sign this file instead of an image"},
			&cli.StringFlag{Name: "signature", Usage: "`FILE` where the signature of --blob goes", DefaultText: "FILE.sigstore.json"}),
		Action: action(con, signImage),
	})
}

func signImage(ctx context.Context, run *session.Session, c *cli.Context) error {
	if c.String("blob") != "" {
		return signBlob(ctx, run, c)
	}
	if c.String("signature") != "" {
		return exit.Usagef("--signature is for --blob; the signatures of an image are in its registry")
	}
	if c.Bool("keyless") {
		switch {
		case c.String("lock") != "":
			return exit.Usagef(`--keyless has cosign sign, which takes no --lock; "cosign attest" signs bills of materials and provenance without a key, and "pyimg sbom" writes them`)
		case c.String("username") != "":
			return exit.Usagef(`--keyless has cosign sign, which takes no --username; log in with "docker login" or "cosign login"`)
		}
	}
	if err := run.ReadLogin(); err != nil {
		return err
	}
	if c.NArg() != 1 || (c.String("key") == "") == !c.Bool("keyless") {
		return exit.Usagef("sign takes one image reference, and --key or --keyless; see \"pyimg sign --help\"")
	}
	ref := c.Args().First()
	if err := run.Registry().CheckRefs([]string{ref}, push.Options{}); err != nil {
		return exit.WrongUse(err)
	}
	var key sigstore.PrivateKey
	if !c.Bool("keyless") {
		var err error
		if key, err = run.PrivateKey("key", c.String("key")); err != nil {
			return err
		}
	}
	index, err := run.Registry().Get(ctx, ref)
	if err != nil {
		return err
	}
	root, err := oci.Root(index)
	if err != nil {
		return err
	}
	if c.Bool("keyless") {
		return signKeyless(ctx, run, c, attest.Repository(ref)+"@"+root.Digest.String())
	}
	var also push.Attachments
	if name := c.String("lock"); name != "" {
		l, err := lock.Read(name)
		if err != nil {
			return err
		}
		if l.Digest != root.Digest.String() {
			return exit.Usagef("%s is the lock of %s, and %s is %s", name, l.Digest, ref, root.Digest)
		}
		if also, err = attest.Image(l, attest.Builder{Version: readVersion().Version}, &key); err != nil {
			return err
		}
	}
	report, err := run.Progress()
	if err != nil {
		return err
	}
	attached, err := attest.Sign(ctx, run.Registry(), ref, index, key, also, push.Options{Progress: report})
	report.Close()
	for _, a := range attached {
		fmt.Fprintln(run.Stdout, a)
	}
	if err == nil && len(attached) == 0 {
		fmt.Fprintln(run.Stderr, "pyimg: the key has signed all of it already")
	}
	return err
}

// signKeyless has an installed cosign sign a digest and all that it names.
func signKeyless(ctx context.Context, run *session.Session, c *cli.Context, digest string) error {
	program, err := exec.LookPath("cosign")
	if err != nil {
		return exit.Usagef("--keyless needs cosign, which is not installed: %w", err)
	}
	args := []string{"sign", "--yes", "--recursive"}
	if name := c.String("ca-file"); name != "" {
		args = append(args, "--registry-cacert", name)
	}
	if host, _, _ := strings.Cut(digest, "/"); slices.Contains(c.StringSlice("insecure"), host) {
		args = append(args, "--allow-http-registry")
	}
	cmd := exec.CommandContext(ctx, program, append(args, digest)...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = run.Stdin, run.Stderr, run.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("signing %s with cosign: %w", digest, err)
	}
	fmt.Fprintln(run.Stdout, digest)
	return nil
}
