package layers

import (
	"errors"
	"io"
)

// noEOF turns an end of file where more must follow into io.ErrUnexpectedEOF.
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
