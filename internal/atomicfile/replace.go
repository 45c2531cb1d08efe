package atomicfile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"syscall"
)

// Replace has write fill the file that a user named. What name leads to decides how:
//
//   - A plain file, or nothing yet: written next to it and renamed, see [Write].
//   - A symbolic link: the link stays, and the file that it leads to is replaced.
//   - A pipe, a device or an open file such as /dev/stderr: written to, since nothing may take its place. Opening a pipe
//     waits for its reader.
func Replace(name string, write func(io.Writer) error) error {
	target, special, err := Target(name)
	if err != nil {
		return err
	}
	if special {
		return writeTo(target, write)
	}
	return Write(filepath.Dir(target), target, func(f *os.File) error { return write(f) })
}

// maxLinks is how many symbolic links may lead from one to the next, as in Linux.
const maxLinks = 40

// descriptors are the folders whose entries are the open files of a process.
var descriptors = regexp.MustCompile(`^(/dev/fd|/proc/(self|thread-self|\d+)(/task/\d+)?/fd)/\d+$`)

// Target follows the symbolic links that name is, also one that leads to nothing yet. special reports that target is no
// file to be replaced: a pipe, a device or an open file, such as /proc/self/fd/1.
func Target(name string) (target string, special bool, err error) {
	target = name
	for range maxLinks {
		if descriptors.MatchString(filepath.ToSlash(target)) {
			return target, true, nil
		}
		info, err := os.Lstat(target)
		if errors.Is(err, fs.ErrNotExist) {
			return target, false, nil
		}
		if err != nil {
			return target, false, err
		}
		if info.Mode()&fs.ModeSymlink == 0 {
			if info.IsDir() {
				return target, false, &fs.PathError{Op: "writing", Path: name, Err: syscall.EISDIR}
			}
			return target, !info.Mode().IsRegular(), nil
		}
		to, err := os.Readlink(target)
		if err != nil {
			return target, false, err
		}
		if !filepath.IsAbs(to) {
			dir, _ := filepath.Split(target) // Join would take ".." for the link's parent, not for that of where it leads
			to = dir + to
		}
		target = to
	}
	return target, false, fmt.Errorf("%q: more than %d symbolic links lead to it", name, maxLinks)
}

// writeTo writes into what is there. A plain file behind a descriptor is appended to, as who opened it expects.
func writeTo(name string, write func(io.Writer) error) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	err = write(f)
	return errors.Join(err, f.Close())
}
