package check

import (
	"fmt"
	"strings"

	"github.com/pyimg/pyimg/internal/exit"
	"github.com/pyimg/pyimg/layers/tree"
)

// UnsoundError holds the findings for one platform, of which one is an error at least. Such an image is not written.
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

// ExitCode is that of a failed verification.
func (e *UnsoundError) ExitCode() exit.Code { return exit.Unverified }

// Unsound is a VerifyError of one finding.
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
