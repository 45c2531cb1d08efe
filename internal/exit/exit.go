// Package exit has the exit codes of pyimg, which scripts rely on. An error that stands for one says so itself, by a method
// ExitCode; [Of] finds the code of an error and its causes.
package exit

import "fmt"

// A Code is what the process returns. The README documents each.
type Code int

// The exit codes.
const (
	Done        Code = 0
	Failed      Code = 1
	Usage       Code = 2 // wrong use or bad spec
	NoSolution  Code = 3 // for the packages
	Auth        Code = 4
	Network     Code = 5 // or registry
	Unverified  Code = 6 // damaged, forged or unsound
	Interrupted Code = 130
)

// A Coder is an error with an exit code of its own; Done means that its causes decide.
type Coder interface {
	error
	ExitCode() Code
}

// Of returns the exit code of an error: that of the outermost error in its tree that has one. A request often fails for what was
// sent or received in it, so Auth and Network are taken only where no error of the tree has another code.
func Of(err error) Code {
	if err == nil {
		return Done
	}
	return of(err, Failed)
}

// of walks the tree of an error, parents first; found is what there was before it: Failed, Auth or Network.
func of(err error, found Code) Code {
	if c, ok := err.(Coder); ok { //nolint:errorlint // each error of the tree is asked by itself
		switch own := c.ExitCode(); {
		case own == Auth || own == Network:
			if found == Failed {
				found = own
			}
		case own != Done && own != Failed:
			return own
		}
	}
	var causes []error
	switch e := err.(type) { //nolint:errorlint // as above
	case interface{ Unwrap() error }:
		causes = []error{e.Unwrap()}
	case interface{ Unwrap() []error }:
		causes = e.Unwrap()
	}
	for _, cause := range causes {
		if cause == nil {
			continue
		}
		if found = of(cause, found); found != Failed && found != Auth && found != Network {
			break
		}
	}
	return found
}

// A UsageError is a command line that cannot be meant.
type UsageError struct{ Err error }

func (e *UsageError) Error() string { return e.Err.Error() }

// Unwrap returns what is wrong with it.
func (e *UsageError) Unwrap() error { return e.Err }

// ExitCode is that of wrong use.
func (e *UsageError) ExitCode() Code { return Usage }

// WrongUse says of an error that it is the command line's.
func WrongUse(err error) error { return &UsageError{err} }

// Usagef is an error of the command line.
func Usagef(format string, args ...any) error { return WrongUse(fmt.Errorf(format, args...)) }
