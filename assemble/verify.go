package assemble

import (
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/pyimg/pyimg/assemble/check"
	"github.com/pyimg/pyimg/assemble/spec"
	"github.com/pyimg/pyimg/layers/tree"
)

// Verify checks, without running anything, that a container of the image could start, and that what is in it could work.
func Verify(t *tree.Tree, p spec.Platform, c v1.Config) []check.Finding {
	return check.Check(checkedImage(p, t, c))
}

// image is what the checks go by. A platform that Alpine does not have is one of any machine.
func checkedImage(p spec.Platform, t *tree.Tree, c v1.Config) check.Image {
	machine, bits := p.Machine()
	return check.Image{Platform: p.String(), Config: c, Tree: t, Machine: machine, Bits: bits}
}

// verify checks what is laid out. The error is a *check.UnsoundError where a container could not start.
func verify(s stack, p spec.Platform, c v1.Config) (check.Report, error) {
	findings := Verify(s.tree, p, c)
	report := *check.NewReport(p.String(), len(s.layers)+1, s.tree, findings) // the last layer is made once this has passed
	if report.Errors() > 0 {
		return report, &check.UnsoundError{Findings: findings}
	}
	return report, nil
}
