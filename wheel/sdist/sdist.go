package sdist

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/pyimg/pyimg/internal/toml"

	"github.com/pyimg/pyimg/wheel/dependency"
	"github.com/pyimg/pyimg/wheel/distinfo"
	"github.com/pyimg/pyimg/wheel/version"
)

// Sdist is what a source distribution says of itself.
type Sdist struct {
	Name           string          `json:"name"` // normalised
	Version        version.Version `json:"-"`
	VersionText    string          `json:"version"`                   // the normal form of Version
	Folder         string          `json:"folder"`                    // the one at the top
	Requires       []string        `json:"requires"`                  // of its build, as written
	Backend        string          `json:"backend"`                   // "setuptools.build_meta"
	BackendPath    []string        `json:"backend_path,omitempty"`    // of a backend that the sdist itself brings
	RequiresPython string          `json:"requires_python,omitempty"` // of PKG-INFO
	RequiresDist   []string        `json:"requires_dist,omitempty"`   // of PKG-INFO: what its wheel is likely to need
}

// What holds without a [build-system] table, or without its build-backend: see PEP 517.
const (
	legacyBackend  = "setuptools.build_meta:__legacy__"
	legacyRequires = "setuptools>=40.8.0"
)

// Remembered is an Sdist that was written as JSON.
func Remembered(text []byte) (Sdist, error) {
	var s Sdist
	err := json.Unmarshal(text, &s)
	if err == nil {
		s.Version, err = version.Parse(s.VersionText)
	}
	return s, err
}

// Read reads a source distribution of size bytes. name is that of its file, whose
// end says how it is packed.
func Read(data io.ReaderAt, size int64, name string) (Sdist, error) {
	s, err := read(data, size, name)
	if err != nil {
		return Sdist{}, fmt.Errorf("reading the sdist %q: %w", name, err)
	}
	return s, nil
}

func read(data io.ReaderAt, size int64, name string) (Sdist, error) {
	files, err := unpack(data, size, name)
	if err != nil {
		return Sdist{}, err
	}
	s := Sdist{Folder: files.folder}
	if err := s.identify(files.contents["PKG-INFO"]); err != nil {
		return Sdist{}, err
	}
	return s, s.readBuildSystem(files.contents["pyproject.toml"], files.present["pyproject.toml"])
}

// identify takes name and version out of PKG-INFO, else out of the folder's name.
// Archives of a repository's tag have no PKG-INFO.
func (s *Sdist) identify(info []byte) error {
	if info != nil {
		m, err := distinfo.ParseMetadata(info)
		if err != nil {
			return fmt.Errorf("its PKG-INFO: %w", err)
		}
		s.Name, s.Version, s.VersionText = dependency.Normalize(m.Name), m.Version, m.Version.String()
		s.RequiresPython, s.RequiresDist = m.RequiresPython.String(), m.RequiresDist
		return nil
	}
	name, v, err := split(s.Folder)
	if err != nil {
		return fmt.Errorf("it has no PKG-INFO, and its folder %q is not called NAME-VERSION", s.Folder)
	}
	s.Name, s.Version, s.VersionText = name, v, v.String()
	return nil
}

// split takes NAME-VERSION apart at the last dash that a version follows.
func split(stem string) (name string, v version.Version, err error) {
	for at := len(stem); ; {
		if at = strings.LastIndexByte(stem[:at], '-'); at <= 0 {
			return "", v, errors.New("expected NAME-VERSION")
		}
		v, err = version.Parse(stem[at+1:])
		if err == nil && dependency.CheckName(stem[:at]) == nil {
			return dependency.Normalize(stem[:at]), v, nil
		}
	}
}

// ParseFilename reads the name of an sdist's file, NAME-VERSION.tar.gz. The name of the project is normalised.
func ParseFilename(name string) (project string, v version.Version, err error) {
	for _, end := range []string{".tar.gz", ".zip", ".tgz"} {
		if stem, ok := strings.CutSuffix(name, end); ok {
			if project, v, err = split(stem); err == nil {
				return project, v, nil
			}
		}
	}
	return "", v, fmt.Errorf("reading the file name %.300q as NAME-VERSION.tar.gz: expected a project and a version", name)
}

// IsArchive reports whether a file is packed as an sdist may be.
func IsArchive(name string) bool {
	return strings.HasSuffix(name, ".tar.gz") || strings.HasSuffix(name, ".zip") || strings.HasSuffix(name, ".tgz")
}

// readBuildSystem reads pyproject.toml, if there is one.
func (s *Sdist) readBuildSystem(data []byte, present bool) error {
	s.Requires, s.Backend = []string{legacyRequires}, legacyBackend
	if !present {
		return nil
	}
	var file struct {
		System *struct {
			Requires *[]string `toml:"requires"`
			Backend  string    `toml:"build-backend"`
			Path     []string  `toml:"backend-path"`
		} `toml:"build-system"`
	}
	if err := toml.Unmarshal(data, &file); err != nil {
		return fmt.Errorf("its pyproject.toml: %w", err)
	}
	if file.System == nil {
		return nil
	}
	if file.System.Requires == nil {
		return errors.New("its pyproject.toml: [build-system] has no requires (PEP 518)")
	}
	s.Requires = *file.System.Requires
	for _, r := range s.Requires {
		if _, err := dependency.ParseRequirement(r); err != nil {
			return fmt.Errorf("its pyproject.toml: build-system.requires: %w", err)
		}
	}
	if file.System.Backend == "" {
		return nil
	}
	s.Backend, s.BackendPath = file.System.Backend, file.System.Path
	for _, p := range s.BackendPath {
		if path.IsAbs(p) || strings.HasPrefix(path.Clean(p), "..") || strings.Contains(p, `\`) {
			return fmt.Errorf("its pyproject.toml: backend-path has %q, which leads out of the sdist", p)
		}
	}
	return nil
}
