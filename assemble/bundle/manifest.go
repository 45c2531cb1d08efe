package bundle

import (
	"bufio"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"iter"
	"path"
	"slices"
	"strings"
	"unicode"
)

const (
	// ManifestName is the manifest's file, the first in a tar.
	ManifestName = "manifest.json"

	// version is that of the format.
	version = 1

	maxManifest = 256 << 20 // 9 architectures of all of Alpine take some 90 MB
	maxPath     = 255       // bytes; longer ones have no place in a plain tar header
	maxSize     = 1 << 40   // bytes of a file
)

// Kind says what a file of a bundle is.
type Kind string

// The kinds.
const (
	Index   Kind = "index"   // APKINDEX.tar.gz, as Alpine signed it
	Package Kind = "package" // .apk, as Alpine signed it
	Key     Kind = "key"
	Runtime Kind = "runtime"
	Spec    Kind = "spec"
	Lock    Kind = "lock"
	Files   Kind = "files" // a tar of what a spec takes of its folder
	Image   Kind = "image" // a file of the OCI layout of base images
)

// kinds are all of them. A kind's place here stands in no file.
func kinds() []Kind { return []Kind{Index, Package, Key, Runtime, Spec, Lock, Files, Image} }

// A Manifest says what a bundle holds. It has one form in bytes, see Encode.
type Manifest struct {
	Version int    `json:"version"`
	ID      string `json:"id"`              // SHA-256 of all else: what names the bundle
	Base    string `json:"base,omitempty"`  // ID of the bundle that this one is a delta to
	Whole   string `json:"whole,omitempty"` // ID of the two together

	Platforms []string `json:"platforms"`
	Files     FileList `json:"-"` // sorted by path; those of the base too
}

// File is one file.
type File struct {
	Path     string   `json:"path"` // slashes, relative
	Kind     Kind     `json:"kind"`
	Size     int64    `json:"size"`
	SHA256   string   `json:"sha256"`             // hex
	From     []string `json:"from,omitempty"`     // URLs that it stands for, or paths as the spec names them
	Checksum string   `json:"checksum,omitempty"` // of a package, as its index has it
	Unlisted bool     `json:"unlisted,omitempty"` // a package that the lock names and its index no more
	InBase   bool     `json:"inBase,omitempty"`   // held by the base, not by the delta
}

// seal fills in the ID.
func (m *Manifest) seal() error {
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

// Encode writes the manifest as it stands in its file: the same bytes for the same manifest, a file of the bundle a line.
// Nothing holds them whole: those of all of Alpine are some 90 MB.
func (m Manifest) Encode(w io.Writer) error {
	out := bufio.NewWriter(w)
	lines := newLines()
	for i := range m.lineCount() {
		line, err := lines.of(m, i)
		if err != nil {
			return err
		}
		if _, err := out.Write(line); err != nil {
			return err
		}
	}
	return out.Flush()
}

// textSize is how many bytes Encode writes.
func (m Manifest) textSize() (int64, error) {
	var n counter
	err := m.Encode(&n)
	return int64(n), err
}

// counter counts what is written.
type counter int64

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}

// check sees to it that the file's path stays below the bundle's folder, on every system.
func (f File) check() error {
	odd := func(r rune) bool { return !unicode.IsPrint(r) || strings.ContainsRune(`\:*?"<>|`, r) }
	switch {
	case !fs.ValidPath(f.Path), f.Path == ".", len(f.Path) > maxPath, strings.ContainsFunc(f.Path, odd), strings.HasPrefix(f.Path, "."):
		return fmt.Errorf("%q is no path of a bundle", f.Path)
	case f.Path == ManifestName:
		return fmt.Errorf("%q cannot list itself", f.Path)
	case f.Size < 0 || f.Size > maxSize:
		return fmt.Errorf("%q has a size of %d bytes", f.Path, f.Size)
	case len(f.SHA256) != 2*sha256.Size || strings.Trim(f.SHA256, "0123456789abcdef") != "":
		return fmt.Errorf("%q: %q is no SHA-256 in hex", f.Path, f.SHA256)
	case !slices.Contains(kinds(), f.Kind):
		return fmt.Errorf("%q is of unknown kind %q", f.Path, f.Kind)
	case !f.inPlace():
		return fmt.Errorf("%q is no place for a file of kind %q", f.Path, f.Kind)
	}
	return nil
}

// inPlace tells whether the file lies where those of its kind do: how it is verified depends on both.
func (f File) inPlace() bool {
	dir, name := path.Split(f.Path)
	switch f.Kind {
	case Index:
		return strings.HasPrefix(dir, alpineDir) && name == indexName
	case Package:
		return strings.HasPrefix(dir, alpineDir) && strings.HasSuffix(name, ".apk")
	case Key:
		return dir == keysDir
	case Runtime:
		return dir == runtimesDir
	case Spec:
		return f.Path == SpecPath(strings.TrimSuffix(name, ".yaml"))
	case Lock:
		return f.Path == LockPath(strings.TrimSuffix(name, ".lock"))
	case Files:
		return f.Path == FilesPath(strings.TrimSuffix(name, ".tar"))
	case Image:
		return dir == blobsDir || f.Path == layoutIndex || f.Path == layoutFile
	}
	return false
}

// Where files lie, by kind. For the others see SpecPath, LockPath, FilesPath and LayoutDir.
const (
	alpineDir   = "alpine/"
	keysDir     = "keys/"
	runtimesDir = "runtimes/"
)

// whole is the manifest of base and delta together.
func (m Manifest) whole() (Manifest, error) {
	if m.Base == "" {
		return m, nil
	}
	w := Manifest{Version: version, Platforms: m.Platforms, Files: FileList{slices.Clone(m.Files.entries)}}
	w.Files.mark(func(entry) bool { return false })
	return w, w.seal()
}

// since makes the manifest of a delta of m, whose list it takes: files that base has as they are stay there.
func (m Manifest) since(base Manifest) (Manifest, error) {
	d := Manifest{Version: version, Base: cmp.Or(base.Whole, base.ID), Whole: m.ID, Platforms: m.Platforms, Files: m.Files}
	d.Files.mark(func(e entry) bool {
		i, ok := base.Files.find(e.path)
		return ok && base.Files.entries[i].sum == e.sum
	})
	return d, d.seal()
}

// File finds a file by its path.
func (m Manifest) File(path string) (File, bool) {
	i, ok := m.Files.find(path)
	if !ok {
		return File{}, false
	}
	return m.Files.entries[i].file(), true
}

// Of are the files of a kind.
func (m Manifest) Of(k Kind) []File {
	return slices.Collect(m.Files.those(func(e entry) bool { return kinds()[e.kind] == k }))
}

// own yields the files that the bundle holds itself.
func (m Manifest) own() iter.Seq[File] {
	return m.Files.those(func(e entry) bool { return e.marks&isInBase == 0 })
}

// Size is what the bundle's own files take, in bytes.
func (m Manifest) Size() int64 {
	n := int64(0)
	for f := range m.own() {
		n += f.Size
	}
	return n
}
