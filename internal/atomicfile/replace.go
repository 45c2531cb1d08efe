package atomicfile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
)

// Replace calls write to fill the file that a user named. It treats name according to what it is:
//
//   - A regular file, or a file that does not exist yet: Replace writes a temporary file and renames it, see [Write].
//   - A symbolic link: Replace keeps the link, and replaces the file that it leads to.
//   - A pipe, a device or an open file such as /dev/stderr: Replace writes into it, because a file must not replace it.
//     Opening a pipe waits for its reader.
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

// maxLinks bounds a chain of symbolic links, as in Linux.
const maxLinks = 40

// isDescriptor reports whether a path is one of a process's open files.
func isDescriptor(path string) bool {
	if !strings.HasPrefix(path, "/dev/fd/") && !strings.HasPrefix(path, "/proc/") {
		return false // without compiling the expression
	}
	return regexp.MustCompile(`^(/dev/fd|/proc/(self|thread-self|\d+)(/task/\d+)?/fd)/\d+$`).MatchString(path)
}

// Target follows symbolic links from name, also to a file that does not exist yet. special reports that target must not
// be replaced by a file: it is a pipe, a device or an open file such as /proc/self/fd/1.
func Target(name string) (target string, special bool, err error) {
	target = name
	for range maxLinks {
		if isDescriptor(filepath.ToSlash(target)) {
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
			dir, _ := filepath.Split(target) // Join would resolve ".." against the link's own folder, not against the folder it leads to
			to = dir + to
		}
		target = to
	}
	return target, false, fmt.Errorf("%q: more than %d symbolic links lead to it", name, maxLinks)
}

// writeTo writes into the existing name. It appends to a regular file behind a descriptor, as the program that opened
// it expects.
func writeTo(name string, write func(io.Writer) error) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	err = write(f)
	return errors.Join(err, f.Close())
}
