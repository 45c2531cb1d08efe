package image

import (
	"context"
	"fmt"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/pyimg/pyimg/assemble/check"
	"github.com/pyimg/pyimg/assemble/spec"
	"github.com/pyimg/pyimg/layers"
)

// Verify checks each platform of an image, whatever tool made it, and returns the entries that it skipped. With only, it checks
// only these platforms.
func Verify(ctx context.Context, index v1.ImageIndex, store *layers.Store, only []spec.Platform) ([]check.Report, []Skipped, error) {
	var all []check.Report
	skipped, err := eachContents(ctx, index, store, only, func(c Contents) error {
		all = append(all, c.verify())
		return nil
	})
	return all, skipped, err
}

func (c Contents) verify() check.Report {
	machine, bits := c.Platform.Machine()
	im := check.Image{Platform: c.Platform.String(), Config: c.Config.Config, Tree: c.Tree, Machine: machine, Bits: bits}
	im.Oddities, im.Own = c.oddities, c.own
	found := slices.Concat(c.mislabelled(), check.Check(im), c.staleDocuments())
	r := check.NewReport(c.Platform.String(), len(c.Layers), c.Tree, found)
	r.Digest = c.Digest
	return *r
}

// mislabelled finds layers whose diff ID is not the one in the configuration: container runtimes refuse to unpack them.
func (c Contents) mislabelled() (found []check.Finding) {
	stated := c.Config.RootFS.DiffIDs
	if len(stated) != len(c.diffIDs) {
		return []check.Finding{{Check: "diff-id", Fix: "build the image again", Msg: fmt.Sprintf("diff-id: layers in the image: %d, in its configuration: %d; no container runtime unpacks it",
			len(c.diffIDs), len(stated))}}
	}
	for i, is := range c.diffIDs {
		if want := stated[i].String(); want != is {
			found = append(found, check.Finding{Check: "diff-id", Layer: c.Layers[i].Digest, Fix: "build the image again",
				Msg: fmt.Sprintf("diff-id: the configuration says that layer %d unpacks to %s, but it unpacks to %s: no container runtime accepts it", i+1, want, is)})
		}
	}
	return found
}
