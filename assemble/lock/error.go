package lock

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/pyimg/pyimg/internal/exit"
)

// A MismatchError says that the result of a build differs from its lock.
type MismatchError struct{ Changes []string }

func (e *MismatchError) Error() string {
	return "the image is not the one that the lock promises: " + strings.Join(e.Changes, "; ") +
		`; find out why, or write the lock anew with "pyimg lock"`
}

// ExitCode is the exit code of a failed verification.
func (e *MismatchError) ExitCode() exit.Code { return exit.Unverified }

// Expect returns a *MismatchError if the image of a build is not the image of the lock.
func (l Lock) Expect(got Lock) error {
	if l.Digest == got.Digest {
		return nil
	}
	return &MismatchError{got.Changes(l)}
}

// Files are the files of a spec's folder, which a spec's digest does not cover.
type Files struct {
	Digest string `json:"digest"` // of names, kinds, owners, modes and contents of those that all platforms have
	// Platforms are the same digests of files that one platform has, by platform.
	Platforms map[string]string `json:"platforms,omitempty"`
	Time      time.Time         `json:"time"` // the time that all of them have in the image
}

// Error says why a lock cannot be used.
type Error struct {
	File string // "" if the lock has no file
	Err  error  // a sentence about it: "it was made from another spec"
}

func (e *Error) Error() string {
	if e.File == "" {
		return "the lock: " + e.Err.Error()
	}
	return fmt.Sprintf("lock %s: %v", e.File, e.Err)
}

func (e *Error) Unwrap() error { return e.Err }

// ExitCode is the exit code of wrong use.
func (e *Error) ExitCode() exit.Code { return exit.Usage }

// Named adds the lock's name to an *Error without one.
func (l Lock) Named(err error) error {
	var fault *Error
	if errors.As(err, &fault) && fault.File == "" {
		fault.File = l.Name
	}
	return err
}
