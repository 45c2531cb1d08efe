package session

import (
	"context"
	"errors"
	"io/fs"

	"github.com/pyimg/pyimg/assemble/bundle"
	"github.com/pyimg/pyimg/assemble/bundle/manifest"
	"github.com/pyimg/pyimg/assemble/hostfiles"
	"github.com/pyimg/pyimg/assemble/input"
	"github.com/pyimg/pyimg/assemble/lock"
	"github.com/pyimg/pyimg/assemble/spec"
	"github.com/pyimg/pyimg/assemble/wheels"
	"github.com/pyimg/pyimg/internal/exit"
)

// LockFile is the file name of the lock for the command line's spec.
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
			return lock.Lock{}, false, exit.Usagef("--no-lock ignores the lock, --locked and --lock take it: use one of them")
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
		err = run.fitFiles(ctx, lock, s, from, image)
	}
	if err == nil {
		err = run.fitPython(ctx, lock, s, from, image)
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

// fitFiles compares the files that s takes of its folder with the lock. from is the bundle that the lock is from; nil for a file.
func (run *Session) fitFiles(ctx context.Context, l lock.Lock, s spec.Spec, from *bundle.Bundle, image string) error {
	in, err := run.folderOf(ctx, s)
	if err != nil {
		return err
	}
	err = hostfiles.Fit(ctx, l, s, in)
	if from != nil && in != nil && ctx.Err() == nil { // files, spec and lock are all the bundle's, so it is to blame
		err = from.FilesFault(image, err)
	}
	return err
}

// folderOf is the folder of the files of s; nil if the bundle of --bundle does not have it.
func (run *Session) folderOf(ctx context.Context, s spec.Spec) (input.Folder, error) {
	b, err := run.Bundle(ctx)
	if b == nil || err != nil {
		return nil, err
	}
	return b.FolderOf(s), nil
}

// fitPython compares the lock and requirements files of Python packages with the lock, as fitFiles does.
func (run *Session) fitPython(ctx context.Context, l lock.Lock, s spec.Spec, from *bundle.Bundle, image string) error {
	b, err := run.Bundle(ctx)
	if err != nil {
		return err
	}
	if b == nil {
		return wheels.Fit(ctx, l, s, nil)
	}
	texts := b.TextsOf(s)
	err = wheels.Fit(ctx, l, s, texts)
	if from != nil && texts != nil && ctx.Err() == nil {
		err = from.PythonFault(image, err)
	}
	return err
}
