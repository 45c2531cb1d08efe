package folder

import (
	"errors"
	"os"
	"path/filepath"

	"github.com/rogpeppe/go-internal/lockedfile"

	"github.com/pyimg/pyimg/internal/atomicfile"
)

// lockName, in the work folder, is what runs of pyimg that work in one folder wait at.
const lockName = "lock"

// lockFolder makes a folder's work folder, and keeps other runs of pyimg from working in it until unlock is called or the
// process ends. Who removes the work folder does so before unlock.
func lockFolder(dir string) (unlock func(), err error) {
	work := Below(dir, WorkDir)
	for {
		if err := makeFolder(dir, WorkDir+"/"+lockName); err != nil {
			return nil, err
		}
		f, err := lockedfile.OpenFile(filepath.Join(work, lockName), os.O_RDWR|os.O_CREATE, 0o644)
		if gone(err) {
			continue // the run before removed it between the two
		}
		if err != nil {
			return nil, err
		}
		held, err := f.Stat()
		if err != nil {
			return nil, errors.Join(err, f.Close())
		}
		if now, err := os.Stat(filepath.Join(work, lockName)); err == nil && os.SameFile(held, now) {
			if err := tidy(work); err != nil {
				return nil, errors.Join(err, f.Close())
			}
			return func() { _ = f.Close() }, nil
		}
		_ = f.Close() // nobody else waits at what was removed
	}
}

// tidy removes files that a killed run did not finish, and that no run goes on with.
func tidy(work string) error {
	names, err := filepath.Glob(filepath.Join(work, atomicfile.Prefix+"*"))
	for _, name := range names {
		err = errors.Join(err, RemoveIfThere(name))
	}
	return err
}
