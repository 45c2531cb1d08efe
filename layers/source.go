package layers

import (
	"context"
	"fmt"
	"io"

	"github.com/pyimg/pyimg/internal/exit"
)

// A Source is where foreign bytes come from.
type Source struct {
	Name   string // URL or path, for errors
	Digest string // "sha256:<hex>" of the bytes; "" where it is not known
	// Tarball takes xz and bzip2, too, with which no layer may be compressed: that is a fault.
	Tarball bool
	Open    func(ctx context.Context) (io.ReadCloser, error)
}

// A DigestError says that a source had other bytes than were asked for.
type DigestError struct {
	Name, Want, Got string
	Fault           error // what else is wrong with the bytes, such as that they end too soon; may be nil
}

func (e *DigestError) Error() string {
	text := fmt.Sprintf("reading %q: its digest is %s, want %s", e.Name, e.Got, e.Want)
	if e.Fault != nil {
		text += ": " + e.Fault.Error()
	}
	return text + "; it was damaged or replaced: try another source, or correct the digest that is asked for"
}

func (e *DigestError) Unwrap() error { return e.Fault }

// ExitCode is that of a failed verification.
func (e *DigestError) ExitCode() exit.Code { return exit.Unverified }
