package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/pyimg/pyimg/assemble"
	"github.com/pyimg/pyimg/assemble/input"
	"github.com/pyimg/pyimg/assemble/lock"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/cmdline"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/console"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/flags"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/session"
	"github.com/pyimg/pyimg/internal/exit"
	"github.com/pyimg/pyimg/internal/regular"
	"github.com/pyimg/pyimg/internal/termtext"
)

func lockCommand(con console.Console) *cli.Command {
	all := slices.Concat(flags.Source(), flags.Image(), flags.Reach())
	return cmdline.Command(&cli.Command{
		Name:      "lock",
		Usage:     "write down all that the image is made of, by digest",
		ArgsUsage: "[SPEC]",
		Description: "Builds the image, verifies it and writes its lock next to the spec: pyimg.lock, or app.lock for app.yaml. Commit it: assemble\n" +
			"then makes this very image, and needs no package for it where the registry has the layers. Prints the image's digest,\n" +
			"and on stderr what has changed.\n\n" +
			"Example: pyimg lock\n" +
			"         pyimg lock --update openssl     # all else stays as it is",
		Flags: append(all,
			flags.Lock(),
			&cli.StringSliceFlag{Name: "update", Usage: "`NAME` move only this package to what there is now, and what it cannot move without; \"files\" moves the spec's own files alone"},
			flags.Progress()),
		Action: action(con, lockImage),
	})
}

func lockImage(ctx context.Context, run *session.Session, c *cli.Context) error {
	s, err := run.SpecToBuild(ctx, c.Args().First())
	if err != nil {
		return err
	}
	file := run.LockFile()
	if console.OnStdout(file) && c.IsSet("update") {
		return exit.Usagef("--update changes a lock that is there, and --lock %s names stdout; name the lock's file", file)
	}
	names := c.StringSlice("update")
	update := len(names) > 0
	names = slices.DeleteFunc(names, func(name string) bool { return name == "files" }) // they are never held
	old, err := oldLock(file)
	switch {
	case errors.Is(err, fs.ErrNotExist) && update:
		return exit.Usagef("%w; without one there is nothing to update: write it with \"pyimg lock\"", err)
	case errors.Is(err, fs.ErrNotExist):
	case err != nil && (update || errors.Is(err, regular.ErrKind)): // a pipe would be waited for
		return err
	case err != nil:
		run.Warn(err.Error())
	}
	src, keys, err := run.Access(ctx, s, true)
	if err != nil {
		return err
	}
	lock, err := run.Build(ctx, src, func(src input.Access) (assemble.Plan, error) {
		if update {
			return assemble.Update(ctx, s, old, names, src, keys)
		}
		return assemble.Resolve(ctx, s, src, keys)
	})
	if err != nil {
		return err
	}
	if err := writeLock(run, file, lock, old); err != nil {
		return err
	}
	fmt.Fprintln(run.ResultWriter(), lock.Digest)
	return nil
}

// oldLock is the lock that a new one takes the place of; fs.ErrNotExist where there is none.
func oldLock(file string) (lock.Lock, error) {
	if console.OnStdout(file) {
		return lock.Lock{}, fs.ErrNotExist
	}
	return lock.Read(file)
}

// writeLock writes a lock where it says something else than the old one, and tells what.
func writeLock(run *session.Session, file string, l, old lock.Lock) error {
	if l.Checksum == old.Checksum {
		fmt.Fprintf(run.Stderr, "pyimg: %s is up to date\n", file)
		return nil
	}
	if console.OnStdout(file) {
		data, err := l.Encode()
		if err != nil {
			return err
		}
		_, err = run.Stdout.Write(termtext.JSON(data))
		return err
	}
	if err := lock.Write(file, l); err != nil {
		return err
	}
	if old.Version == 0 {
		fmt.Fprintf(run.Stderr, "pyimg: %s is new\n", file)
		return nil
	}
	for _, line := range l.Changes(old) {
		fmt.Fprintf(run.Stderr, "pyimg: %s\n", line)
	}
	fmt.Fprintf(run.Stderr, "pyimg: %s is written\n", file)
	return nil
}
