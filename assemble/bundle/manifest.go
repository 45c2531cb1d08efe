package bundle

import (
	"bufio"
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"regexp"
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

// A Manifest says what a bundle holds. It has one form in bytes, see Encode.
type Manifest struct {
	Version int    `json:"version"`
	ID      string `json:"id"`              // SHA-256 of all else: what names the bundle
	Base    string `json:"base,omitempty"`  // ID of the bundle that this one is a delta to
	Whole   string `json:"whole,omitempty"` // ID of the two together

	Platforms []string `json:"platforms"`
	Files     []File   `json:"files"` // sorted by path; those of the base too
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
	err := m.encode(h)
	return "sha256:" + hex.EncodeToString(h.Sum(nil)), err
}

// Encode writes the manifest as it stands in its file: the same bytes for the same manifest, a file of the bundle a line.
func (m Manifest) Encode() ([]byte, error) {
	var b bytes.Buffer
	err := m.encode(&b)
	return b.Bytes(), err
}

// encode is Encode for one who need not hold it whole: that of all of Alpine has some 90 MB.
func (m Manifest) encode(w io.Writer) error {
	files := m.Files
	m.Files = []File{}
	out := bufio.NewWriter(w)
	var line bytes.Buffer
	e := json.NewEncoder(&line)
	e.SetEscapeHTML(false)
	write := func(v any, without string) error {
		if err := e.Encode(v); err != nil {
			return err
		}
		_, err := out.Write(bytes.TrimSuffix(line.Bytes(), []byte(without)))
		line.Reset()
		return err
	}
	if err := write(m, "]}\n"); err != nil { // Files come last
		return err
	}
	for i, f := range files {
		if i > 0 {
			line.WriteByte(',')
		}
		line.WriteByte('\n')
		if err := write(f, "\n"); err != nil {
			return err
		}
	}
	if _, err := out.WriteString("\n]}\n"); err != nil {
		return err
	}
	return out.Flush()
}

// textSize is how many bytes Encode writes.
func (m Manifest) textSize() (int64, error) {
	var n counter
	err := m.encode(&n)
	return int64(n), err
}

// counter counts what is written.
type counter int64

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}

// expected is a writer to which what it holds is to be written, and nothing else.
type expected []byte

func (e *expected) Write(p []byte) (int, error) {
	rest, ok := bytes.CutPrefix(*e, p)
	if !ok {
		return 0, errors.New("its bytes are not those that pyimg writes")
	}
	*e = rest
	return len(p), nil
}

// ParseManifest reads a manifest and checks that it is as Encode wrote it and that nothing in it can lead astray.
func ParseManifest(data []byte) (Manifest, error) {
	var m Manifest
	if len(data) > maxManifest {
		return m, fmt.Errorf("%s has more than %d bytes, which no manifest has", ManifestName, maxManifest)
	}
	var head struct{ Version int }
	if err := json.Unmarshal(data, &head); err != nil {
		return m, fmt.Errorf("%s is not JSON: %w", ManifestName, err)
	}
	if head.Version != version {
		return m, fmt.Errorf("%s is of version %d, this pyimg knows version %d; use the pyimg that made the bundle", ManifestName, head.Version, version)
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&m); err != nil {
		return m, fmt.Errorf("%s was altered: %w", ManifestName, err)
	}
	if err := m.check(data); err != nil {
		return m, fmt.Errorf("%s was altered: %w", ManifestName, err)
	}
	return m, nil
}

func (m Manifest) check(data []byte) error {
	switch id, err := m.digest(); {
	case err != nil:
		return err
	case id != m.ID:
		return fmt.Errorf("what it says has the digest %s, it says %q", id, m.ID)
	}
	again := expected(data)
	if err := m.encode(&again); err != nil {
		return err
	}
	if len(again) > 0 {
		return errors.New("something follows it")
	}
	if (m.Base == "") != (m.Whole == "") {
		return errors.New("a delta names both its base and the whole")
	}
	for i, f := range m.Files {
		if err := f.check(); err != nil {
			return err
		}
		if i > 0 && m.Files[i-1].Path >= f.Path {
			return fmt.Errorf("%q is out of order or there twice", f.Path)
		}
		if f.InBase && m.Base == "" {
			return fmt.Errorf("%q is said to be in a base, and there is none", f.Path)
		}
	}
	return nil
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
	case !regexp.MustCompile(`^[0-9a-f]{64}$`).MatchString(f.SHA256):
		return fmt.Errorf("%q: %q is no SHA-256 in hex", f.Path, f.SHA256)
	case !slices.Contains([]Kind{Index, Package, Key, Runtime, Spec, Lock, Files, Image}, f.Kind):
		return fmt.Errorf("%q is of unknown kind %q", f.Path, f.Kind)
	}
	return nil
}

// whole is the manifest of base and delta together.
func (m Manifest) whole() (Manifest, error) {
	w := Manifest{Version: version, Platforms: m.Platforms, Files: slices.Clone(m.Files)}
	for i := range w.Files {
		w.Files[i].InBase = false
	}
	return w, w.seal()
}

// since makes the manifest of a delta: files that base has as they are stay there.
func (m Manifest) since(base Manifest) (Manifest, error) {
	d := Manifest{Version: version, Base: cmp.Or(base.Whole, base.ID), Whole: m.ID, Platforms: m.Platforms, Files: slices.Clone(m.Files)}
	for i, f := range d.Files {
		g, ok := base.File(f.Path)
		d.Files[i].InBase = ok && g.SHA256 == f.SHA256
	}
	return d, d.seal()
}

// File finds a file by its path.
func (m Manifest) File(path string) (File, bool) {
	i, ok := slices.BinarySearchFunc(m.Files, path, func(f File, path string) int { return strings.Compare(f.Path, path) })
	if !ok {
		return File{}, false
	}
	return m.Files[i], true
}

// Of are the files of a kind.
func (m Manifest) Of(k Kind) []File {
	var files []File
	for _, f := range m.Files {
		if f.Kind == k {
			files = append(files, f)
		}
	}
	return files
}

// own are the files that the bundle holds itself.
func (m Manifest) own() []File {
	return slices.DeleteFunc(slices.Clone(m.Files), func(f File) bool { return f.InBase })
}

// Size is what the bundle's own files take, in bytes.
func (m Manifest) Size() int64 {
	n := int64(0)
	for _, f := range m.own() {
		n += f.Size
	}
	return n
}
