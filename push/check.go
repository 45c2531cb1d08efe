package push

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"

	v1 "github.com/google/go-containerregistry/pkg/v1"
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

// checked passes r through and holds it against a descriptor. The last bytes are withheld until they are known to be
// right, so that no receiver that counts bytes takes a wrong blob for complete.
type checked struct {
	r    io.ReadCloser
	hash hash.Hash
	desc v1.Descriptor
	n    int64
	err  error // what ended the reading, other than io.EOF: the source's fault, not the receiver's
}

func newChecked(r io.ReadCloser, desc v1.Descriptor) *checked {
	return &checked{r: r, hash: sha256.New(), desc: desc}
}

func (c *checked) Read(p []byte) (int, error) {
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

// explained adds to a mismatch what the source itself said at its end: one that checks its bytes, too, knows where they lie
// and what to do.
func (c *checked) explained(mismatch error) error {
	if c.err != nil {
		return fmt.Errorf("%w: %w", mismatch, c.err)
	}
	return mismatch
}

// expectEnd reads on after the last byte, to see that it is the last.
func (c *checked) expectEnd() error {
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

func (c *checked) mismatch(got string) error {
	return &MismatchError{Want: c.desc.Digest.String(), Got: got, Size: c.desc.Size, GotSize: c.n}
}

func (c *checked) Close() error { return c.r.Close() }

func sha256Of(raw []byte) v1.Hash {
	sum := sha256.Sum256(raw)
	return v1.Hash{Algorithm: "sha256", Hex: hex.EncodeToString(sum[:])}
}

// copyChecked writes a blob's bytes to w and closes its reader.
func copyChecked(w io.Writer, b blob) error {
	rc, err := b.open()
	if err != nil {
		return fmt.Errorf("opening blob %q: %w", b.desc.Digest, err)
	}
	err = copyReader(w, rc, b.desc)
	if cerr := rc.Close(); err == nil && cerr != nil {
		err = fmt.Errorf("copying blob %q: %w", b.desc.Digest, cerr)
	}
	return err
}

// copyReader writes to w what r holds, which must be what desc says.
func copyReader(w io.Writer, r io.ReadCloser, desc v1.Descriptor) error {
	if _, err := io.Copy(w, newChecked(r, desc)); err != nil {
		return fmt.Errorf("copying blob %q: %w", desc.Digest, err)
	}
	return nil
}
