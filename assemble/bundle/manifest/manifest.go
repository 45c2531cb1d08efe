// Package manifest is the format of a bundle: what one holds, where each file is, and the bytes of the manifest that lists
// them. It reads and writes manifests and says where the files are in a tar; it opens no file of a bundle.
//
// What is read of a manifest is foreign: paths, sizes and digests are checked before anybody uses them. All of Alpine has
// hundreds of thousands of packages, so a List holds files in short form and Encode writes a line at a time.
package manifest

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"iter"
	"path"
	"slices"
	"strings"

	"github.com/pyimg/pyimg/internal/versions"
)

const (
	// Name is the manifest's file, the first in a tar.
	Name = "manifest.json"

	// Version is the format's.
	Version = versions.Bundle

	// MaxText bounds a manifest's text, in bytes: 9 architectures of all of Alpine take some 90 MB.
	MaxText = 256 << 20

	maxPath = 255 // bytes; longer ones have no place in a plain tar header

	// MaxSize bounds a file, in bytes.
	MaxSize = 1 << 40
)

// A Manifest says what a bundle holds. It has one form in bytes, see Encode.
type Manifest struct {
	Version int    `json:"version"`
	ID      string `json:"id"`              // SHA-256 of all else: what names the bundle
	Base    string `json:"base,omitempty"`  // ID of the bundle that this one is a delta to
	Whole   string `json:"whole,omitempty"` // ID of the two together

	Platforms []string `json:"platforms"`
	Files     List     `json:"-"` // sorted by path; those of the base too
}

// New is the manifest of a whole bundle: no file of the list is in a base from then on.
func New(platforms []string, files List) (Manifest, error) {
	files.mark(func(*entry) bool { return false })
	m := Manifest{Version: Version, Platforms: platforms, Files: files}
	return m, m.Seal()
}

// Seal fills in the ID.
func (m *Manifest) Seal() error {
	id, err := m.digest()
	m.ID = id
	return err
}

func (m Manifest) digest() (string, error) {
	m.ID = ""
	h := sha256.New()
	err := m.Encode(h)
	return digestText(h), err
}

func digestText(h hash.Hash) string { return "sha256:" + hex.EncodeToString(h.Sum(nil)) }

// Joined is the manifest of base and delta together.
func (m Manifest) Joined() (Manifest, error) {
	if m.Base == "" {
		return m, nil
	}
	return New(m.Platforms, List{m.Files.entries.clone()})
}

// WholeID names all of it, base and delta.
func (m Manifest) WholeID() string { return cmp.Or(m.Whole, m.ID) }

// Since makes the manifest of a delta of m, whose list it takes: files that base has as they are stay there.
func (m Manifest) Since(base Manifest) (Manifest, error) {
	d := Manifest{Version: Version, Base: cmp.Or(base.Whole, base.ID), Whole: m.ID, Platforms: m.Platforms, Files: m.Files}
	d.Files.mark(func(e *entry) bool {
		i, ok := base.Files.Find(e.path)
		return ok && base.Files.entries.at(i).sum == e.sum
	})
	return d, d.Seal()
}

// File finds a file by its path.
func (m Manifest) File(path string) (File, bool) {
	i, ok := m.Files.Find(path)
	if !ok {
		return File{}, false
	}
	return m.Files.At(i), true
}

// Of are the files of a kind.
func (m Manifest) Of(k Kind) []File {
	return slices.Collect(m.Files.those(func(e *entry) bool { return kinds()[e.kind] == k }))
}

// Own yields the files that the bundle holds itself.
func (m Manifest) Own() iter.Seq[File] {
	return m.Files.those(func(e *entry) bool { return e.marks&isInBase == 0 })
}

// Size is what the bundle's own files take, in bytes.
func (m Manifest) Size() int64 {
	n := int64(0)
	for f := range m.Own() {
		n += f.Size
	}
	return n
}

// Images are the names of the locks that the bundle holds.
func (m Manifest) Images() []string {
	var names []string
	for _, f := range m.Of(Lock) {
		names = append(names, strings.TrimSuffix(f.Path, ".lock"))
	}
	return names
}

// Repositories are the folders of the bundle that apk takes as repositories.
func (m Manifest) Repositories() []string {
	var dirs []string
	for _, f := range m.Of(Index) {
		dirs = append(dirs, path.Dir(path.Dir(f.Path)))
	}
	slices.Sort(dirs)
	return slices.Compact(dirs)
}
