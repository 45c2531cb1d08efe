package paths

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/pyimg/pyimg/assemble/lock"
	"github.com/pyimg/pyimg/assemble/spec"
	"github.com/pyimg/pyimg/internal/versions"
	"github.com/pyimg/pyimg/layers"
	"github.com/pyimg/pyimg/layers/tree"
)

// LayerName is what the layer is called.
const LayerName = "paths"

// largeCopy is how many bytes of content may be in the image twice before somebody is told.
const largeCopy = 1 << 20

// Below is the image that paths change.
type Below struct {
	Root   *tree.Tree
	Owner  func(tree.Node) string // says what a path of the root is from
	Layers []lock.Layer           // by number
	// Open calls do with the inflated tar of a layer.
	Open func(ctx context.Context, layer int, do func(io.Reader) error) error
}

// Made is what Layer makes.
type Made struct {
	Layer    *lock.Layer     // nil: nothing changes
	Folders  map[string]bool // whose owner or mode changes
	Warnings []string
}

// Layer makes the layer of the spec's paths on top of an image; what it creates has the time at. All faults are found at once.
func Layer(ctx context.Context, entries []spec.Path, below Below, at time.Time, o layers.MakeOptions, store *layers.Store) (Made, error) {
	p := planning{root: below.Root, owner: below.Owner, at: at, all: make(map[string]*member)}
	if err := p.plan(entries); err != nil {
		return Made{}, err
	}
	made := Made{Folders: make(map[string]bool), Warnings: p.notes}
	if len(p.all) == 0 {
		return made, nil
	}
	w := writing{below: below, files: make(map[int]map[string][]*member)}
	var copied int64
	for _, name := range slices.Sorted(maps.Keys(p.all)) {
		m := p.all[name]
		made.Folders[name] = m.header.Typeflag == tar.TypeDir
		if !m.hasContent() {
			w.plain = append(w.plain, m)
			continue
		}
		from := m.source()
		if w.files[from.layer] == nil {
			w.files[from.layer] = make(map[string][]*member)
		}
		w.files[from.layer][from.path] = append(w.files[from.layer][from.path], m)
		copied += m.node.Entry.Header.Size
	}
	if copied > largeCopy {
		made.Warnings = append(made.Warnings, fmt.Sprintf("paths: %.1f MB of files are in the image twice, because their owner or mode changes", float64(copied)/1e6))
	}
	blob, err := store.Make(ctx, w.recipe(), o, func(t *tar.Writer) error { return w.write(ctx, t) })
	if err != nil {
		return Made{}, fmt.Errorf("making the layer of the spec's paths: %w", err)
	}
	l := lock.NewLayer(blob, LayerName, []lock.Reason{lock.NewReason(lock.ReasonGenerated)}, nil)
	made.Layer = &l
	return made, nil
}

// writing writes the layer: first what has no content, by path, then the files, layer by layer in the order that these have them.
type writing struct {
	below Below
	plain []*member
	files map[int]map[string][]*member // by layer and by the path of the content there; several are hard links
}

// recipe names all that the layer follows from.
func (w writing) recipe() string {
	sum := sha256.New()
	line := func(m *member, from string) {
		h := m.header
		fmt.Fprintf(sum, "%q %c %o %d:%d %d %q %s\n", h.Name, h.Typeflag, h.Mode, h.Uid, h.Gid, h.ModTime.UnixNano(), h.Linkname, from)
	}
	for _, m := range w.plain {
		line(m, "")
	}
	for _, layer := range slices.Sorted(maps.Keys(w.files)) {
		for _, name := range slices.Sorted(maps.Keys(w.files[layer])) {
			for _, m := range w.files[layer][name] {
				line(m, fmt.Sprintf("%s %q", w.below.Layers[layer].DiffID, name))
			}
		}
	}
	return fmt.Sprintf("paths %d sha256:%s", versions.Paths, hex.EncodeToString(sum.Sum(nil)))
}

func (w writing) write(ctx context.Context, t *tar.Writer) error {
	for _, m := range w.plain {
		if err := t.WriteHeader(&m.header); err != nil {
			return err
		}
	}
	for _, layer := range slices.Sorted(maps.Keys(w.files)) {
		left := maps.Clone(w.files[layer])
		err := w.below.Open(ctx, layer, func(in io.Reader) error { return copyFiles(t, in, left) })
		if err != nil {
			return err
		}
		for name := range left {
			return fmt.Errorf("layer %s (%s) has no content of /%s", w.below.Layers[layer].Digest, w.below.Layers[layer].From, name)
		}
	}
	return nil
}

// copyFiles writes the files of a layer that are left, and takes each from the list.
func copyFiles(t *tar.Writer, in io.Reader, left map[string][]*member) error {
	for r := tar.NewReader(in); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		name := layers.Entry{Header: h}.Path()
		if h.Typeflag != tar.TypeReg || left[name] == nil {
			continue
		}
		if err := copyFile(t, h, r, left[name]); err != nil {
			return err
		}
		delete(left, name)
	}
}

// copyFile writes a file under its first name, and hard links to it under the others.
func copyFile(t *tar.Writer, content *tar.Header, r io.Reader, names []*member) error {
	first := names[0].header
	first.Typeflag, first.Linkname, first.Size = tar.TypeReg, "", content.Size
	first.PAXRecords = attributes(content.PAXRecords)
	if err := t.WriteHeader(&first); err != nil {
		return err
	}
	if _, err := io.Copy(t, r); err != nil {
		return err
	}
	for _, m := range names[1:] {
		h := m.header
		h.Typeflag, h.Linkname, h.Size, h.PAXRecords = tar.TypeLink, first.Name, 0, nil
		if err := t.WriteHeader(&h); err != nil {
			return err
		}
	}
	return nil
}

// attributes are the extended attributes among PAX records: capabilities above all.
func attributes(records map[string]string) map[string]string {
	var kept map[string]string
	for key, value := range records {
		if strings.HasPrefix(key, "SCHILY.xattr.") {
			if kept == nil {
				kept = make(map[string]string)
			}
			kept[key] = value
		}
	}
	return kept
}
