// Package supply is the list of what builds of wheels take out of a bundle: which source archives and wheels their sources have,
// the files and folders that wheels.yaml names, and the runtimes and images of their builders. The bundle holds it as
// builds/supply.json.
//
// What is read of it is foreign: Parse checks all of it. It opens no file.
package supply

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/pyimg/pyimg/assemble/bundle/manifest"
	"github.com/pyimg/pyimg/wheel/dependency"
	"github.com/pyimg/pyimg/wheel/sdist"
	"github.com/pyimg/pyimg/wheel/source"
	"github.com/pyimg/pyimg/wheel/tag"
	"github.com/pyimg/pyimg/wheel/version"
)

// List is what builds need.
type List struct {
	Version  int       `json:"version"` // of the form
	Config   string    `json:"config"`  // SHA-256 of wheels.yaml
	Sources  []Source  `json:"sources"` // in their order: the first that has a project is the one that counts
	Inputs   []Input   `json:"inputs,omitempty"`
	Runtimes []Runtime `json:"runtimes,omitempty"`
	Images   []Image   `json:"images,omitempty"`
}

// Source is a folder or an index, with what builds need of it.
type Source struct {
	Name     string    `json:"name"`             // for messages
	Served   bool      `json:"served,omitempty"` // others install from it, too
	Wanted   bool      `json:"wanted,omitempty"` // a folder of wanted.sdists
	Projects []Project `json:"projects"`         // by name
}

// Project is a project of a source.
type Project struct {
	Name  string `json:"name"`  // normalised
	Files []File `json:"files"` // by name
}

// File is an sdist or a wheel.
type File struct {
	Name           string            `json:"name"`
	Version        string            `json:"version,omitempty"` // of an sdist, which its file's name may not say
	Size           int64             `json:"size,omitempty"`
	Hashes         map[string]string `json:"hashes,omitempty"`
	RequiresPython string            `json:"requires_python,omitempty"`
	Yanked         bool              `json:"yanked,omitempty"`
	Carried        bool              `json:"carried,omitempty"` // the bundle has it; else another index serves it
}

// Input is a file or folder that wheels.yaml names.
type Input struct {
	Name   string `json:"name"` // as wheels.yaml, or a file that it names, calls it
	SHA256 string `json:"sha256"`
	Kind   string `json:"kind"` // Text, Folder or Single
}

// The kinds of inputs.
const (
	Text   = "text"   // a requirements file, a lock or a patch
	Folder = "folder" // a tar of a folder
	Single = "file"   // a tar of one file, which may be executable
)

// Runtime is a tarball of a Python.
type Runtime struct {
	URL    string `json:"url"` // or its path, as wheels.yaml has it
	SHA256 string `json:"sha256"`
}

// Image is an image that the builder is, or that a runtime comes out of.
type Image struct {
	Ref      string `json:"ref"` // as it is opened
	Platform string `json:"platform"`
	Digest   string `json:"digest"` // of the platform's manifest
}

// formVersion is the form's.
const formVersion = 1

// Encode is the list's text: the same bytes for the same list.
func (l List) Encode() ([]byte, error) {
	l.Version = formVersion
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	err := e.Encode(l)
	return b.Bytes(), err
}

// Parse reads a list, and refuses what Encode does not write.
func Parse(text []byte) (List, error) {
	var l List
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	err := d.Decode(&l)
	if err == nil && l.Version != formVersion {
		err = fmt.Errorf("its version is %d, expected %d", l.Version, formVersion)
	}
	if err == nil {
		err = l.check()
	}
	if err == nil {
		var again []byte
		if again, err = l.Encode(); err == nil && !bytes.Equal(again, text) {
			err = errors.New("it has another form than pyimg writes")
		}
	}
	if err != nil {
		return List{}, fmt.Errorf("reading what builds need: %w", err)
	}
	return l, nil
}

