//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package cachedir

import (
	"errors"
	"os"
)

// lockFile cannot find out here whether another process has the file open. So runs are recognised by their age, see
// Running.
func lockFile(*os.File, bool, bool) error { return errors.ErrUnsupported }
