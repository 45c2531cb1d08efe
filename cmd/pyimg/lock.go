package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sync"

	"github.com/urfave/cli/v2"

	"github.com/pyimg/pyimg/assemble"
	"github.com/pyimg/pyimg/assemble/input"
	"github.com/pyimg/pyimg/assemble/lock"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/cmdline"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/console"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/flags"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/many"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/session"
	"github.com/pyimg/pyimg/internal/exit"
	"github.com/pyimg/pyimg/internal/regular"
	"github.com/pyimg/pyimg/internal/termtext"
)

func lockCommand(con console.Console) *cli.Command {
	all := slices.Concat(flags.SourceAndKey(), flags.Image(), flags.Reach())
	return cmdline.Command(&cli.Command{
		Name:      "lock",
		Usage:     "write down all that images are made of, by digest",
		ArgsUsage: "[SPEC...]",
		Description: "Builds the image, verifies it and writes its lock next to the spec: pyimg.lock, or app.lock for app.yaml. Commit it: assemble\n" +
			"then makes this very image, and needs no package for it where the registry has the layers. Prints the image's digest,\n" +
			"and on stderr what has changed. Several specs are locked as assemble makes them, see \"pyimg assemble --help\".\n\n" +
			"Example: pyimg lock\n" +
			"         pyimg lock --update openssl images/*.yaml     # all else stays as it is\n" +
			"         pyimg lock --check --markdown images/*.yaml",
		Flags: append(all,
			flags.Lock(),
			&cli.StringSliceFlag{Name: "update", Usage: "`NAME` move only this package to what there is now, and what it cannot move without; \"files\" moves the spec's own files alone"},
			&cli.BoolFlag{Name: "check", Usage: "change nothing, print what is newer than the lock, and exit with code 1 if something is"},
			&cli.BoolFlag{Name: "markdown", Usage: "print what --check finds as text for a pull request"},
			&cli.BoolFlag{Name: "json", Usage: "print what --check finds as JSON, one line for each image"},
			flags.Progress()),
		Action: action(con, lockImages),
	})
}

func lockImages(ctx context.Context, run *session.Session, c *cli.Context) error {
	images, err := many.Images(c.Args().Slice())
	if err != nil {
		return err
	}
	if c.Bool("check") {
		return checkLocks(ctx, run, c, images)
	}
	if c.Bool("json") || c.Bool("markdown") {
		return exit.Usagef("--json and --markdown are of --check")
	}
	if len(images) > 1 {
		return lockSeveral(ctx, run, c, images)
	}
	l, err := lockImage(ctx, run.ForImage(run.Console, images[0].Flags(c), images[0].Spec), images[0].Flags(c), c.StringSlice("update"))
	if err != nil {
		return err
	}
	fmt.Fprintln(run.ResultWriter(), l.Digest)
	return nil
}

// lockSeveral locks several images. A package to update need not be in all of them.
func lockSeveral(ctx context.Context, run *session.Session, c *cli.Context, images []many.Image) error {
	if err := checkOutputFlags(c, images); err != nil {
		return err
	}
	file := func(i int) []string {
		return []string{run.ForImage(run.Console, images[i].Flags(c), images[i].Spec).LockFile()}
	}
	if err := many.Apart(images, "lock", file); err != nil {
		return err
	}
	s, err := newSeveral(ctx, run, c, images)
	if err != nil {
		return err
	}
	updates := newUpdates(c.StringSlice("update"))
	digests, texts := make([]string, len(images)), make([]bytes.Buffer, len(images))
	many.Each(ctx, len(images), func(ctx context.Context, i int) error {
		con, set := s.console(i), images[i].Flags(c)
		con.Stderr = &texts[i]
		one := run.ForImage(con, set, images[i].Spec)
		names, stays := updates.of(one.LockFile())
		if stays != "" {
			fmt.Fprintf(one.Stderr, "pyimg: %s has nothing to update\n", one.LockFile())
			digests[i] = stays
			return nil
		}
		l, err := lockImage(ctx, one, set, names)
		digests[i] = l.Digest
		return err
	}, func(i int, err error) {
		s.show(func() {
			_, _ = texts[i].WriteTo(run.Stderr)
			if err == nil {
				fmt.Fprintf(run.ResultWriter(), "%s\t%s\n", digests[i], termtext.Line(images[i].Spec))
			}
		})
		if err != nil {
			s.fail(i, err)
		}
	})
	return cmp.Or(s.end(ctx), updates.unknown())
}

// updates are the packages to update in several locks.
type updates struct {
	names []string
	mu    sync.Mutex
	found map[string]bool // names that a lock has
}

func newUpdates(names []string) *updates { return &updates{names: names, found: map[string]bool{}} }

// of returns the names that a lock has, or its digest where it has none of them.
func (u *updates) of(file string) (names []string, stays string) {
	if len(u.names) == 0 {
		return nil, ""
	}
	l, err := lock.Read(file)
	if err != nil {
		return u.names, "" // lockImage says what is wrong
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, name := range u.names {
		if isFiles(name) || l.Has(name) {
			names, u.found[name] = append(names, name), true
		}
	}
	if len(names) == 0 {
		return nil, l.Digest
	}
	return names, ""
}

// unknown is the error of names that no lock has.
func (u *updates) unknown() error {
	for _, name := range u.names {
		if !u.found[name] {
			return exit.Usagef("no lock of these has a package %q to update", name)
		}
	}
	return nil
}

// lockImage writes the lock of one image. names are the packages to update; without any, all move.
func lockImage(ctx context.Context, run *session.Session, set flags.Set, names []string) (lock.Lock, error) {
	s, err := run.SpecToBuild(ctx, run.SpecName())
	if err != nil {
		return lock.Lock{}, err
	}
	file := run.LockFile()
	if console.OnStdout(file) && set.IsSet("update") {
		return lock.Lock{}, exit.Usagef("--update changes a lock that is there, and --lock %s names stdout; name the lock's file", file)
	}
	update := len(names) > 0
	names = slices.DeleteFunc(slices.Clone(names), isFiles) // they are never held
	old, err := oldLock(file)
	switch {
	case errors.Is(err, fs.ErrNotExist) && update:
		return lock.Lock{}, exit.Usagef("%w; without one there is nothing to update: write it with \"pyimg lock\"", err)
	case errors.Is(err, fs.ErrNotExist):
	case err != nil && (update || errors.Is(err, regular.ErrKind)): // a pipe would be waited for
		return lock.Lock{}, err
	case err != nil:
		run.Warn(err.Error())
	}
	src, keys, err := run.Access(ctx, s, true)
	if err != nil {
		return lock.Lock{}, err
	}
	l, err := run.Build(ctx, src, nil, func(src input.Access) (assemble.Plan, error) {
		if update {
			return assemble.Update(ctx, s, old, names, src, keys)
		}
		return assemble.Resolve(ctx, s, src, keys)
	})
	if err != nil {
		return lock.Lock{}, err
	}
	return l, writeLock(run, file, l, old)
}

// isFiles reports whether what is to be updated is not a package but the spec's own files.
func isFiles(name string) bool { return name == "files" }

// oldLock is the lock that a new one takes the place of; fs.ErrNotExist where there is none.
func oldLock(file string) (lock.Lock, error) {
	if console.OnStdout(file) {
		return lock.Lock{}, fs.ErrNotExist
	}
	return lock.Read(file)
}

// writeLock writes a lock if it differs from the old one, and reports the differences.
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
