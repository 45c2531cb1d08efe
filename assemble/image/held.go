package image

import (
	"cmp"
	"context"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/pyimg/pyimg/assemble/spec"
	"github.com/pyimg/pyimg/layers"
)

// Held lists what the layers of one platform hold.
type Held struct {
	Platform string      `json:"platform"`
	Layers   []HeldLayer `json:"layers"` // lowest first
}

// HeldLayer has the files of a layer that a container sees. Those that later layers replace or delete are left out.
type HeldLayer struct {
	Digest  string     `json:"digest"`
	Files   int        `json:"files"`
	Size    int64      `json:"size"` // unpacked, in bytes
	Largest []HeldFile `json:"largest,omitempty"`
}

// HeldFile is a file with its unpacked size in bytes.
type HeldFile struct {
	Path string `json:"path"` // absolute
	Size int64  `json:"size"`
}

// Hold lists the files of each layer: all are counted, and of each layer the largest are named, at most so many. It returns the
// entries that it skipped.
func Hold(ctx context.Context, index v1.ImageIndex, store *layers.Store, only []spec.Platform, most int) ([]Held, []Skipped, error) {
	held := []Held{}
	skipped, err := eachContents(ctx, index, store, only, func(c Contents) error {
		held = append(held, c.hold(most))
		return nil
	})
	return held, skipped, err
}

func (c Contents) hold(most int) Held {
	h := Held{Platform: c.Platform.String(), Layers: make([]HeldLayer, len(c.Layers))}
	for i, l := range c.Layers {
		h.Layers[i].Digest = l.Digest
	}
	for n := range c.Tree.All() {
		if n.IsDir() {
			continue
		}
		l := &h.Layers[n.Layer]
		size := fileSize(n.Entry.Header)
		l.Files, l.Size = l.Files+1, l.Size+size
		l.Largest = append(l.Largest, HeldFile{"/" + n.Path, size})
		if len(l.Largest) >= 2*most+1000 { // so that memory does not grow with the number of files
			l.Largest = largest(l.Largest, most)
		}
	}
	for i := range h.Layers {
		h.Layers[i].Largest = largest(h.Layers[i].Largest, most)
	}
	return h
}

// largest returns the largest files, at most so many; those of one size by path.
func largest(files []HeldFile, most int) []HeldFile {
	slices.SortFunc(files, func(a, b HeldFile) int { return cmp.Or(cmp.Compare(b.Size, a.Size), cmp.Compare(a.Path, b.Path)) })
	return files[:min(len(files), most)]
}
