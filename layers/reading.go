package layers

import (
	"errors"
	"io"
)

// noEOF tells an end where there should be more from one where there may be.
func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// onlyWriter and onlyReader hide what would make io.CopyBuffer go around its buffer.
type (
	onlyWriter struct{ io.Writer }
	onlyReader struct{ io.Reader }
)
