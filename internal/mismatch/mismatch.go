// Package mismatch has the error for bytes that are not those that were asked for. The rooms that return it have a name of
// their own for it, so that users of the library can find it with errors.As.
package mismatch

import (
	"fmt"

	"github.com/pyimg/pyimg/internal/exit"
)

// An Error says that bytes do not have the expected digest or size.
type Error struct {
	Name      string // what was read, such as a URL or a package; "" if the caller's own words say that
	What      string // what was compared, such as "the checksum of its data"; "" means "its digest"
	Want, Got string // as text; Got is "" if only the sizes were compared
	Size      int64  // in bytes, as expected
	GotSize   int64  // how much was read at least; equal to Size if only Want and Got differ
	Cause     error  // another fault of the same bytes, such as io.ErrUnexpectedEOF; may be nil
	Advice    string // what the user can do; may be ""
}

func (e *Error) Error() string {
	text := ""
	if e.Name != "" {
		text = fmt.Sprintf("reading %q: ", e.Name)
	}
	what := e.What
	if what == "" {
		what = "its digest"
	}
	switch {
	case e.Got != "" && e.Got != e.Want:
		text += fmt.Sprintf("%s is %s, expected %s", what, e.Got, e.Want)
	case e.GotSize > e.Size: // nobody reads on to see how much there is
		text += fmt.Sprintf("it has more than the expected %d bytes", e.Size)
	default:
		text += fmt.Sprintf("it has %d bytes, expected %d", e.GotSize, e.Size)
	}
	if e.Cause != nil {
		text += ": " + e.Cause.Error()
	}
	if e.Advice != "" {
		text += "; " + e.Advice
	}
	return text
}

func (e *Error) Unwrap() error { return e.Cause }

// ExitCode is exit.Unverified.
func (e *Error) ExitCode() exit.Code { return exit.Unverified }
