package oci

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/pyimg/pyimg/internal/exit"
)

// A MismatchError says that bytes are not those that their digest and size name.
type MismatchError struct {
	Want, Got     string // digests; Got is empty where the size alone shows it
	Size, GotSize int64  // in bytes; GotSize is what was read before it was noticed
}

func (e *MismatchError) Error() string {
	if e.Got == "" || e.Got == e.Want {
		return fmt.Sprintf("its bytes are not those of its descriptor: expected %d bytes, got %d", e.Size, e.GotSize)
	}
	return fmt.Sprintf("its bytes are not those of its descriptor: expected %s, got %s", e.Want, e.Got)
}

// ExitCode is that of a failed verification.
func (e *MismatchError) ExitCode() exit.Code { return exit.Unverified }

// A DamageError says that a file of an image is not there, or does not read as what its name or its descriptor says.
type DamageError struct{ Err error }

func (e *DamageError) Error() string { return e.Err.Error() }
func (e *DamageError) Unwrap() error { return e.Err }

// ExitCode is that of a failed verification.
func (e *DamageError) ExitCode() exit.Code { return exit.Unverified }

// Damagef is fmt.Errorf for a DamageError.
func Damagef(format string, args ...any) error { return &DamageError{fmt.Errorf(format, args...)} }

// A Reader passes a blob through and holds it against its descriptor. It withholds the last bytes until they are known to
// be right, so that no receiver that counts bytes takes a wrong blob for complete.
type Reader struct {
	r    io.ReadCloser
	hash hash.Hash
	desc v1.Descriptor
	n    int64
	err  error // what ended the reading, other than io.EOF: the source's fault, not the receiver's
}

// NewReader checks what r reads against desc. The error of a Read is a [*MismatchError] where the bytes are others.
func NewReader(r io.ReadCloser, desc v1.Descriptor) *Reader {
	return &Reader{r: r, hash: sha256.New(), desc: desc}
}

// Read implements [io.Reader].
func (c *Reader) Read(p []byte) (int, error) {
	if c.err != nil {
		return 0, c.err
	}
	n, err := c.r.Read(p)
	c.hash.Write(p[:n])
	c.n += int64(n)
	ended := errors.Is(err, io.EOF)
	switch {
	case err != nil && !ended:
		c.err = err
	case c.n > c.desc.Size || ended && c.n < c.desc.Size:
		c.err = c.mismatch("")
	case c.n == c.desc.Size && (n > 0 || ended):
		if err == nil {
			err = c.expectEnd()
		}
		if got := "sha256:" + hex.EncodeToString(c.hash.Sum(nil)); got != c.desc.Digest.String() {
			c.err = c.explained(c.mismatch(got))
		}
	}
	if c.err != nil {
		return 0, c.err
	}
	return n, err
}

// Fault is the error that ended the reading, nil for io.EOF: the source, or what it holds, is to blame for it, never the
// receiver.
func (c *Reader) Fault() error { return c.err }

// explained adds to a mismatch what the source itself said at its end: one that checks its bytes, too, knows where they are
// and what to do.
func (c *Reader) explained(mismatch error) error {
	if c.err != nil {
		return fmt.Errorf("%w: %w", mismatch, c.err)
	}
	return mismatch
}

// expectEnd reads on after the last byte, to see that it is the last.
func (c *Reader) expectEnd() error {
	var more [1]byte
	n, err := c.r.Read(more[:])
	if n > 0 {
		c.n += int64(n)
		c.err = c.mismatch("")
	} else if err != nil && err != io.EOF {
		c.err = err
	}
	return err
}

func (c *Reader) mismatch(got string) error {
	return &MismatchError{Want: c.desc.Digest.String(), Got: got, Size: c.desc.Size, GotSize: c.n}
}

// Close closes what is read.
func (c *Reader) Close() error { return c.r.Close() }

// SHA256 is the digest of bytes in memory.
func SHA256(raw []byte) v1.Hash {
	sum := sha256.Sum256(raw)
	return v1.Hash{Algorithm: "sha256", Hex: hex.EncodeToString(sum[:])}
}

// ReadAll reads all of r, or says that there is too much.
func ReadAll(r io.Reader, limit int64) ([]byte, error) {
	raw, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err == nil && int64(len(raw)) > limit {
		err = fmt.Errorf("it has more than %d bytes", limit)
	}
	return raw, err
}