func (l List) check() error {
	sums := []string{l.Config}
	for _, i := range l.Inputs {
		sums = append(sums, i.SHA256)
		if i.Kind != Text && i.Kind != Folder && i.Kind != Single {
			return fmt.Errorf("the input %q is of the kind %q", i.Name, i.Kind)
		}
	}
	for _, r := range l.Runtimes {
		sums = append(sums, r.SHA256)
	}
	for _, i := range l.Images {
		hex, ok := strings.CutPrefix(i.Digest, "sha256:")
		if sums = append(sums, hex); !ok {
			return fmt.Errorf("the image %q has the digest %q", i.Ref, i.Digest)
		}
	}
	for _, sum := range sums {
		if _, err := source.ParseHash("sha256", sum); err != nil {
			return err
		}
	}
	for _, s := range l.Sources {
		if !ordered(s.Projects, func(p Project) string { return p.Name }) {
			return fmt.Errorf("the projects of %.200q are not in order", s.Name)
		}
		for _, p := range s.Projects {
			if !ordered(p.Files, func(f File) string { return f.Name }) {
				return fmt.Errorf("the files of %.200q are not in order", p.Name)
			}
			for _, f := range p.Files {
				if err := f.check(p.Name); err != nil {
					return fmt.Errorf("%.200q of %.200q: %w", f.Name, p.Name, err)
				}
			}
		}
	}
	return nil
}

// ordered reports whether names grow from one to the next.
func ordered[T any](all []T, name func(T) string) bool {
	for i := range all {
		if i > 0 && name(all[i-1]) >= name(all[i]) {
			return false
		}
	}
	return true
}

func (f File) check(project string) error {
	if err := f.checkName(project); err != nil {
		return err
	}
	if len(f.Hashes) > 0 || f.Carried {
		if _, err := source.ParseHashes(f.Hashes); err != nil {
			return err
		}
	}
	if f.Carried && f.Hashes["sha256"] == "" || f.Size < 0 {
		return errors.New("it is carried without a SHA-256, or has a negative size")
	}
	_, err := version.ParseSpecifiers(f.RequiresPython)
	return err
}

// checkName refuses a file that is not of a project.
func (f File) checkName(project string) error {
	if err := dependency.CheckName(project); err != nil {
		return err
	}
	if !f.IsWheel() {
		_, err := version.Parse(f.Version)
		if err == nil && (!sdist.IsArchive(f.Name) || strings.Contains(f.Name, "/")) {
			err = errors.New("it is no name of a source archive")
		}
		return err
	}
	name, err := tag.ParseFilename(f.Name)
	if err == nil && (name.Name != project || f.Version != "") {
		err = fmt.Errorf("it is a wheel of %q", name.Name)
	}
	return err
}

// IsWheel reports whether it is a wheel, else it is an sdist.
func (f File) IsWheel() bool { return strings.HasSuffix(f.Name, ".whl") }

// Path is where the bundle has a carried file; a wheel may be at its other path, see package manifest.
func (f File) Path() string {
	if f.IsWheel() {
		return manifest.WheelPath(f.Name)
	}
	return manifest.SdistPath(f.Name, f.Hashes["sha256"])
}

// Path is where the bundle has the input.
func (i Input) Path() string { return manifest.BuildInputPath(i.Name, i.SHA256) }

// Input finds an input by the name that wheels.yaml has for it.
func (l List) Input(name string) (Input, bool) {
	i := slices.IndexFunc(l.Inputs, func(i Input) bool { return i.Name == name })
	if i < 0 {
		return Input{}, false
	}
	return l.Inputs[i], true
}

// Digest is the digest of an image for a platform.
func (l List) Digest(ref, platform string) (string, bool) {
	i := slices.IndexFunc(l.Images, func(i Image) bool { return i.Ref == ref && i.Platform == platform })
	if i < 0 {
		return "", false
	}
	return l.Images[i].Digest, true
}
