package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/pyimg/pyimg/cmd/pyimg/internal/cmdline"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/console"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/session"
	"github.com/pyimg/pyimg/internal/exit"
	"github.com/pyimg/pyimg/sigstore"
)

func keyGenerateCommand(con console.Console) *cli.Command {
	return cmdline.Command(&cli.Command{
		Name:  "generate",
		Usage: "make a key pair for signing images",
		Description: "Writes PREFIX.key, encrypted with a password as cosign does it, and PREFIX.pub: ECDSA on P-256. Neither may be there yet.\n" +
			"The password is asked for, or is in $PYIMG_KEY_PASSWORD or $COSIGN_PASSWORD.\n\n" +
			"Example: pyimg key generate --output-prefix team",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "output-prefix", Value: "pyimg", Usage: "`PREFIX` path and name of the two files, without their endings"},
			&cli.BoolFlag{Name: "no-password", Usage: "do not ask for a password: whoever can read the file can sign"},
		},
		Action: action(con, keyGenerate),
	})
}

func keyGenerate(ctx context.Context, run *session.Session, c *cli.Context) error {
	if c.NArg() != 0 {
		return exit.Usagef("key generate takes no argument; see \"pyimg key generate --help\"")
	}
	prefix := c.String("output-prefix")
	private, public := prefix+".key", prefix+".pub"
	// Nobody is asked for a password that is of no use.
	for _, name := range []string{private, public} {
		if _, err := os.Lstat(name); err == nil {
			return thereAlready(name)
		}
	}
	password, err := newPassword(run, c.Bool("no-password"))
	if err != nil {
		return err
	}
	key, err := sigstore.Generate()
	if err != nil {
		return err
	}
	encoded, err := key.Encode(password)
	if err != nil {
		return err
	}
	if err := writeNew(private, encoded, 0o600); err != nil {
		return err
	}
	if err := writeNew(public, key.Public().Encode(), 0o644); err != nil {
		return errors.Join(err, os.Remove(private))
	}
	fmt.Fprintf(run.Stdout, "%s\n%s\n", private, public)
	return nil
}

// newPassword is the password of a new key: from the environment, else asked for twice.
func newPassword(run *session.Session, none bool) ([]byte, error) {
	if none {
		return nil, nil
	}
	if password, ok := run.KeyPassword(); ok {
		return password, nil
	}
	first, err := run.AskPassword("Password for the new key: ")
	if err != nil {
		return nil, err
	}
	second, err := run.AskPassword("The same again: ")
	if err == nil && !slices.Equal(first, second) {
		err = exit.Usagef("the two passwords differ")
	}
	return first, err
}

// writeNew writes a file that must not be there yet: a key that is overwritten is lost.
func writeNew(name string, data []byte, mode os.FileMode) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if errors.Is(err, os.ErrExist) {
		return thereAlready(name)
	}
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return errors.Join(fmt.Errorf("writing %q: %w", name, err), os.Remove(name))
	}
	return nil
}

func thereAlready(name string) error {
	return exit.Usagef("%s is there already; name another with --output-prefix", name)
}
