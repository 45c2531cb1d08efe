package layers

import (
	"context"
	"io"

	"github.com/pyimg/pyimg/internal/mismatch"
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
type DigestError = mismatch.Error

// wrongDigest is the error for bytes that are not those of src. fault is another fault of them; it may be nil.
func wrongDigest(src Source, got string, fault error) error {
	return &DigestError{Name: src.Name, Want: src.Digest, Got: got, Cause: fault,
		Advice: "it was damaged or replaced: try another source, or correct the digest that you asked for"}
}
