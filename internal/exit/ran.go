package exit

import "fmt"

// A RanError is the end of a program that pyimg ran for the user, or why it was not run: the code is the program's affair.
type RanError struct {
	Program Code
	Err     error // nil: the program has said what there is to say
}

func (e *RanError) Error() string {
	if e.Err == nil {
		return fmt.Sprintf("the command ended with code %d", e.Program)
	}
	return e.Err.Error()
}

// Unwrap returns why the program was ended or not run.
func (e *RanError) Unwrap() error { return e.Err }

// ExitCode is the program's.
func (e *RanError) ExitCode() Code { return e.Program }
