package wheelhouse_test

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"
	"testing"

	"github.com/pyimg/pyimg/cmd/pyimg/internal/wheelhouse"
	"github.com/pyimg/pyimg/internal/exit"
)

func TestTogether(t *testing.T) {
	t.Parallel()
	full := func(at string) error {
		return fmt.Errorf("writing: %w", &fs.PathError{Op: "write", Path: at, Err: syscall.ENOSPC})
	}
	denied := &fs.PathError{Op: "open", Path: "c", Err: syscall.EACCES}
	other := errors.New("other")
	missing := func(at string) error { return &fs.PathError{Op: "open", Path: at, Err: syscall.ENOENT} }
	for _, c := range []struct {
		errs []error
		want string
	}{
		{[]error{full("a"), full("b"), full("c")}, "writing: write a: no space left on device"},
		{[]error{nil, full("b")}, "writing: write b: no space left on device"},
		{[]error{full("a"), denied}, "writing: write a: no space left on device\nopen c: permission denied"},
		{[]error{other, other}, "other\nother"},
		{[]error{nil, nil}, ""},
		{[]error{missing("builder/bin/sh"), missing("index.key")}, "open builder/bin/sh: no such file or directory\nopen index.key: no such file or directory"},
		{[]error{full("a"), errors.Join(full("b"), other)}, "writing: write a: no space left on device\nother"},
		{[]error{full("a"), errors.Join(errors.Join(nil, full("b")), full("c"))}, "writing: write a: no space left on device"},
		{[]error{full("a"), fmt.Errorf("%w, and %w", full("b"), other)}, "writing: write a: no space left on device\nwriting: write b: no space left on device, and other"},
	} {
		text := ""
		if err := wheelhouse.Together(c.errs...); err != nil {
			text = err.Error()
		}
		if text != c.want {
			t.Errorf("together %q are %q, want %q", c.errs, text, c.want)
		}
	}
}

// coded is an error with an exit code and several causes, one of which may be a full disk.
type coded []error

func (c coded) Error() string     { return errors.Join(c...).Error() }
func (c coded) Unwrap() []error   { return c }
func (coded) ExitCode() exit.Code { return exit.Unverified }

func TestTogetherKeepsExitCodes(t *testing.T) {
	t.Parallel()
	full := &fs.PathError{Op: "write", Path: "a", Err: syscall.ENOSPC}
	forged := coded{full, errors.New("the signature is wrong")}
	for _, second := range []error{forged, errors.Join(full, forged)} {
		if got := exit.Of(wheelhouse.Together(full, second)); got != exit.Unverified {
			t.Errorf("a full disk together with %q has the exit code %d, want %d", second, got, exit.Unverified)
		}
	}
}
