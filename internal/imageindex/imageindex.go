// Package imageindex lists the images that an index leads to, also through nested indexes. It reads no image.
package imageindex

import (
	"errors"
	"fmt"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

const (
	// maxDepth bounds how deep indexes may be nested; two levels are already rare.
	maxDepth = 4
	// maxEntries bounds the entries that one index may lead to: ten times the number of existing platforms, with
	// attestations.
	maxEntries = 1024
)

// An Entry is an entry of an index, mostly an image.
type Entry struct {
	v1.Descriptor
	index v1.ImageIndex // the index that has the entry
	err   error         // why the entry cannot be opened
}

// Entries lists the entries that an index leads to, in the index's order. It lists the entries of a nested index in
// place of that index. It also lists what cannot be opened: a nested index that it cannot read, and an entry that is
// not an image.
func Entries(index v1.ImageIndex) ([]Entry, error) {
	w := walk{}
	if err := w.add(index, 0); err != nil {
		return nil, err
	}
	return w.entries, nil
}

// Open opens the image. The error is fs.ErrNotExist where the index names the image but the image is missing.
func (e Entry) Open() (v1.Image, error) {
	if e.err != nil {
		return nil, e.err
	}
	return e.index.Image(e.Digest)
}

// IsAttestation reports whether the entry is an attestation that BuildKit attached to an image. It cannot be run.
func (e Entry) IsAttestation() bool {
	return e.Platform != nil && e.Platform.OS == "unknown" || e.Annotations["vnd.docker.reference.type"] == "attestation-manifest"
}

// IsImage reports whether the entry's media type is an image's.
func (e Entry) IsImage() bool { return e.MediaType.IsImage() }

type walk struct {
	entries []Entry
	met     int
}

func (w *walk) add(index v1.ImageIndex, depth int) error {
	m, err := index.IndexManifest()
	if err != nil {
		return fmt.Errorf("reading the index: %w", err)
	}
	for _, d := range m.Manifests {
		if w.met++; w.met > maxEntries {
			return fmt.Errorf("reading the index: it leads to more than %d entries", maxEntries)
		}
		if err := w.entry(index, d, depth); err != nil {
			return err
		}
	}
	return nil
}

func (w *walk) entry(index v1.ImageIndex, d v1.Descriptor, depth int) error {
	e := Entry{Descriptor: d, index: index}
	switch {
	case d.MediaType.IsImage():
	case !d.MediaType.IsIndex():
		e.err = fmt.Errorf("its media type %q is not an image's", d.MediaType)
	case depth+1 >= maxDepth:
		e.err = errors.New("it is an index that is nested too deep")
	default:
		inner, err := index.ImageIndex(d.Digest)
		if err == nil {
			return w.add(inner, depth+1)
		}
		e.err = fmt.Errorf("reading index %s: %w", d.Digest, err)
	}
	w.entries = append(w.entries, e)
	return nil
}
