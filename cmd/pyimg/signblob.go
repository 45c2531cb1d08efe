package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/urfave/cli/v2"

	"github.com/pyimg/pyimg/cmd/pyimg/internal/session"
	"github.com/pyimg/pyimg/internal/exit"
	"github.com/pyimg/pyimg/internal/regular"
	"github.com/pyimg/pyimg/internal/termtext"
	"github.com/pyimg/pyimg/sigstore"
)

// maxBlob bounds a file that is signed, in bytes: Ed25519 signs a message as a whole, so it is held in memory. Of larger files one
// signs the list of their checksums.
const maxBlob = 64 << 20

// signatureOf is the file that holds the signature of a file, unless a flag names another one.
func signatureOf(blob string) string { return blob + ".sigstore.json" }

// signBlob writes a file's signature next to it.
func signBlob(ctx context.Context, run *session.Session, c *cli.Context) error {
	if c.NArg() != 0 || c.String("key") == "" || c.Bool("keyless") || c.String("lock") != "" {
		return exit.Usagef("sign --blob takes --key and no image; see \"pyimg sign --help\"")
	}
	name := c.String("blob")
	content, err := readBlob(name)
	if err != nil {
		return err
	}
	key, err := run.PrivateKey("key", c.String("key"))
	if err != nil {
		return err
	}
	data, err := key.SignFile(content)
	if err != nil {
		return err
	}
	out := cmp.Or(c.String("signature"), signatureOf(name))
	if err := run.WriteFile(ctx, out, append(data, '\n')); err != nil {
		return err
	}
	fmt.Fprintln(run.Stdout, termtext.Line(out))
	return nil
}

// verifyBlob demands that one of the keys signed a file.
func verifyBlob(_ context.Context, run *session.Session, c *cli.Context) error {
	keys, err := run.PublicKeys("key")
	if err != nil {
		return err
	}
	if c.NArg() != 0 || len(keys) == 0 {
		return exit.Usagef("verify --blob takes --key and no image; see \"pyimg verify --help\"")
	}
	name := c.String("blob")
	content, err := readBlob(name)
	if err != nil {
		return err
	}
	file := cmp.Or(c.String("signature"), signatureOf(name))
	signature, err := regular.Read(file, sigstore.MaxBundle)
	if errors.Is(err, fs.ErrNotExist) {
		return exit.WrongUse(fmt.Errorf("reading the signature of %q: %w; name it with --signature", name, err))
	}
	if err != nil {
		return err
	}
	var fault error
	for _, k := range keys {
		err := k.VerifyFile(signature, content)
		if err == nil {
			fmt.Fprintf(run.Stdout, "%s is signed by %s\n", termtext.Line(name), k.Hint())
			return nil
		}
		fault = errors.Join(fault, err)
	}
	return fmt.Errorf("verifying %q with %q: %w", name, file, fault)
}

func readBlob(name string) ([]byte, error) {
	content, err := regular.Read(name, maxBlob)
	if errors.Is(err, fs.ErrNotExist) {
		err = exit.WrongUse(err)
	}
	if err != nil {
		return nil, fmt.Errorf("--blob: %w", err)
	}
	return content, nil
}
