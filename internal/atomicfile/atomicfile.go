// Package atomicfile writes files so that readers see a whole file or none. It recognizes what must not be replaced by
// a file.
package atomicfile

import (
	"errors"
	"os"
)

// Prefix begins the names of unfinished files.
const Prefix = ".pyimg-"

// Write makes a temporary file in dir, calls write to fill it, and renames it to name. dir must be on the same file
// system as name. The file gets mode 0644, independent of the umask. After an error name is unchanged and the temporary
// file is removed.
func Write(dir, name string, write func(*os.File) error) (err error) {
	f, err := os.CreateTemp(dir, Prefix+"*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = f.Close()
			_ = os.Remove(f.Name())
		}
	}()
	if err := write(f); err != nil {
		return err
	}
	if err := errors.Join(f.Chmod(0o644), f.Close()); err != nil { // CreateTemp uses mode 0600, which suits secrets only
		return err
	}
	return os.Rename(f.Name(), name)
}
