package image

import (
	"context"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/pyimg/pyimg/assemble/check"
	"github.com/pyimg/pyimg/assemble/spec"
	"github.com/pyimg/pyimg/layers"
)

// Verify checks each platform of an image, whoever made it, and returns what it left aside; only those asked for where
// there are any.
func Verify(ctx context.Context, index v1.ImageIndex, store *layers.Store, only []spec.Platform) ([]check.Report, []LeftAside, error) {
	var all []check.Report
	aside, err := eachContents(ctx, index, store, only, func(c Contents) error {
		all = append(all, c.verify())
		return nil
	})
	return all, aside, err
}

func (c Contents) verify() check.Report {
	machine, bits := c.Platform.Machine()
	im := check.Image{Platform: c.Platform.String(), Config: c.Config.Config, Tree: c.Tree, Machine: machine, Bits: bits}
	im.Oddities, im.Own = c.oddities, c.own
	r := check.NewReport(c.Platform.String(), len(c.Layers), c.Tree, check.Check(im))
	r.Digest = c.Digest
	return *r
}
