package exit_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/pyimg/pyimg/internal/exit"
)

type coded struct {
	code  exit.Code
	cause error
}

func (c coded) Error() string       { return fmt.Sprint(c.code) }
func (c coded) Unwrap() error       { return c.cause }
func (c coded) ExitCode() exit.Code { return c.code }

// process is an error of another program: its code is not pyimg's.
type process struct{ error }

func (process) ExitCode() int { return 3 }

func TestOf(t *testing.T) {
	t.Parallel()
	plain := errors.New("plain")
	network, damaged := coded{exit.Network, plain}, coded{exit.Unverified, plain}
	for name, test := range map[string]struct {
		err  error
		want exit.Code
	}{
		"none":                     {nil, exit.Done},
		"plain":                    {plain, exit.Failed},
		"another program's":        {process{plain}, exit.Failed},
		"wrapped":                  {fmt.Errorf("a: %w", coded{exit.NoSolution, nil}), exit.NoSolution},
		"network":                  {network, exit.Network},
		"credentials of a request": {coded{exit.Network, coded{exit.Auth, plain}}, exit.Network},
		"damage within a request":  {coded{exit.Network, damaged}, exit.Unverified},
		"a request within damage":  {coded{exit.Unverified, network}, exit.Unverified},
		"damage that is bad usage": {coded{exit.Unverified, exit.WrongUse(plain)}, exit.Unverified},
		"usage with a damage":      {exit.WrongUse(damaged), exit.Usage},
		"several":                  {errors.Join(plain, network, damaged, exit.Usagef("x")), exit.Unverified},
		"a program that was run":   {&exit.RanError{Program: 5}, 5},
		"a program not run":        {&exit.RanError{Program: 125, Err: network}, 125},
		"no opinion":               {coded{exit.Done, network}, exit.Network},
	} {
		if got := exit.Of(test.err); got != test.want {
			t.Errorf("%s: Of = %d, want %d", name, got, test.want)
		}
	}
}
