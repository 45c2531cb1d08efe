package disk

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/pyimg/pyimg/internal/atomicfile"
	"github.com/pyimg/pyimg/internal/patience"
	"github.com/pyimg/pyimg/push/oci"
)

const copyBuffer = 128 << 10

func isTemporary(name string) bool { return strings.HasPrefix(name, atomicfile.Prefix) }

// buffered calls write with a large buffer before w, and stops when ctx ends.
func buffered(ctx context.Context, w io.Writer, write func(io.Writer) error) error {
	b := bufio.NewWriterSize(patience.Writer(ctx, w), copyBuffer)
	if err := write(b); err != nil {
		return err
	}
	return b.Flush()
}

// replace writes a temporary file in dir and renames it to path when it is complete. It removes an incomplete file.
func replace(ctx context.Context, dir, path string, write func(io.Writer) error) error {
	return replaceFile(dir, path, func(f *os.File) error { return buffered(ctx, f, write) })
}

func replaceFile(dir, path string, write func(*os.File) error) error {
	if err := atomicfile.Write(dir, path, write); err != nil {
		return fmt.Errorf("writing %q: %w", path, err)
	}
	return nil
}

// An inFile is a reader of a whole file. The file is open as long as the reader.
type inFile interface{ File() *os.File }

// copyFile is replace for a copy of a file. The system makes the copy, or shares the bytes where the file system can:
// see copy_file_range(2). copyFile checks the copy against desc before it renames it, and returns a *DigestError
// where they differ.
func copyFile(ctx context.Context, dir, path string, from *os.File, desc v1.Descriptor) error {
	return replaceFile(dir, path, func(to *os.File) error {
		const step = 64 << 20 // bytes copied between checks of ctx
		for left := desc.Size; left > 0; {
			if err := ctx.Err(); err != nil {
				return err
			}
			n, err := io.CopyN(to, from, min(left, step))
			if left -= n; errors.Is(err, io.EOF) {
				return &oci.DigestError{Want: desc.Digest.String(), Size: desc.Size, GotSize: desc.Size - left}
			}
			if err != nil {
				return err
			}
		}
		written := io.NopCloser(io.NewSectionReader(to, 0, desc.Size))
		_, err := io.CopyBuffer(patience.Writer(ctx, io.Discard), oci.NewReader(written, desc), make([]byte, copyBuffer))
		return err
	})
}

// copyChecked writes a blob's bytes to w and closes the blob's reader.
func copyChecked(w io.Writer, b oci.Blob) error {
	rc, err := b.Open()
	if err != nil {
		return fmt.Errorf("opening blob %q: %w", b.Desc.Digest, err)
	}
	err = copyReader(w, rc, b.Desc)
	if cerr := rc.Close(); err == nil && cerr != nil {
		err = fmt.Errorf("copying blob %q: %w", b.Desc.Digest, cerr)
	}
	return err
}

// copyReader writes the bytes of r to w and checks them against desc.
func copyReader(w io.Writer, r io.ReadCloser, desc v1.Descriptor) error {
	if _, err := io.Copy(w, oci.NewReader(r, desc)); err != nil {
		return fmt.Errorf("copying blob %q: %w", desc.Digest, err)
	}
	return nil
}
