// Package imageindex lists the images that an index leads to, through indexes inside it. It reads no image.
package imageindex

import (
	"errors"
	"fmt"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

const (
	// maxDepth bounds how deep indexes are inside indexes; two is already rare.
	maxDepth = 4
	// maxEntries bounds what one index may lead to: ten times the platforms that exist, with attestations.
	maxEntries = 1024
)

// An Entry is what an index names: mostly an image.
type Entry struct {
	v1.Descriptor
	index v1.ImageIndex // that names it
	err   error         // why it cannot be opened
}

// Entries lists what an index leads to, in its order. An index inside it is replaced by what it leads to itself; one that
// cannot be read, and what is no image, are entries that cannot be opened.
func Entries(index v1.ImageIndex) ([]Entry, error) {
	w := walk{}
	if err := w.add(index, 0); err != nil {
		return nil, err
	}
	return w.entries, nil
}

// Open opens the image. The error is fs.ErrNotExist where the index names it and it is not there.
func (e Entry) Open() (v1.Image, error) {
	if e.err != nil {
		return nil, e.err
	}
	return e.index.Image(e.Digest)
}

// IsAttestation reports whether the entry is what BuildKit attaches to an image: nothing to run.
func (e Entry) IsAttestation() bool {
	return e.Platform != nil && e.Platform.OS == "unknown" || e.Annotations["vnd.docker.reference.type"] == "attestation-manifest"
}

// IsImage reports whether the entry is an image by its media type.
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
		e.err = fmt.Errorf("its media type %q is not that of an image", d.MediaType)
	case depth+1 >= maxDepth:
		e.err = errors.New("it is an index inside too many others")
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
