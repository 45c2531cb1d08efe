package wheels

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"slices"
	"strings"

	"github.com/pyimg/pyimg/internal/versions"
	"github.com/pyimg/pyimg/layers"
	"github.com/pyimg/pyimg/wheel"
	"github.com/pyimg/pyimg/wheel/distinfo"
	"github.com/pyimg/pyimg/wheel/install"
	"github.com/pyimg/pyimg/wheel/source"
	"github.com/pyimg/pyimg/wheel/tag"
	"github.com/pyimg/pyimg/wheel/version"
)

// A Wheel is one of an image, checked and in the store.
type Wheel struct {
	Filename tag.Filename
	SHA256   string // in hexadecimal
	Size     int64  // of the file, in bytes
	URL      string // where it is from, with what no lock may hold; "" for a file
	Path     string // of a file, ready to be opened
	Metadata distinfo.Metadata
	Plan     install.Plan // its files have no bytes
	Fragment layers.Blob
	Warnings []string
}

// Name is the project's name, normalised.
func (w Wheel) Name() string { return w.Filename.Name }

// Version is the project's version.
func (w Wheel) Version() string { return w.Filename.Version.String() }

// String is how people call the wheel: flask==3.0.
func (w Wheel) String() string { return w.Name() + "==" + w.Version() }

// Pure reports whether the wheel is made for any platform.
func (w Wheel) Pure() bool { return isPure(w.Filename) }

func isPure(f tag.Filename) bool {
	return !slices.ContainsFunc(f.Tags, func(t string) bool { return !strings.HasSuffix(t, "-any") })
}

func newWheel(opened *wheel.Wheel, plan install.Plan, digest string, size int64) Wheel {
	for i := range plan.Files {
		plan.Files[i].Origin = "" // the file's path is enough for people
	}
	return Wheel{Filename: opened.Filename, SHA256: digest, Size: size, Metadata: opened.Metadata, Plan: plan, Warnings: opened.Warnings}
}

func (w *Wheel) from(f source.File) { w.URL, w.Path = f.URL, f.Path }

// fits refuses a wheel for another Python.
func fits(name string, requires version.Specifiers, s Site) error {
	if requires.Contains(s.Target.Python) {
		return nil
	}
	return &SelectError{source.NoFit("wheel %q: its Requires-Python is %s, and the Python of %s is %s: lock for that Python, or take another runtime",
		name, requires, s.Target.Platform, s.Target.Python)}
}

// recordVersion is raised when the same wheel would leave other files, or a record would hold other things.
const recordVersion = 1

// record is what the store keeps of a wheel.
type record struct {
	Size           int64
	Fragment       string
	Files          []recordedFile
	Scripts        []install.Script
	Name           string
	RequiresPython string
	RequiresDist   []string
	ProvidesExtra  []string
	Summary        string
	License        []string // License, LicenseExpression
	LicenseFiles   []string
	Warnings       []string
}

type recordedFile struct {
	Path   string `json:"p"`
	Mode   uint32 `json:"m"`
	Size   int64  `json:"s"`
	SHA256 string `json:"h"`
	ELF    bool   `json:"e,omitempty"`
}

// key names the record. A pure wheel leaves the same on all platforms.
func key(f tag.Filename, digest string, how How) (string, error) {
	parts := struct {
		Version             [3]int
		Name, SHA256        string
		Scheme              install.Scheme
		Interpreter, Python string
		Making              layers.MakeOptions
		Drop                []string
		Platform            []string `json:",omitempty"`
	}{[3]int{recordVersion, versions.Splice, versions.Compressor}, f.Text, digest, how.Site.Scheme, how.Site.Interpreter, how.Site.Target.Python.String(), how.Making, how.Drop[f.Text], nil}
	if !isPure(f) {
		parts.Platform = []string{how.Site.Target.Platform, how.Site.Target.ExtSuffix}
	}
	text, err := json.Marshal(parts)
	return "wheel " + string(text), err
}

// record is what the store keeps of the wheel.
func (w Wheel) record() ([]byte, error) {
	m := w.Metadata
	r := record{Size: w.Size, Fragment: w.Fragment.Digest, Scripts: w.Plan.Scripts, Name: m.Name, RequiresPython: m.RequiresPython.String(),
		RequiresDist: m.RequiresDist, ProvidesExtra: m.ProvidesExtra, Summary: m.Summary, License: []string{m.License, m.LicenseExpression},
		LicenseFiles: m.LicenseFiles, Warnings: w.Warnings}
	for _, f := range w.Plan.Files {
		r.Files = append(r.Files, recordedFile{f.Path, uint32(f.Mode), f.Size, hex.EncodeToString(f.SHA256[:]), f.ELF})
	}
	return json.Marshal(r)
}

// known is a wheel of which the store has all; fs.ErrNotExist where it has not, or where the wheel must be read to see that it
// is the one that was asked for.
func (b *Bringer) known(f source.File, digest string, how How) (Wheel, error) {
	at, err := key(f.Filename, digest, how)
	if err != nil {
		return Wheel{}, err
	}
	text, err := b.src.Store.Record(at)
	if err != nil {
		return Wheel{}, err
	}
	var r record
	if json.Unmarshal(text, &r) != nil || !proven(f, digest, r.Size) {
		return Wheel{}, fs.ErrNotExist
	}
	w, err := r.wheel(f.Filename, digest)
	if err != nil {
		return Wheel{}, errors.Join(fs.ErrNotExist, err)
	}
	if w.Fragment, err = b.src.Store.Blob(r.Fragment); err != nil {
		return Wheel{}, err
	}
	w.from(f)
	return w, fits(f.Filename.Text, w.Metadata.RequiresPython, how.Site)
}

// proven reports whether the digest and the size alone show that a file is the one that was asked for.
func proven(f source.File, digest string, size int64) bool {
	for name, want := range f.Hashes {
		if name != "sha256" || want != digest {
			return false
		}
	}
	allowed := len(f.AnyOf) == 0 || slices.Contains(f.AnyOf, source.Hash{Name: "sha256", Digest: digest})
	return allowed && (f.Size == 0 || f.Size == size)
}

func (r record) wheel(name tag.Filename, digest string) (Wheel, error) {
	w := Wheel{Filename: name, SHA256: digest, Size: r.Size, Warnings: r.Warnings, Plan: install.Plan{Wheel: name.Text, Scripts: r.Scripts}}
	requires, err := version.ParseSpecifiers(r.RequiresPython)
	if err != nil || len(r.License) != 2 {
		return w, fs.ErrNotExist
	}
	w.Metadata = distinfo.Metadata{Name: r.Name, Version: name.Version, Summary: r.Summary, License: r.License[0], LicenseExpression: r.License[1],
		LicenseFiles: r.LicenseFiles, RequiresPython: requires, RequiresDist: r.RequiresDist, ProvidesExtra: r.ProvidesExtra}
	for _, f := range r.Files {
		file := install.File{Path: f.Path, Mode: fs.FileMode(f.Mode), Size: f.Size, ELF: f.ELF}
		sum, err := hex.DecodeString(f.SHA256)
		if err != nil || copy(file.SHA256[:], sum) != len(file.SHA256) {
			return w, fs.ErrNotExist
		}
		w.Plan.Files = append(w.Plan.Files, file)
	}
	return w, nil
}
