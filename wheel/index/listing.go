package index

import (
	"github.com/pyimg/pyimg/wheel/source"
	"github.com/pyimg/pyimg/wheel/version"
)

// Listing is what an index has of a project.
type Listing struct {
	Wheels []File
	Sdists []Sdist
}

// Sdist is a source distribution that an index has.
type Sdist struct {
	File           string // its name
	Project        string // normalised
	Version        version.Version
	URL            string // "" where only Path is known
	Path           string // of a file of this machine
	Size           int64  // 0 where it is not known
	Hashes         source.Hashes
	RequiresPython version.Specifiers
	Yanked         bool
}

func (l link) sdist(project string, v version.Version, address string) Sdist {
	s := Sdist{File: source.Name(address), Project: project, Version: v, URL: address, Size: max(l.size, 0), Yanked: l.yanked, RequiresPython: l.requires()}
	s.Hashes, _ = source.ParseHashes(l.hashes)
	return s
}
