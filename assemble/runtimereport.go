package assemble

import (
	"context"
	"os"

	"github.com/pyimg/pyimg/assemble/python"
	"github.com/pyimg/pyimg/layers"
)

// InspectRuntime tells what is in a folder or a tarball (file or URL). Nothing of it runs.
func InspectRuntime(ctx context.Context, source string, src Sources) (RuntimeReport, error) {
	var raw layers.Blob
	var out RuntimeReport
	var err error
	if info, serr := os.Stat(source); serr == nil && info.IsDir() {
		raw, err = ingestFolder(ctx, source, src.Store)
	} else {
		raw, err = src.Store.Learn(ctx, place{url: source}.source(src))
		out.Digest = raw.Digest
	}
	if err != nil {
		return out, err
	}
	out.Report, err = python.Read(src.Store.Entries(raw.Digest))
	return out, err
}
