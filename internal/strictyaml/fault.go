package strictyaml

import (
	"fmt"
	"strings"

	"github.com/pyimg/pyimg/internal/exit"
)

// Fault is one thing wrong in a document.
type Fault struct {
	File         string
	Line, Column int // from 1; 0 if the fault has no place
	Field        string
	Msg          string
}

func (f Fault) Error() string {
	text := f.place() + ": "
	if f.Field != "" {
		text += f.Field + ": "
	}
	return text + f.Msg
}

func (f Fault) place() string {
	if f.Line == 0 {
		return f.File
	}
	return fmt.Sprintf("%s:%d:%d", f.File, f.Line, f.Column)
}

// Error has all faults of a document, in the order of their places.
type Error struct{ Faults []Fault }

func (e *Error) Error() string {
	lines := make([]string, len(e.Faults))
	for i, f := range e.Faults {
		lines[i] = f.Error()
	}
	return strings.Join(lines, "\n")
}

// ExitCode is the exit code of wrong use.
func (e *Error) ExitCode() exit.Code { return exit.Usage }
