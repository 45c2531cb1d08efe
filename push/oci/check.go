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
	"github.com/pyimg/pyimg/internal/mismatch"
)

// A DigestError says that bytes do not have the digest or the size of their descriptor.
type DigestError = mismatch.Error

// A DamageError says that a file of an image is missing, or that its content is not what its name or descriptor
// promises.
type DamageError struct{ Err error }

func (e *DamageError) Error() string { return e.Err.Error() }
func (e *DamageError) Unwrap() error { return e.Err }

// ExitCode returns [exit.Unverified].
func (e *DamageError) ExitCode() exit.Code { return exit.Unverified }

// Damagef makes a DamageError as fmt.Errorf makes an error.
func Damagef(format string, args ...any) error { return &DamageError{fmt.Errorf(format, args...)} }

// A Reader reads a blob and checks it against its descriptor. It returns the last bytes only after it has checked them,
// so that a receiver that counts bytes never takes a wrong blob for complete.
type Reader struct {
	r    io.ReadCloser
	hash hash.Hash // nil where r is a Hasher
	desc v1.Descriptor
	n    int64
	err  error // the error that ended the reading, other than io.EOF; the source caused it, not the receiver
}

// A Hasher is a reader that hashes the bytes that it returns. A [Reader] of it does not hash them again: it compares the
// Hasher's digest with the descriptor.
type Hasher interface {
	SHA256() string // "sha256:<hex>" of the bytes that Read has returned so far
}

// NewReader returns a Reader that checks r against desc. Read returns a [*DigestError] where the bytes differ. r may be a
// [Hasher].
func NewReader(r io.ReadCloser, desc v1.Descriptor) *Reader {
	c := &Reader{r: r, desc: desc}
	if _, ok := r.(Hasher); !ok {
		c.hash = sha256.New()
	}
	return c
}

// Read implements [io.Reader].
func (c *Reader) Read(p []byte) (int, error) {
	if c.err != nil {
		return 0, c.err
	}
	n, err := c.r.Read(p)
	if c.hash != nil {
		c.hash.Write(p[:n])
	}
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
		if got := c.SHA256(); got != c.desc.Digest.String() {
			c.err = c.explained(c.mismatch(got))
		}
	}
	if c.err != nil {
		return 0, c.err
	}
	return n, err
}

// SHA256 makes a Reader a [Hasher], so that a Reader of a Reader hashes nothing.
func (c *Reader) SHA256() string {
	if c.hash == nil {
		return c.r.(Hasher).SHA256()
	}
	return "sha256:" + hex.EncodeToString(c.hash.Sum(nil))
}

// Fault returns the error that ended the reading, or nil after io.EOF. The source caused that error, never the
// receiver.
func (c *Reader) Fault() error { return c.err }

// explained adds the source's own error to a mismatch: a source that also checks its bytes knows where they are and
// what to do.
func (c *Reader) explained(mismatch error) error {
	if c.err != nil {
		return fmt.Errorf("%w: %w", mismatch, c.err)
	}
	return mismatch
}

// expectEnd reads on after the last byte to make sure that nothing follows.
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
	return &DigestError{Want: c.desc.Digest.String(), Got: got, Size: c.desc.Size, GotSize: c.n}
}

// Close closes the reader that NewReader was given.
func (c *Reader) Close() error { return c.r.Close() }

// SHA256 returns the digest of bytes in memory.
func SHA256(raw []byte) v1.Hash {
	sum := sha256.Sum256(raw)
	return v1.Hash{Algorithm: "sha256", Hex: hex.EncodeToString(sum[:])}
}

// ReadAll reads all of r. It returns an error where r has more than limit bytes.
func ReadAll(r io.Reader, limit int64) ([]byte, error) {
	raw, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err == nil && int64(len(raw)) > limit {
		err = fmt.Errorf("it has more than %d bytes", limit)
	}
	return raw, err
}
