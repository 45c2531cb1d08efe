package check

import (
	"fmt"
	"strings"

	"github.com/pyimg/pyimg/internal/exit"
	"github.com/pyimg/pyimg/layers/tree"
)

// Severity says how bad a finding is.
type Severity int

const (
	// Error is a fault that keeps the image, or a program or library in it, from working.
	Error Severity = iota
	// Warning is a fault that shows only in some environments, or something that is probably a mistake.
	Warning
	// Note is for information.
	Note
)

// String is the severity in lower case.
func (s Severity) String() string { return [...]string{"error", "warning", "note"}[s] }

// MarshalText is String, for JSON.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (s *Severity) UnmarshalText(b []byte) error {
	for _, is := range []Severity{Error, Warning, Note} {
		if is.String() == string(b) {
			*s = is
			return nil
		}
	}
	return fmt.Errorf("severity %q: expected error, warning or note", b)
}

// Finding is what one check reports of an image.
type Finding struct {
	Severity Severity `json:"severity"`
	Check    string   `json:"check"`             // a stable name, see docs/VERIFY.md
	Path     string   `json:"path,omitempty"`    // in the image, absolute; "" if the finding is about the configuration
	Layer    string   `json:"layer,omitempty"`   // the layer that contains the path
	Package  string   `json:"package,omitempty"` // the package that owns the path, as name-version
	Msg      string   `json:"message"`           // what is wrong
	Fix      string   `json:"fix,omitempty"`     // what to do
}

// String says what is wrong and what to do, on one line: a line break in a file's name must not begin another message.
func (f Finding) String() string {
	text := f.Msg
	if f.Fix != "" {
		text += "; " + f.Fix
	}
	return strings.ReplaceAll(text, "\n", `\n`)
}

// UnsoundError has the findings for one platform, at least one of them an error. Such an image is not written.
type UnsoundError struct{ Findings []Finding }

func (e *UnsoundError) Error() string {
	var lines []string
	for _, f := range e.Findings {
		if f.Severity == Error {
			lines = append(lines, f.String())
		}
	}
	return "the image is not sound: " + strings.Join(lines, "\n  ")
}

// ExitCode is the exit code of a failed verification.
func (e *UnsoundError) ExitCode() exit.Code { return exit.Unverified }

// Unsound returns an UnsoundError with one finding.
func Unsound(id, at, fix, format string, args ...any) error {
	return &UnsoundError{[]Finding{{Check: id, Path: at, Fix: fix, Msg: fmt.Sprintf(format, args...)}}}
}

// Report is what verifying found in one platform of an image.
type Report struct {
	Platform string    `json:"platform"`
	Digest   string    `json:"digest,omitempty"`
	Layers   int       `json:"layers"`
	Files    int       `json:"files"` // paths in the root
	Findings []Finding `json:"findings"`
}

// Errors counts the findings that are errors.
func (p Report) Errors() int {
	n := 0
	for _, f := range p.Findings {
		if f.Severity == Error {
			n++
		}
	}
	return n
}

func NewReport(p string, layers int, t *tree.Tree, found []Finding) *Report {
	if found == nil {
		found = []Finding{}
	}
	return &Report{Platform: p, Layers: layers, Files: t.Len(), Findings: found}
}
