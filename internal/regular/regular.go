// Package regular opens files without waiting. Opening a named pipe waits for its other end, and reading a device may
// never end: where a regular file is expected, both are errors at once.
package regular

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
)

// ErrKind is the error for a path that is not a regular file.
var ErrKind = errors.New("a file is expected")

// ErrTooLarge is the error for a file with more bytes than the caller accepts.
var ErrTooLarge = errors.New("it is larger")

// Open opens a regular file, or a symlink to one, for reading. For others the error is ErrKind.
func Open(name string) (*os.File, error) { return open(name, fs.FileMode.IsRegular) }

// OpenStream is Open that also accepts pipes and character devices, for a file that a user names and that is read once,
// such as /dev/stdin. A pipe without a writer is at its end. The caller must bound how much it reads, and may set a
// deadline to bound the wait for a pipe.
func OpenStream(name string) (*os.File, error) {
	return open(name, func(m fs.FileMode) bool {
		return m.IsRegular() || m&(fs.ModeNamedPipe|fs.ModeCharDevice) != 0
	})
}

func open(name string, takes func(fs.FileMode) bool) (*os.File, error) {
	f, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	if err := check(f, takes); err != nil {
		_ = f.Close()
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	return f, nil
}

// check returns an error that names the kind of an open file, unless takes accepts it.
func check(f *os.File, takes func(fs.FileMode) bool) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if !takes(info.Mode()) {
		return fmt.Errorf("it is %s, and %w", Kind(info.Mode()), ErrKind)
	}
	return nil
}

// Read returns the content of a regular file of at most most bytes.
func Read(name string, most int64) ([]byte, error) {
	f, err := Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(data)) > most {
		err = &fs.PathError{Op: "read", Path: name, Err: fmt.Errorf("%w than %d bytes", ErrTooLarge, most)}
	}
	return data, err
}

// Kind returns what a file of a mode is, such as "a folder".
func Kind(m fs.FileMode) string {
	switch {
	case m.IsDir():
		return "a folder"
	case m&fs.ModeSymlink != 0:
		return "a symlink"
	case m&fs.ModeSocket != 0:
		return "a socket"
	case m&fs.ModeNamedPipe != 0:
		return "a pipe"
	case m&fs.ModeDevice != 0:
		return "a device"
	case m.IsRegular():
		return "a file"
	}
	return "of an unknown kind"
}
