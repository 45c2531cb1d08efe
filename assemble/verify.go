package assemble

import (
	"context"
	"debug/elf"
	"fmt"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/pyimg/pyimg/assemble/check"
	"github.com/pyimg/pyimg/layers"
)

// Finding is something in which an image is not sound.
type Finding = check.Finding

// VerifyError holds the findings for one platform, of which one is an error at least. Such an image is not written.
type VerifyError struct{ Findings []Finding }

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
func unsound(check, at, fix, format string, args ...any) error {
	return &VerifyError{[]Finding{{Check: check, Path: at, Fix: fix, Msg: fmt.Sprintf(format, args...)}}}
}

// Verify checks, without running anything, that a container of the image could start, and that what is in it could work.
func Verify(t *layers.Tree, p Platform, c v1.Config) []Finding {
	return check.Check(p.image(t, c))
}

// image is what the checks go by. A platform that Alpine does not have is one of any machine.
func (p Platform) image(t *layers.Tree, c v1.Config) check.Image {
	im := check.Image{Platform: p.String(), Config: c, Tree: t, Machine: elf.EM_NONE}
	for _, a := range arches() {
		if a.platform.Architecture == p.Architecture {
			im.Machine, im.Bits = a.machine, a.bits
		}
	}
	return im
}

func (b *platformBuild) verify(context.Context) error {
	b.config = imageConfig(b.spec, b.plan)
	findings := Verify(b.tree, b.plan.Platform, b.config)
	b.found = newFindings(b.plan.Platform, len(b.layers)+1, b.tree, findings) // the last layer is made once this has passed
	for _, f := range findings {
		switch f.Severity {
		case check.Error:
			return &VerifyError{findings}
		case check.Warning:
			b.warnings = append(b.warnings, f.String())
		}
	}
	return nil
}

// PlatformFindings is what verifying found in one platform of an image.
type PlatformFindings struct {
	Platform string    `json:"platform"`
	Digest   string    `json:"digest,omitempty"`
	Layers   int       `json:"layers"`
	Files    int       `json:"files"` // paths in the root
	Findings []Finding `json:"findings"`
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

// VerifyIndex checks each platform of an image, whoever made it, and returns what it left aside; only those asked for where
// there are any.
func VerifyIndex(ctx context.Context, index v1.ImageIndex, store *layers.Store, only []Platform) ([]PlatformFindings, []LeftAside, error) {
	var all []PlatformFindings
	aside, err := eachContents(ctx, index, store, only, func(c Contents) error {
		all = append(all, c.verify())
		return nil
	})
	return all, aside, err
}

func (c Contents) verify() PlatformFindings {
	im := c.Platform.image(c.Tree, c.Config.Config)
	im.Oddities, im.Own = c.oddities, c.own
	r := newFindings(c.Platform, len(c.Layers), c.Tree, check.Check(im))
	r.Digest = c.Digest
	return *r
}

func newFindings(p Platform, layers int, t *layers.Tree, found []Finding) *PlatformFindings {
	if found == nil {
		found = []Finding{}
	}
	return &PlatformFindings{Platform: p.String(), Layers: layers, Files: t.Len(), Findings: found}
}
