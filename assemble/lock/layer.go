package lock

import (
	"strings"

	"github.com/pyimg/pyimg/layers"
)

// NewLayer is a blob as one layer of an image.
func NewLayer(b layers.Blob, from string, reasons []Reason, recipe *Recipe) Layer {
	return Layer{b.Digest, b.DiffID, b.MediaType, b.Size, from, reasons, recipe}
}

// CompressionOf is the blob's compression as the spec names it.
func CompressionOf(b layers.Blob) string {
	if strings.HasSuffix(b.MediaType, "zstd") {
		return "zstd"
	}
	return "gzip"
}
