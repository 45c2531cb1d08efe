//go:build !linux

package sandbox

import "context"

// Main returns at once: there is no sandbox on this system.
func Main() {}

// Run returns ErrUnsupported.
func Run(_ context.Context, c Command) (Exit, error) {
	if err := c.check(); err != nil {
		return Exit{}, err
	}
	return Exit{}, ErrUnsupported
}
