package assemble

import (
	"context"

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

func (b *platformBuild) verify(context.Context) error {
	b.config = imageConfig(b.spec, b.plan)
	findings := Verify(b.tree, b.plan.Platform, b.config)
	b.found = check.NewReport(b.plan.Platform.String(), len(b.layers)+1, b.tree, findings) // the last layer is made once this has passed
	for _, f := range findings {
		switch f.Severity {
		case check.Error:
			return &check.UnsoundError{Findings: findings}
		case check.Warning:
			b.warnings = append(b.warnings, f.String())
		}
	}
	return nil
}
