package push

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
)

const copyBuffer = 128 << 10

func isTemporary(name string) bool { return strings.HasPrefix(name, atomicfile.Prefix) }

// buffered has write fill w by large pieces, until ctx ends.
func buffered(ctx context.Context, w io.Writer, write func(io.Writer) error) error {
	b := bufio.NewWriterSize(cancellable(ctx, w), copyBuffer)
	if err := write(b); err != nil {
		return err
	}
	return b.Flush()
}

// replace writes a file beside path, in dir, and renames it when it is whole. Nothing is left of one that is not.
func replace(ctx context.Context, dir, path string, write func(io.Writer) error) error {
	return replaceFile(dir, path, func(f *os.File) error { return buffered(ctx, f, write) })
}

func replaceFile(dir, path string, write func(*os.File) error) error {
	if err := atomicfile.Write(dir, path, write); err != nil {
		return fmt.Errorf("writing %q: %w", path, err)
	}
	return nil
}

// An inFile is a reader whose bytes are those of a file, from its start to its end. The file is open as long as the reader.
type inFile interface{ File() *os.File }

// copyFile is replace by a copy of a file, which the system makes, or has share the bytes where the file system can: see
// copy_file_range(2). What was written is held against desc before it gets its name: a *MismatchError if it is other
// bytes.
func copyFile(ctx context.Context, dir, path string, from *os.File, desc v1.Descriptor) error {
	return replaceFile(dir, path, func(to *os.File) error {
		const step = 64 << 20 // between looks at ctx
		for left := desc.Size; left > 0; {
			if err := ctx.Err(); err != nil {
				return err
			}
			n, err := io.CopyN(to, from, min(left, step))
			if left -= n; errors.Is(err, io.EOF) {
				return &MismatchError{Want: desc.Digest.String(), Size: desc.Size, GotSize: desc.Size - left}
			}
			if err != nil {
				return err
			}
		}
		written := io.NopCloser(io.NewSectionReader(to, 0, desc.Size))
		_, err := io.CopyBuffer(cancellable(ctx, io.Discard), newChecked(written, desc), make([]byte, copyBuffer))
		return err
	})
}

// writerFunc writes by a function.
type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// cancellable stops a copy to w when ctx ends.
func cancellable(ctx context.Context, w io.Writer) io.Writer {
	return writerFunc(func(p []byte) (int, error) {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		return w.Write(p)
	})
}

// readBounded reads all of r, or says that there is too much.
func readBounded(r io.Reader, limit int64) ([]byte, error) {
	raw, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err == nil && int64(len(raw)) > limit {
		err = fmt.Errorf("it has more than %d bytes", limit)
	}
	return raw, err
}
