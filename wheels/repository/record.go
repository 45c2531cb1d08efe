package repository

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pyimg/pyimg/internal/regular"
	"github.com/pyimg/pyimg/wheel/tag"
)

// Record is what is known of a wheel.
type Record struct {
	File           string   `json:"file"`   // the wheel's name
	SHA256         string   `json:"sha256"` // of the wheel, in hexadecimal
	Size           int64    `json:"size"`
	Metadata       string   `json:"metadata"` // SHA-256 of METADATA
	RequiresPython string   `json:"requires_python,omitempty"`
	Needs          Needs    `json:"needs"`
	NeedsSHA256    string   `json:"needs_sha256"` // of needs.json
	Keys           []string `json:"keys"`         // of the builds whose result it is, sorted: one for each Python and platform that it serves
	Sdist          Locked   `json:"sdist"`        // what it was built from
	Requires       []Locked `json:"requires,omitempty"`
	Dynamic        []string `json:"dynamic,omitempty"` // requirements that its backend asked for in addition to pyproject.toml's
	Yanked         *string  `json:"yanked,omitempty"`  // the reason; nil: it is not
}

// Locked is a file that went into a build.
type Locked struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	File    string `json:"file"`
	SHA256  string `json:"sha256"`
}

// Needs is what a wheel needs of the system, which an image's package manager provides.
type Needs struct {
	So     []string `json:"so,omitempty"`     // libraries by soname, sorted
	Branch string   `json:"branch,omitempty"` // of Alpine, in which the packages were found
	Alpine []Alpine `json:"alpine,omitempty"` // by soname
}

// Alpine is the package that provides a library.
type Alpine struct {
	So      string `json:"so"`
	Package string `json:"package"`
	Version string `json:"version"`
}

// Path is the wheel's path below the folder, with slashes.
func (r Record) Path() string { return "files/" + r.SHA256[:min(len(r.SHA256), 16)] + "/" + r.File }

// maxRecord bounds a record: one with 1,000 build requirements has 200 kB.
const maxRecord = 4 << 20

// check refuses a record that does not fit its place.
func (r Record) check(project, name string) (tag.Filename, error) {
	f, err := tag.ParseFilename(r.File)
	if err != nil {
		return f, err
	}
	hex := func(s string) bool { return len(s) == 64 && strings.Trim(s, "0123456789abcdef") == "" }
	if f.Name != project || r.File+".json" != name || !hex(r.SHA256) || !hex(r.Metadata) || !hex(r.NeedsSHA256) || r.Size <= 0 {
		return f, fmt.Errorf("it is not the record of a wheel of %s", project)
	}
	return f, nil
}

// An entry is a record with what its file's name says.
type entry struct {
	Record
	name tag.Filename
}

// records reads those of one project, sorted: versions from old to new, then by file name.
func (r *Repository) records(project string) ([]entry, error) {
	dir := filepath.Join(r.dir, "records", project)
	names, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var out []entry
	for _, n := range names {
		if n.IsDir() || !strings.HasSuffix(n.Name(), ".json") || strings.HasPrefix(n.Name(), ".") {
			continue
		}
		e, err := readRecord(project, filepath.Join(dir, n.Name()))
		if err != nil {
			return nil, err
		}
		out = append(out, e)
	}
	sortEntries(out)
	return out, nil
}

// sortEntries sorts those of one project: versions from old to new, then by file name.
func sortEntries(all []entry) {
	slices.SortFunc(all, func(a, b entry) int {
		if c := a.name.Version.Compare(b.name.Version); c != 0 {
			return c
		}
		return strings.Compare(a.File, b.File)
	})
}

func readRecord(project, at string) (entry, error) {
	data, err := regular.Read(at, maxRecord)
	if err != nil {
		return entry{}, err
	}
	var e entry
	if err = json.Unmarshal(data, &e.Record); err == nil {
		e.name, err = e.check(project, filepath.Base(at))
	}
	if err != nil {
		return entry{}, &DamageError{fmt.Errorf("reading the record %s: %w", at, err)}
	}
	return e, nil
}

// projects are the normalised names of those that have records, sorted.
func (r *Repository) projects() ([]string, error) {
	dirs, err := os.ReadDir(filepath.Join(r.dir, "records"))
	if err != nil && !os.IsNotExist(err) {
		return nil, err
	}
	var out []string
	for _, d := range dirs {
		if d.IsDir() && fs.ValidPath(d.Name()) && !strings.HasPrefix(d.Name(), ".") {
			out = append(out, d.Name())
		}
	}
	return out, nil
}

// Records are those of all wheels, sorted by project, version and file.
func (r *Repository) Records() ([]Record, error) {
	projects, err := r.projects()
	if err != nil {
		return nil, err
	}
	var out []Record
	for _, p := range projects {
		entries, err := r.records(p)
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			out = append(out, e.Record)
		}
	}
	return out, nil
}

// Name is the project's name, normalised.
func (r Record) Name() string {
	f, err := tag.ParseFilename(r.File)
	if err != nil {
		return ""
	}
	return f.Name
}
