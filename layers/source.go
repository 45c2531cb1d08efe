package layers

import (
	"context"
	"fmt"
	"io"

	"github.com/pyimg/pyimg/internal/exit"
)

// A Source opens foreign bytes.
type Source struct {
	Name   string // URL or path, for errors
	Digest string // "sha256:<hex>" of the bytes; "" if it is not known
	// Tarball accepts xz and bzip2, too. No layer may have these compressions, so they are a fault.
	Tarball bool
	Open    func(ctx context.Context) (io.ReadCloser, error)
}

// A DigestError says that the bytes of a source do not have the requested digest.
type DigestError struct {
	Name, Want, Got string
	Fault           error // another fault of the bytes, such as an early end; may be nil
}

func (e *DigestError) Error() string {
	text := fmt.Sprintf("reading %q: its digest is %s, want %s", e.Name, e.Got, e.Want)
	if e.Fault != nil {
		text += ": " + e.Fault.Error()
	}
	return text + "; it was damaged or replaced: try another source, or correct the digest that you asked for"
}

func (e *DigestError) Unwrap() error { return e.Fault }

// ExitCode is exit.Unverified.
func (e *DigestError) ExitCode() exit.Code { return exit.Unverified }
