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

// The names of layers of bytecode: Layer.From.
const (
	BytecodeName      = "bytecode"
	FilesBytecodeName = "bytecode of files"
	OwnBytecodeName   = "bytecode of this platform's own modules"
)

// OfBytecode reports whether the layer has bytecode, for which a Python must be run. No recipe makes it.
func (l Layer) OfBytecode() bool {
	return l.Recipe == nil && (l.From == BytecodeName || l.From == FilesBytecodeName || l.From == OwnBytecodeName)
}
