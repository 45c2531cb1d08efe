package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/pyimg/pyimg/internal/regular"
)

// openFile opens a local file. name is the caller's name for it, used in errors.
func openFile(ctx context.Context, name, path string) (io.ReadCloser, error) {
	if err := context.Cause(ctx); err != nil {
		return nil, &Error{URL: name, Err: err}
	}
	f, err := regular.Open(path)
	if err != nil {
		return nil, &Error{URL: name, Err: explain(err, path)}
	}
	return &file{File: f, name: name, alive: func() error { return context.Cause(ctx) }}, nil
}

// explain adds to the error of a missing file which part of its path exists.
func explain(err error, path string) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		err = pe.Err // the Error contains the path already
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	missing := filepath.Clean(path)
	for {
		dir := filepath.Dir(missing)
		info, statErr := os.Stat(dir)
		if statErr == nil && !info.IsDir() {
			return fmt.Errorf("%w: %q is not a folder", err, dir)
		}
		if statErr == nil || dir == missing {
			return fmt.Errorf("%w: the folder %q has no %q", err, dir, filepath.Base(missing))
		}
		missing = dir
	}
}

// A file is a local file whose reads fail after its context has ended.
type file struct {
	*os.File
	name  string
	alive func() error
}

func (f *file) Read(p []byte) (int, error) {
	if err := f.alive(); err != nil {
		return 0, &Error{URL: f.name, Err: err}
	}
	n, err := f.File.Read(p)
	if err != nil && err != io.EOF {
		err = &Error{URL: f.name, Err: err}
	}
	return n, err
}

// WriteTo replaces the WriteTo of *os.File, which would ignore the end of the context.
func (f *file) WriteTo(w io.Writer) (int64, error) { return io.Copy(w, struct{ io.Reader }{f}) }

// Size returns the file's size in bytes, or -1 where it is not known.
func (f *file) Size() int64 {
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return -1
	}
	return info.Size()
}
