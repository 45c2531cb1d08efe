package session

import (
	"context"
	"errors"
	"io/fs"

	"github.com/pyimg/pyimg/assemble/bundle"
	"github.com/pyimg/pyimg/assemble/bundle/manifest"
	"github.com/pyimg/pyimg/assemble/hostfiles"
	"github.com/pyimg/pyimg/assemble/lock"
	"github.com/pyimg/pyimg/assemble/spec"
	"github.com/pyimg/pyimg/assemble/wheels"
	"github.com/pyimg/pyimg/internal/exit"
)

// LockFile is where the lock of the command line's spec lies.
func (run *Session) LockFile() string {
	if file := run.flags.String("lock"); file != "" {
		return file
	}
	return lock.FileFor(run.first())
}

// Lock is the lock that decides what the image is, for the spec's platforms; false where there is none.
func (run *Session) Lock(ctx context.Context, s spec.Spec) (lock.Lock, bool, error) {
	if run.flags.Bool("no-lock") {
		if run.flags.Bool("locked") || run.flags.String("lock") != "" {
			return lock.Lock{}, false, exit.Usagef("--no-lock says to leave the lock aside, --locked and --lock to take it")
		}
		return lock.Lock{}, false, nil
	}
	file := run.LockFile()
	lock, err := lock.Read(file)
	var from *bundle.Bundle // that the lock comes from
	image := ""
	if missing := err; errors.Is(err, fs.ErrNotExist) && run.flags.String("lock") == "" {
		if lock, from, image, err = run.bundledLock(ctx); errors.Is(err, fs.ErrNotExist) {
			err = missing
		} else if from != nil {
			file = from.Path + "/" + manifest.LockPath(image)
		}
	}
	if errors.Is(err, fs.ErrNotExist) {
		if run.flags.Bool("locked") || run.flags.String("lock") != "" {
			return lock, false, exit.Usagef("%w; write it with \"pyimg lock\"", err)
		}
		return lock, false, nil
	}
	if err == nil {
		err = lock.Fits(s)
	}
	if err == nil {
		err = hostfiles.Fit(ctx, lock, s)
		if from != nil && s.Folder != nil && ctx.Err() == nil { // all of it comes from the bundle, which is to blame
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
		run.Warn(file + " was written with --allow-untrusted: nobody's signature vouches for what it names")
	}
	lock, err = lock.Only(s.Platforms)
	return lock, true, err
}
