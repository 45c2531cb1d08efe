package console

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/pyimg/pyimg/internal/atomicfile"
)

// Dash is what a user calls stdout where the name of a file is expected.
const Dash = "-"

// OnStdout reports whether the name of an output is stdout's, by "-" or by what the system calls it.
func OnStdout(name string) bool {
	if name == Dash {
		return true
	}
	target, special, err := atomicfile.Target(name)
	return err == nil && special && slices.Contains([]string{"/dev/fd/1", "/proc/self/fd/1", "/proc/thread-self/fd/1"}, target)
}

// WriteFile writes a small file that the user named, and makes its folder where it is missing. See [atomicfile.Replace].
func (c Console) WriteFile(ctx context.Context, name string, data []byte) error {
	if OnStdout(name) {
		_, err := c.Stdout.Write(data)
		return err
	}
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	return c.CopyFile(ctx, name, bytes.NewReader(data))
}

// CopyFile writes all of from into a file that the user named.
func (c Console) CopyFile(ctx context.Context, name string, from io.Reader) error {
	return c.Stream(ctx, name, func(w io.Writer) error {
		_, err := io.Copy(w, from)
		return err
	})
}

// Stream has write fill what the user named: stdout, or a file as [atomicfile.Replace] does it. A pipe that nobody reads
// is waited for until ctx ends.
func (c Console) Stream(ctx context.Context, name string, write func(io.Writer) error) error {
	ended := make(chan error, 1)
	go func() {
		if OnStdout(name) {
			ended <- write(c.RawOut)
		} else {
			ended <- atomicfile.Replace(name, write)
		}
	}()
	var err error
	select {
	case err = <-ended:
	case <-ctx.Done():
		if _, special, _ := atomicfile.Target(name); special || name == Dash {
			return ctx.Err()
		}
		err = <-ended // leaves nothing half
	}
	if err != nil {
		return fmt.Errorf("writing %q: %w", name, err)
	}
	return nil
}
