package supply

import (
	"context"
	"slices"
	"strings"

	"github.com/pyimg/pyimg/wheel/dependency"
	"github.com/pyimg/pyimg/wheel/index"
	"github.com/pyimg/pyimg/wheel/source"
	"github.com/pyimg/pyimg/wheel/tag"
	"github.com/pyimg/pyimg/wheel/version"
)

// Add adds a project's file. One that is there already is carried if one of the two is.
func (s *Source) Add(project string, f File) {
	at, known := s.find(project)
	if !known {
		s.Projects = slices.Insert(s.Projects, at, Project{Name: project})
	}
	p := &s.Projects[at]
	i, known := slices.BinarySearchFunc(p.Files, f.Name, func(o File, name string) int { return strings.Compare(o.Name, name) })
	switch {
	case !known:
		p.Files = slices.Insert(p.Files, i, f)
	case f.Carried:
		p.Files[i] = f
	}
}

// find is where a project is, or would be.
func (s *Source) find(project string) (int, bool) {
	return slices.BinarySearchFunc(s.Projects, project, func(p Project, name string) int { return strings.Compare(p.Name, name) })
}

// List is what the source has of a project, as an index would list it.
func (s *Source) List(_ context.Context, project string) (l index.Listing, found bool, err error) {
	project = dependency.Normalize(project)
	at, found := s.find(project)
	if !found {
		return l, false, nil
	}
	for _, f := range s.Projects[at].Files {
		if err := f.addTo(&l, project); err != nil {
			return l, false, err
		}
	}
	return l, true, nil
}

// addTo adds the file to a listing.
func (f File) addTo(l *index.Listing, project string) error {
	requires, err := version.ParseSpecifiers(f.RequiresPython)
	if err != nil {
		return err
	}
	url := "bundle:" + f.Name // for messages: it is opened by its SHA-256
	if f.IsWheel() {
		name, err := tag.ParseFilename(f.Name)
		l.Wheels = append(l.Wheels, index.File{File: source.File{Filename: name, URL: url, Size: f.Size, Hashes: f.Hashes}, RequiresPython: requires, Yanked: f.Yanked})
		return err
	}
	v, err := version.Parse(f.Version)
	l.Sdists = append(l.Sdists, index.Sdist{File: f.Name, Project: project, Version: v, URL: url, Size: f.Size, Hashes: f.Hashes, RequiresPython: requires, Yanked: f.Yanked})
	return err
}

// WheelFile is the entry of a wheel. digest is its SHA-256 where the bundle carries it, else "".
func WheelFile(w index.File, digest string) File {
	f := File{Name: w.Filename.Text, Size: w.Size, Hashes: w.Hashes, RequiresPython: w.RequiresPython.String(), Yanked: w.Yanked}
	f.carry(digest)
	return f
}

// SdistFile is the entry of an sdist. digest is its SHA-256 where the bundle carries it, else "".
func SdistFile(s index.Sdist, digest string) File {
	f := File{Name: s.File, Version: s.Version.String(), Size: s.Size, Hashes: s.Hashes, RequiresPython: s.RequiresPython.String(), Yanked: s.Yanked}
	f.carry(digest)
	return f
}

func (f *File) carry(digest string) {
	if digest != "" {
		f.Hashes, f.Carried = map[string]string{"sha256": digest}, true
	}
}
