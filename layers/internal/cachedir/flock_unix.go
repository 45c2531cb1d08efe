//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package cachedir

import (
	"errors"
	"os"
	"syscall"
)

// lockFile locks an open file for this handle alone, or together with others that share it, and waits for it unless it
// is to try only. Closing the file, or the end of the process, however it ends, unlocks it. See flock(2).
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
