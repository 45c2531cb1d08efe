package main

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/pyimg/pyimg/assemble"
	"github.com/pyimg/pyimg/assemble/bundle"
	"github.com/pyimg/pyimg/assemble/bundle/manifest"
	"github.com/pyimg/pyimg/assemble/hostfiles"
	"github.com/pyimg/pyimg/assemble/input"
	"github.com/pyimg/pyimg/assemble/lock"
	"github.com/pyimg/pyimg/assemble/spec"
	"github.com/pyimg/pyimg/assemble/wheels"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/cmdline"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/console"
	"github.com/pyimg/pyimg/internal/exit"
	"github.com/pyimg/pyimg/internal/regular"
	"github.com/pyimg/pyimg/internal/termtext"
)

func (p program) lockCommand() *cli.Command {
	flags := slices.Concat(sourceFlags(), imageFlags(), reachFlags())
	return cmdline.Command(&cli.Command{
		Name:      "lock",
		Usage:     "write down all that the image is made of, by digest",
		ArgsUsage: "[SPEC]",
		Description: "Builds the image, verifies it and writes its lock next to the spec: pyimg.lock, or app.lock for app.yaml. Commit it: assemble\n" +
			"then makes this very image, and needs no package for it where the registry has the layers. Prints the image's digest,\n" +
			"and on stderr what has changed.\n\n" +
			"Example: pyimg lock\n" +
			"         pyimg lock --update openssl     # all else stays as it is",
		Flags: append(flags,
			lockFlag(),
			&cli.StringSliceFlag{Name: "update", Usage: "`NAME` move only this package to what there is now, and what it cannot move without; \"files\" moves the spec's own files alone"},
			progressFlag()),
		Action: p.lock,
	})
}

func lockFlag() cli.Flag {
	return &cli.StringFlag{Name: "lock", Usage: "`FILE` the lock (default: the spec's name with .lock, pyimg.lock for the embedded spec)"}
}

// lockFile is where the lock of the command line's spec lies.
func lockFile(c *cli.Context) string {
	if file := c.String("lock"); file != "" {
		return file
	}
	return lock.FileFor(c.Args().First())
}

func (p program) lock(c *cli.Context) error {
	s, err := p.assembleSpec(c)
	if err != nil {
		return err
	}
	file := lockFile(c)
	if console.OnStdout(file) && c.IsSet("update") {
		return exit.Usagef("--update changes a lock that is there, and --lock %s names stdout; name the lock's file", file)
	}
	names := c.StringSlice("update")
	update := len(names) > 0
	names = slices.DeleteFunc(names, func(name string) bool { return name == "files" }) // they are never held
	old, err := p.oldLock(file)
	switch {
	case errors.Is(err, fs.ErrNotExist) && update:
		return exit.Usagef("%w; without one there is nothing to update: write it with \"pyimg lock\"", err)
	case errors.Is(err, fs.ErrNotExist):
	case err != nil && (update || errors.Is(err, regular.ErrKind)): // a pipe would be waited for
		return err
	case err != nil:
		p.Warn(err.Error())
	}
	src, done, err := p.sources(c, s, true)
	defer done()
	if err != nil {
		return err
	}
	lock, err := p.build(c, src, func(src input.Access) (assemble.Plan, error) {
		if update {
			return assemble.Update(c.Context, s, old, names, src)
		}
		return assemble.Resolve(c.Context, s, src)
	})
	if err != nil {
		return err
	}
	if err := p.writeLock(file, lock, old); err != nil {
		return err
	}
	fmt.Fprintln(p.resultWriter(c), lock.Digest)
	return nil
}

// oldLock is the lock that a new one takes the place of; fs.ErrNotExist where there is none.
func (p program) oldLock(file string) (lock.Lock, error) {
	if console.OnStdout(file) {
		return lock.Lock{}, fs.ErrNotExist
	}
	return lock.Read(file)
}

// writeLock writes a lock where it says something else than the old one, and tells what.
func (p program) writeLock(file string, l, old lock.Lock) error {
	if l.Checksum == old.Checksum {
		fmt.Fprintf(p.Stderr, "pyimg: %s is up to date\n", file)
		return nil
	}
	if console.OnStdout(file) {
		data, err := l.Encode()
		if err != nil {
			return err
		}
		_, err = p.Stdout.Write(termtext.JSON(data))
		return err
	}
	if err := lock.Write(file, l); err != nil {
		return err
	}
	if old.Version == 0 {
		fmt.Fprintf(p.Stderr, "pyimg: %s is new\n", file)
		return nil
	}
	for _, line := range l.Changes(old) {
		fmt.Fprintf(p.Stderr, "pyimg: %s\n", line)
	}
	fmt.Fprintf(p.Stderr, "pyimg: %s is written\n", file)
	return nil
}

// lockInForce is the lock that decides what the image is, for the spec's platforms; false where there is none.
func (p program) lockInForce(c *cli.Context, s spec.Spec) (lock.Lock, bool, error) {
	if c.Bool("no-lock") {
		if c.Bool("locked") || c.String("lock") != "" {
			return lock.Lock{}, false, exit.Usagef("--no-lock says to leave the lock aside, --locked and --lock to take it")
		}
		return lock.Lock{}, false, nil
	}
	file := lockFile(c)
	lock, err := lock.Read(file)
	var from *bundle.Bundle // that the lock comes from
	image := ""
	if missing := err; errors.Is(err, fs.ErrNotExist) && c.String("lock") == "" {
		if lock, from, image, err = p.bundledLock(c); errors.Is(err, fs.ErrNotExist) {
			err = missing
		} else if from != nil {
			file = from.Path + "/" + manifest.LockPath(image)
		}
	}
	if errors.Is(err, fs.ErrNotExist) {
		if c.Bool("locked") || c.String("lock") != "" {
			return lock, false, exit.Usagef("%w; write it with \"pyimg lock\"", err)
		}
		return lock, false, nil
	}
	if err == nil {
		err = lock.Fits(s)
	}
	if err == nil {
		err = hostfiles.Fit(c.Context, lock, s)
		if from != nil && s.Folder != nil && c.Err() == nil { // all of it comes from the bundle, which is to blame
			err = from.FilesFault(image, err)
		}
	}
	if err == nil {
		err = wheels.Fit(lock, s)
	}
	if err != nil {
		return lock, false, err
	}
	if lock.Untrusted {
		p.Warn(file + " was written with --allow-untrusted: nobody's signature vouches for what it names")
	}
	lock, err = lock.Only(s.Platforms)
	return lock, true, err
}

// supply brings what the lock names. Where nothing is to be delivered the image is made from it, to see that it still
// can be.
func (p program) supply(c *cli.Context, s spec.Spec, l lock.Lock, src input.Access, outputs []output) (lock.OpenBlob, error) {
	supply, err := assemble.NewSupply(l, s, src)
	if err != nil {
		return nil, err
	}
	switch {
	case len(outputs) > 0:
		err = p.reporting(c, src, func(src input.Access) error { return supply.Fetch(c.Context, src.Progress) })
	case len(c.StringSlice("push")) == 0:
		var got lock.Lock
		got, err = p.build(c, src, func(src input.Access) (assemble.Plan, error) { return assemble.PlanOf(c.Context, l, s, src) })
		if err == nil {
			err = l.Expect(got)
		}
	}
	return supply.Open, err
}
