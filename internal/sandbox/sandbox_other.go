//go:build !linux

package sandbox

import (
	"context"
	"io"
)

// Main returns at once: there is no sandbox on this system.
func Main(...Job) {}

// Owners says that all files of a root belong to the caller.
func Owners() (owner func(id int) (int, bool), name string) { return nil, "" }

// NeedsJobs says that there is no need for any.
func NeedsJobs() (name string, ok bool) { return "", false }

// RunJob returns ErrUnsupported.
func RunJob(context.Context, string, []string, io.Reader, io.Writer) error { return ErrUnsupported }

// Mapped says that no number is mapped.
func Mapped(int) bool { return false }

// Run returns ErrUnsupported.
func Run(_ context.Context, c Command) (Exit, error) {
	if err := c.check(); err != nil {
		return Exit{}, err
	}
	return Exit{}, ErrUnsupported
}
