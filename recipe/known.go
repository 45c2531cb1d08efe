package recipe

import (
	"cmp"
	"embed"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pyimg/pyimg/internal/near"
	"github.com/pyimg/pyimg/internal/regular"
	"github.com/pyimg/pyimg/wheel/version"
)

//go:embed data
var data embed.FS

// maxRecipe bounds a user's own recipe; ours have some ten KiB.
const maxRecipe = 1 << 20

// Known returns the recipes that pyimg has, by name and version, the oldest version first.
func Known() ([]Recipe, error) {
	files, err := fs.Glob(data, "data/*.yaml")
	if err != nil {
		return nil, err
	}
	all := make([]Recipe, len(files))
	for i, file := range files {
		text, err := data.ReadFile(file)
		if err != nil {
			return nil, err
		}
		dir, err := fs.Sub(data, "data")
		if err != nil {
			return nil, err
		}
		if all[i], err = Parse(path.Base(file), text, dir); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(all, func(a, b Recipe) int { return cmp.Or(cmp.Compare(a.Name, b.Name), compare(a.Version, b.Version)) })
	return all, nil
}

func compare(a, b string) int {
	v, errA := version.Parse(a)
	w, errB := version.Parse(b)
	if errA != nil || errB != nil {
		return cmp.Compare(a, b)
	}
	return v.Compare(w)
}

// Find returns the recipe that NAME, NAME@VERSION or NAME@SERIES (cpython@3.13) names; the newest one of several.
func Find(wanted string) (Recipe, error) {
	all, err := Known()
	if err != nil {
		return Recipe{}, err
	}
	name, v, versioned := strings.Cut(wanted, "@")
	var found *Recipe
	var names, versions []string
	for i, r := range all {
		if !slices.Contains(names, r.Name) {
			names = append(names, r.Name)
		}
		if r.Name != name {
			continue
		}
		versions = append(versions, r.Name+"@"+r.Version)
		if !versioned || r.Version == v || v != "" && strings.HasPrefix(r.Version, v+".") {
			found = &all[i]
		}
	}
	switch {
	case found != nil:
		return *found, nil
	case len(versions) > 0:
		return Recipe{}, fmt.Errorf("there is no recipe of %s; there is %s; for another version copy a recipe (--print-recipe), change it, and name it with --recipe",
			wanted, strings.Join(versions, ", "))
	}
	meant := ""
	if n := near.Name(name, names); n != "" {
		meant = fmt.Sprintf("; did you mean %q", n)
	}
	return Recipe{}, fmt.Errorf("there is no recipe of %q%s; there are recipes of %s", name, meant, strings.Join(names, ", "))
}

// Read reads a user's own recipe. What it names in files and patches is in its folder; what is not there comes from pyimg's own
// recipes.
func Read(file string) (Recipe, error) {
	text, err := regular.Read(file, maxRecipe)
	if err != nil {
		return Recipe{}, fmt.Errorf("reading the recipe: %w", err)
	}
	ours, err := fs.Sub(data, "data")
	if err != nil {
		return Recipe{}, err
	}
	return Parse(file, text, either{os.DirFS(filepath.Dir(file)), ours})
}

// either is a folder over another one.
type either struct{ first, second fs.FS }

func (e either) Open(name string) (fs.File, error) {
	if f, err := e.first.Open(name); err == nil {
		return f, nil
	}
	return e.second.Open(name)
}
