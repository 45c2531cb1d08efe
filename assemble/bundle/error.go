package bundle

import (
	"errors"
	"fmt"

	"github.com/pyimg/pyimg/internal/exit"
)

// A FaultError says that a bundle is not what it was when it was made, or not genuine.
type FaultError struct {
	Bundle string // its path
	File   string // the file of it; "" where it is the bundle as such
	Err    error
}

func (e *FaultError) Error() string {
	if e.File == "" {
		return fmt.Sprintf("bundle %q: %v", e.Bundle, e.Err)
	}
	return fmt.Sprintf("bundle %q: %s: %v", e.Bundle, e.File, e.Err)
}

func (e *FaultError) Unwrap() error { return e.Err }

// ExitCode is that of a failed verification.
func (e *FaultError) ExitCode() exit.Code { return exit.Unverified }

// A ReadError says that a file of a bundle could not be read or unpacked, which says nothing against the bundle: its server
// does not answer, or a disk is full.
type ReadError struct {
	Bundle, File string
	Err          error
}

func (e *ReadError) Error() string { return fmt.Sprintf("bundle %q: %s: %v", e.Bundle, e.File, e.Err) }

func (e *ReadError) Unwrap() error { return e.Err }

// faulty says of an error that it is the bundle's fault, where it is not known to be none.
func faulty(bundle, file string, err error) error {
	if err == nil || errors.As(err, new(*FaultError)) || errors.As(err, new(*ReadError)) {
		return err
	}
	return &FaultError{bundle, file, err}
}

// A BaseError says that a delta is without its base.
type BaseError struct {
	Bundle, Base string // the delta's path, the ID of its base
	Found        string // the ID of what was given for it; "" where nothing was
}

func (e *BaseError) Error() string {
	if e.Found != "" {
		return fmt.Sprintf("bundle %q is a delta to the bundle %s, and this is %s: bring them in the order in which they were made, or bring a whole one",
			e.Bundle, e.Base, e.Found)
	}
	return fmt.Sprintf("bundle %q is a delta to the bundle %s and nothing without it: join them with \"pyimg bundle import %s DIR\", DIR holding the base",
		e.Bundle, e.Base, e.Bundle)
}

// ExitCode is that of wrong use.
func (e *BaseError) ExitCode() exit.Code { return exit.Usage }

// some joins errors, at most as many as a person reads.
func some(errs []error) error {
	const most = 20
	if n := len(errs) - most; n > 0 {
		errs = append(errs[:most:most], fmt.Errorf("and %d more", n))
	}
	return errors.Join(errs...)
}
