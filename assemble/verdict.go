package assemble

import (
	"fmt"
	"strings"

	"github.com/pyimg/pyimg/assemble/check"
	"github.com/pyimg/pyimg/layers"
)

// VerifyError holds the findings for one platform, of which one is an error at least. Such an image is not written.
type VerifyError struct{ Findings []check.Finding }

func (e *VerifyError) Error() string {
	var lines []string
	for _, f := range e.Findings {
		if f.Severity == check.Error {
			lines = append(lines, f.String())
		}
	}
	return "the image is not sound: " + strings.Join(lines, "\n  ")
}

// unsound is a VerifyError of one finding.
func unsound(id, at, fix, format string, args ...any) error {
	return &VerifyError{[]check.Finding{{Check: id, Path: at, Fix: fix, Msg: fmt.Sprintf(format, args...)}}}
}

// PlatformFindings is what verifying found in one platform of an image.
type PlatformFindings struct {
	Platform string          `json:"platform"`
	Digest   string          `json:"digest,omitempty"`
	Layers   int             `json:"layers"`
	Files    int             `json:"files"` // paths in the root
	Findings []check.Finding `json:"findings"`
}

// Errors counts the findings that are errors.
func (p PlatformFindings) Errors() int {
	n := 0
	for _, f := range p.Findings {
		if f.Severity == check.Error {
			n++
		}
	}
	return n
}

func newFindings(p string, layers int, t *layers.Tree, found []check.Finding) *PlatformFindings {
	if found == nil {
		found = []check.Finding{}
	}
	return &PlatformFindings{Platform: p, Layers: layers, Files: t.Len(), Findings: found}
}
