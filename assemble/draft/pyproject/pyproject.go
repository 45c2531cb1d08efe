// Package pyproject reads what a pyproject.toml says of a project (PEP 621), and what uv and poetry keep in the same file. It
// resolves nothing and builds nothing.
package pyproject

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/pyimg/pyimg/internal/exit"
	"github.com/pyimg/pyimg/internal/toml"
)

// MaxBytes bounds a pyproject.toml, which people write.
const MaxBytes = 1 << 20

// Project is what a pyproject.toml says.
type Project struct {
	Name         string
	Description  string
	Python       string   // requires-python, such as ">=3.11"; of poetry its own form, such as "^3.11"
	Dependencies []string // as they are written; of poetry NAME VERSION
	Scripts      []Script // sorted by name
	Indexes      []Index  // those that uv or poetry are told of, in that order
	NoIndex      bool     // uv is to search folders alone
	Poetry       bool     // the dependencies are poetry's own
}

// PublicIndex is the index that tools ask where nobody names one.
const PublicIndex = "https://pypi.org/simple/"

// Index is an index of packages.
type Index struct {
	URL  string
	Role Role
}

// A Role says when an index is asked.
type Role int

// The roles, see uv, "Package indexes", and poetry, "Repositories".
const (
	Additional   Role = iota // before the public index
	Default                  // uv: after the additional ones, instead of the public one
	Primary                  // poetry: in turn, instead of the public one
	Supplemental             // poetry: after the others
	Explicit                 // for packages that name it alone
)

// Script is a command that the project would install.
type Script struct{ Name, Entry string } // Entry is MODULE:FUNCTION

// Error is a fault of a pyproject.toml.
type Error struct{ err error }

func (e *Error) Error() string { return e.err.Error() }

// ExitCode is the exit code of wrong use.
func (e *Error) ExitCode() exit.Code { return exit.Usage }

type document struct {
	Project struct {
		Name         string            `toml:"name"`
		Description  string            `toml:"description"`
		Python       string            `toml:"requires-python"`
		Dependencies []string          `toml:"dependencies"`
		Scripts      map[string]string `toml:"scripts"`
	} `toml:"project"`
	Tool struct {
		UV struct {
			Index []struct {
				URL      string `toml:"url"`
				Default  bool   `toml:"default"`
				Explicit bool   `toml:"explicit"`
			} `toml:"index"`
			IndexURL string   `toml:"index-url"`
			Extra    []string `toml:"extra-index-url"`
			NoIndex  bool     `toml:"no-index"`
		} `toml:"uv"`
		Poetry *struct {
			Name         string         `toml:"name"`
			Description  string         `toml:"description"`
			Dependencies map[string]any `toml:"dependencies"`
			Scripts      map[string]any `toml:"scripts"`
			Source       []struct {
				Name     string `toml:"name"`
				URL      string `toml:"url"`
				Priority string `toml:"priority"`
			} `toml:"source"`
		} `toml:"poetry"`
	} `toml:"tool"`
}

// Parse reads a pyproject.toml. The error is an *Error.
func Parse(data []byte) (Project, error) {
	if len(data) > MaxBytes {
		return Project{}, &Error{fmt.Errorf("expected at most %d bytes, found %d", MaxBytes, len(data))}
	}
	var d document
	if err := toml.Unmarshal(data, &d); err != nil {
		return Project{}, &Error{err}
	}
	p := Project{Name: d.Project.Name, Description: d.Project.Description, Python: d.Project.Python, Dependencies: d.Project.Dependencies}
	for _, name := range slices.Sorted(maps.Keys(d.Project.Scripts)) {
		p.Scripts = append(p.Scripts, Script{name, d.Project.Scripts[name]})
	}
	p.readPoetry(d)
	for _, index := range d.Tool.UV.Index {
		role := Additional
		switch {
		case index.Explicit:
			role = Explicit
		case index.Default:
			role = Default
		}
		p.addIndex(index.URL, role)
	}
	for _, url := range d.Tool.UV.Extra {
		p.addIndex(url, Additional)
	}
	p.addIndex(d.Tool.UV.IndexURL, Default)
	p.NoIndex = d.Tool.UV.NoIndex
	return p, nil
}

func (p *Project) readPoetry(d document) {
	poetry := d.Tool.Poetry
	if poetry == nil {
		return
	}
	p.Name, p.Description = cmp.Or(p.Name, poetry.Name), cmp.Or(p.Description, poetry.Description)
	if len(p.Dependencies) == 0 {
		for _, name := range slices.Sorted(maps.Keys(poetry.Dependencies)) {
			version := versionOf(poetry.Dependencies[name])
			if name == "python" {
				p.Python = cmp.Or(p.Python, version)
				continue
			}
			p.Dependencies = append(p.Dependencies, strings.TrimSpace(name+" "+version))
			p.Poetry = true
		}
	}
	for _, name := range slices.Sorted(maps.Keys(poetry.Scripts)) {
		if entry, ok := poetry.Scripts[name].(string); ok && len(d.Project.Scripts) == 0 {
			p.Scripts = append(p.Scripts, Script{name, entry})
		}
	}
	for _, source := range poetry.Source {
		url := source.URL
		if url == "" && strings.EqualFold(source.Name, "pypi") {
			url = PublicIndex // poetry knows its URL, and allows no other
		}
		switch source.Priority {
		case "explicit":
			p.addIndex(url, Explicit)
		case "supplemental", "secondary":
			p.addIndex(url, Supplemental)
		default:
			p.addIndex(url, Primary)
		}
	}
}

func (p *Project) addIndex(url string, role Role) {
	if url != "" {
		p.Indexes = append(p.Indexes, Index{url, role})
	}
}

// versionOf is the version of a dependency of poetry: text, or a table with a version.
func versionOf(v any) string {
	if table, ok := v.(map[string]any); ok {
		v = table["version"]
	}
	text, _ := v.(string)
	return text
}
