package image

import (
	"cmp"
	"context"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/pyimg/pyimg/assemble/inventory"
	"github.com/pyimg/pyimg/assemble/python"
	"github.com/pyimg/pyimg/assemble/spec"
	"github.com/pyimg/pyimg/layers"
	"github.com/pyimg/pyimg/sbom"
)

// readNote says in a document that it was not written from a lock.
const readNote = "read from the files of the finished image: apk's database, Python's metadata, and what Python was built with; files that nothing lists are not in it"

// Documents lists what each platform of an image consists of, as far as its files show it, and returns the entries that it
// skipped. With only, it reads only these platforms.
func Documents(ctx context.Context, index v1.ImageIndex, store *layers.Store, only []spec.Platform) ([]sbom.Document, []Skipped, error) {
	var all []sbom.Document
	skipped, err := eachContents(ctx, index, store, only, func(c Contents) error {
		report, err := python.Read(c.Tree.Entries())
		if err != nil {
			return err
		}
		components, err := inventory.Of(inventory.Input{Tree: c.Tree, Environment: c.environment, Runtimes: []inventory.Runtime{{Report: report}}})
		all = append(all, sbom.Document{Name: cmp.Or(c.Config.Config.Labels["org.opencontainers.image.title"], "image"), Platform: c.Platform.String(),
			Created: c.Config.Created.UTC(), Notes: []string{readNote, "digest of the image's manifest: " + c.Digest}, Components: components, Asked: inventory.Asked(components, c.world())})
		return err
	})
	return all, skipped, err
}

// world are the lines of etc/apk/world.
func (c Contents) world() []string {
	n, err := c.Tree.Lookup("etc/apk/world")
	if err != nil {
		return nil
	}
	return strings.Fields(string(n.Entry.Kept))
}
