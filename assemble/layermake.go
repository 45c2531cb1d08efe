package assemble

import (
	"strings"

	"github.com/pyimg/pyimg/layers"
)

// newLayer is a blob as one layer of an image.
func newLayer(b layers.Blob, from string, reasons []Reason, recipe *Recipe) LockedLayer {
	return LockedLayer{b.Digest, b.DiffID, b.MediaType, b.Size, from, reasons, recipe}
}

// compressionOf is the blob's compression as the spec names it.
func compressionOf(b layers.Blob) string {
	if strings.HasSuffix(b.MediaType, "zstd") {
		return "zstd"
	}
	return "gzip"
}
