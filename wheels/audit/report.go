package audit

import (
	"fmt"
	"strings"

	"github.com/pyimg/pyimg/internal/exit"
	"github.com/pyimg/pyimg/wheels/repository"
)

// Finding is something that is wrong with a wheel.
type Finding struct {
	File string `json:"file,omitempty"` // in the wheel; "" for the wheel itself
	Msg  string `json:"message"`
}

func (f Finding) String() string {
	if f.File == "" {
		return f.Msg
	}
	return f.File + ": " + f.Msg
}

// Report is what an audit found.
type Report struct {
	Wheel    string    `json:"wheel"`
	Errors   []Finding `json:"errors,omitempty"`
	Warnings []string  `json:"warnings,omitempty"`
	Needs    []string  `json:"needs,omitempty"` // libraries of the system, by soname
	Machine  bool      `json:"machine_code"`    // it has some

	Provided []repository.Alpine `json:"provided,omitempty"` // where they are, if that was asked for
}

// Error has all that is wrong with a wheel.
type Error struct{ Report Report }

func (e *Error) Error() string {
	lines := make([]string, len(e.Report.Errors))
	for i, f := range e.Report.Errors {
		lines[i] = e.Report.Wheel + ": " + f.String()
	}
	return strings.Join(lines, "\n")
}

// ExitCode is Unverified.
func (e *Error) ExitCode() exit.Code { return exit.Unverified }

// Err is an *Error where the wheel must not be in an index.
func (r Report) Err() error {
	if len(r.Errors) == 0 {
		return nil
	}
	return &Error{r}
}

func (r *Report) fault(file, format string, args ...any) {
	if len(r.Errors) < maxFindings {
		r.Errors = append(r.Errors, Finding{file, fmt.Sprintf(format, args...)})
	}
}

// maxFindings bounds what a hostile wheel can make pyimg print.
const maxFindings = 50
