package wheels

import (
	"errors"
	"fmt"

	"github.com/pyimg/pyimg/internal/exit"
	"github.com/pyimg/pyimg/wheel/source"
)

// A SelectError says why it cannot be said which wheels a platform takes: a lock or a requirements file that is not read or not
// supported, or, if it is a source.ErrNoFit, no wheel for the platform.
type SelectError struct{ Err error }

func (e *SelectError) Error() string { return e.Err.Error() }

// Unwrap gives the cause.
func (e *SelectError) Unwrap() error { return e.Err }

// ExitCode is NoSolution where a platform has no wheel, that of an index that cannot be read, else Usage.
func (e *SelectError) ExitCode() exit.Code {
	code := exit.Of(e.Err)
	switch {
	case errors.Is(e.Err, source.ErrNoFit):
		return exit.NoSolution
	case code == exit.Failed:
		return exit.Usage
	}
	return code
}

// A WheelError says that a wheel is not what it should be: its hash, its size, its RECORD, or what it would do to an image.
type WheelError struct{ Err error }

func (e *WheelError) Error() string { return e.Err.Error() }

// Unwrap gives the cause.
func (e *WheelError) Unwrap() error { return e.Err }

// ExitCode is Unverified.
func (e *WheelError) ExitCode() exit.Code { return exit.Unverified }

func wheelErrorf(format string, args ...any) error { return &WheelError{fmt.Errorf(format, args...)} }
