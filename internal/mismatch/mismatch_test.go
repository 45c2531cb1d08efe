package mismatch_test

import (
	"errors"
	"io"
	"testing"

	"github.com/pyimg/pyimg/internal/exit"
	"github.com/pyimg/pyimg/internal/mismatch"
)

func TestError(t *testing.T) {
	t.Parallel()
	for want, e := range map[string]mismatch.Error{
		"its digest is sha256:b, expected sha256:a":                    {Want: "sha256:a", Got: "sha256:b"},
		"it has 4 bytes, expected 5":                                   {Want: "sha256:a", Size: 5, GotSize: 4},
		"it has more than the expected 5 bytes":                        {Want: "sha256:a", Got: "sha256:a", Size: 5, GotSize: 8},
		`reading "x": its digest is b, expected a; try another mirror`: {Name: "x", Want: "a", Got: "b", Advice: "try another mirror"},
		`reading "x": the checksum of its data is b, expected a: unexpected EOF; try again`: {
			Name: "x", What: "the checksum of its data", Want: "a", Got: "b", Cause: io.ErrUnexpectedEOF, Advice: "try again"},
	} {
		if got := e.Error(); got != want {
			t.Errorf("%+v = %q, want %q", e, got, want)
		}
		if e.Cause != nil && !errors.Is(&e, e.Cause) {
			t.Errorf("%q does not wrap %v", want, e.Cause)
		}
		if code := exit.Of(&e); code != exit.Unverified {
			t.Errorf("%q ends with the code %d, want %d", want, code, exit.Unverified)
		}
	}
}
