package wheelhouse

import (
	"errors"
	"reflect"
	"syscall"
)

// Together joins errors. It leaves out an error whose only cause is a full disk or quota that an earlier one has, too: a full disk
// stops all that is written to it, and a person need read that once. Every other error stays.
func Together(errs ...error) error {
	var joined error
	for _, err := range errs {
		for _, part := range parts(err) {
			if full := diskFull(part); full == nil || !errors.Is(joined, full) {
				joined = errors.Join(joined, part)
			}
		}
	}
	return joined
}

// parts are the errors that errors.Join joined, each alone: one of them may be left out, and the others stay.
func parts(err error) []error {
	if err == nil {
		return nil
	}
	if reflect.TypeOf(err) != reflect.TypeOf(errors.Join(err)) {
		return []error{err} // other types with several causes have a text or an exit code of their own
	}
	var out []error
	for _, part := range err.(interface{ Unwrap() []error }).Unwrap() { //nolint:errorlint // its own type, not that of a cause
		out = append(out, parts(part)...)
	}
	return out
}

// diskFull is the system's error if a full disk or quota is the only cause of err, else nil.
func diskFull(err error) error {
	last := err
	for next := errors.Unwrap(last); next != nil; next = errors.Unwrap(next) {
		last = next
	}
	errno, ok := last.(syscall.Errno) //nolint:errorlint // the last cause itself: an error with several causes has another type
	if ok && (errno == syscall.ENOSPC || errno == syscall.EDQUOT) {
		return last
	}
	return nil
}
