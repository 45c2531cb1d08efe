//go:build unix

package cachedir

import (
	"errors"
	"os"
	"syscall"
)

// rename is os.Rename, which first looks whether a folder is in the way. Here the system says so, see rename(2).
func rename(from, to string) error {
	for {
		err := syscall.Rename(from, to)
		if err == nil {
			return nil
		}
		if !errors.Is(err, syscall.EINTR) {
			return &os.LinkError{Op: "rename", Old: from, New: to, Err: err}
		}
	}
}
