// Package atomicfile writes files that are seen whole or not at all, and knows what must not be replaced by a file.
package atomicfile

import (
	"errors"
	"os"
)

// Prefix begins the names of files that are not whole yet.
const Prefix = ".pyimg-"

// Write makes a file in dir, which has to be on the file system of name, has write fill it, and renames it to name, with
// mode 0644 whatever the umask. Where write or anything else fails, name stays as it was and nothing is left.
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
	if err := errors.Join(f.Chmod(0o644), f.Close()); err != nil { // CreateTemp's 0600 is for secrets
		return err
	}
	return os.Rename(f.Name(), name)
}
