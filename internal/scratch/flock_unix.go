//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package scratch

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

// openFolder opens folders alone, and waits for nothing.
const openFolder = syscall.O_RDONLY | syscall.O_DIRECTORY | syscall.O_NONBLOCK | syscall.O_CLOEXEC

// hold locks a folder. The error is errTaken if another run has taken it for abandoned. If the file system has no locks, no folder
// is ever removed. The lock is held by a descriptor that the garbage collector does not close.
func hold(dir string) (unlock func(), err error) {
	fd, err := syscall.Open(dir, openFolder, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errTaken
	}
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: dir, Err: err}
	}
	unlock = func() { _ = syscall.Close(fd) } // it was only locked
	var opened, there syscall.Stat_t
	held := errors.Is(lock(fd), syscall.EWOULDBLOCK)
	if held || syscall.Fstat(fd, &opened) != nil || syscall.Lstat(dir, &there) != nil || opened.Dev != there.Dev || opened.Ino != there.Ino {
		unlock()
		return nil, errTaken
	}
	return unlock, nil
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
