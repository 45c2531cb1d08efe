//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package cachedir

import (
	"errors"
	"os"
	"syscall"
)

// lockFile locks an open file, for this handle alone or shared. It waits for the lock unless try is set. The lock ends
// when the file is closed or the process ends, in whatever way. See flock(2).
func lockFile(f *os.File, share, try bool) error {
	how := syscall.LOCK_EX
	if share {
		how = syscall.LOCK_SH
	}
	if try {
		how |= syscall.LOCK_NB
	}
	for {
		err := syscall.Flock(int(f.Fd()), how)
		if !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}
