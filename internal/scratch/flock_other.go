//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package scratch

import (
	"errors"
	"io/fs"
	"os"
)

// hold cannot lock folders here.
func hold(string) (unlock func(), err error) { return func() {}, nil }

const openFolder = os.O_RDONLY

// lock cannot find out here whether another process works in a folder, so that none is removed.
func lock(int) error { return errors.ErrUnsupported }

func isOurs(fs.FileInfo) bool { return false }
