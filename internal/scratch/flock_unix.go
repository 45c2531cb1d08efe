//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package scratch

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

// hold locks a folder. ok is false if another run has taken it for abandoned. Where the file system knows no locks nothing is ever
// taken so. The lock is held by a descriptor that the garbage collector does not close.
func hold(dir string) (unlock func(), ok bool) {
	fd, err := syscall.Open(dir, syscall.O_RDONLY|syscall.O_DIRECTORY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return nil, false
	}
	unlock = func() { _ = syscall.Close(fd) } // it was only locked
	var opened, there syscall.Stat_t
	held := errors.Is(lock(fd), syscall.EWOULDBLOCK)
	if held || syscall.Fstat(fd, &opened) != nil || syscall.Lstat(dir, &there) != nil || opened.Dev != there.Dev || opened.Ino != there.Ino {
		unlock()
		return nil, false
	}
	return unlock, true
}

// lock locks an open folder for this descriptor, without waiting. See flock(2).
func lock(fd int) error {
	for {
		err := syscall.Flock(fd, syscall.LOCK_EX|syscall.LOCK_NB)
		if !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}

// isOurs reports whether a folder is this user's.
func isOurs(info fs.FileInfo) bool {
	s, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(s.Uid) == os.Geteuid()
}
