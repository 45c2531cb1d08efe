package lock

import (
	"strings"

	"github.com/pyimg/pyimg/layers"
)

// NewLayer turns a blob into a layer of an image.
func NewLayer(b layers.Blob, from string, reasons []Reason, recipe *Recipe) Layer {
	return Layer{b.Digest, b.DiffID, b.MediaType, b.Size, from, reasons, recipe}
}

// CompressionOf returns the blob's compression, as a spec names it.
func CompressionOf(b layers.Blob) string {
	if strings.HasSuffix(b.MediaType, "zstd") {
		return "zstd"
	}
	return "gzip"
}
