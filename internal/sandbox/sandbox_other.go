//go:build !linux

package sandbox

import "context"

// Main returns at once: there is no sandbox on this system.
func Main() {}

// Owners says that all files of a root belong to the caller.
func Owners() (owner func(id int) (int, bool), name string) { return nil, "" }

// Run returns ErrUnsupported.
func Run(_ context.Context, c Command) (Exit, error) {
	if err := c.check(); err != nil {
		return Exit{}, err
	}
	return Exit{}, ErrUnsupported
}
