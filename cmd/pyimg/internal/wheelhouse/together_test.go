package wheelhouse_test

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"
	"testing"

	"github.com/pyimg/pyimg/cmd/pyimg/internal/wheelhouse"
)

func TestTogether(t *testing.T) {
	t.Parallel()
	full := func(at string) error {
		return fmt.Errorf("writing: %w", &fs.PathError{Op: "write", Path: at, Err: syscall.ENOSPC})
	}
	denied := &fs.PathError{Op: "open", Path: "c", Err: syscall.EACCES}
	other := errors.New("other")
	for _, c := range []struct {
		errs []error
		want string
	}{
		{[]error{full("a"), full("b"), full("c")}, "writing: write a: no space left on device"},
		{[]error{nil, full("b")}, "writing: write b: no space left on device"},
		{[]error{full("a"), denied}, "writing: write a: no space left on device\nopen c: permission denied"},
		{[]error{other, other}, "other\nother"},
		{[]error{nil, nil}, ""},
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
