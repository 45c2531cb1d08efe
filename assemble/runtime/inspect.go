package runtime

import (
	"context"
	"os"

	"github.com/pyimg/pyimg/assemble/input"
	"github.com/pyimg/pyimg/assemble/python"
	"github.com/pyimg/pyimg/layers"
)

// Inspect describes the runtime in a folder or a tarball (file or URL). It runs nothing.
func Inspect(ctx context.Context, source string, src input.Access) (python.Inspection, error) {
	var raw layers.Blob
	var out python.Inspection
	var err error
	if info, serr := os.Stat(source); serr == nil && info.IsDir() {
		raw, err = ingestFolder(ctx, source, src.Store)
	} else {
		raw, err = src.Store.IngestFacts(ctx, Location{URL: source}.Source(src))
		out.Digest = raw.Digest
	}
	if err != nil {
		return out, err
	}
	out.Report, err = python.Read(src.Store.Entries(raw.Digest))
	return out, err
}
