package layers

import (
	"errors"
	"fmt"
	"io"
)

// noEOF tells an end where there should be more from one where there may be.
func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// readAll reads a file of which the size is known.
func readAll(f io.Reader, size int64) ([]byte, error) {
	raw := make([]byte, size)
	if _, err := io.ReadFull(f, raw); err != nil {
		return nil, fmt.Errorf("reading a file of %d bytes: %w", size, noEOF(err))
	}
	return raw, nil
}

// onlyWriter and onlyReader hide what would make io.CopyBuffer go around its buffer.
type (
	onlyWriter struct{ io.Writer }
	onlyReader struct{ io.Reader }
)
