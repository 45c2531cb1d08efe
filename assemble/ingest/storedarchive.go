package ingest

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"slices"

	"github.com/pyimg/pyimg/apk"
	"github.com/pyimg/pyimg/layers"
)

// StoredArchive puts a package's file together again from what a build kept of it: signature, control and data stream
// are all of it, byte for byte. The error is fs.ErrNotExist where the store lacks one of them.
func StoredArchive(p *apk.Package, store *layers.Store) (io.ReadCloser, error) {
	u, err := storedPackage(p, store)
	if err != nil {
		return nil, err
	}
	h, err := storedHead(p, store)
	if err != nil {
		return nil, err
	}
	front := slices.Concat(h.signature, u.Control.Raw)
	if int64(len(front))+u.Blob.Size != p.Size {
		return nil, fmt.Errorf("%s in the cache is not all of its file: %w", p, fs.ErrNotExist) // one without files has some data all the same
	}
	if !u.Unpacks() {
		return io.NopCloser(bytes.NewReader(front)), nil
	}
	data, err := store.Open(u.Blob.Digest)
	if err != nil {
		return nil, err
	}
	return &joined{io.MultiReader(bytes.NewReader(front), data), data}, nil
}

// joined reads several streams and closes the last.
type joined struct {
	io.Reader
	io.Closer
}
