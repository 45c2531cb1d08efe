package index

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/pyimg/pyimg/internal/regular"
	"github.com/pyimg/pyimg/wheel/dependency"
	"github.com/pyimg/pyimg/wheel/source"
	"github.com/pyimg/pyimg/wheel/tag"
)

// Folder is an index in a folder: static files of the simple API (NAME/index.json
// or NAME/index.html, in the folder or in its folder simple), and any wheels that
// are directly in it.
type Folder struct {
	path   string
	flat   map[string][]File // by normalised name
	others map[string]bool   // names of what is in the folder and is no wheel: without a folder there are no pages to look for
}

// OpenFolder lists the wheels that are directly in the folder.
func OpenFolder(path string) (*Folder, error) {
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, fmt.Errorf("opening the folder of wheels %q: %w", path, err)
	}
	if len(entries) > maxFiles {
		return nil, fmt.Errorf("opening the folder of wheels %q: it has more than %d files", path, maxFiles)
	}
	f := &Folder{path: path, flat: make(map[string][]File), others: make(map[string]bool)}
	for _, e := range entries {
		name, err := tag.ParseFilename(e.Name())
		if err != nil || e.IsDir() {
			f.others[e.Name()] = true
			continue
		}
		f.flat[name.Name] = append(f.flat[name.Name], File{File: source.File{Filename: name, Path: filepath.Join(path, e.Name())}})
	}
	return f, nil
}

// Project lists the wheels of a project.
func (f *Folder) Project(ctx context.Context, name string) (files []File, found bool, err error) {
	l, found, err := f.List(ctx, name)
	return l.Wheels, found, err
}

// List lists the wheels of a project, and the sdists that static pages name.
func (f *Folder) List(_ context.Context, name string) (l Listing, found bool, err error) {
	if err := dependency.CheckName(name); err != nil {
		return l, false, err
	}
	name = dependency.Normalize(name)
	if files, found := f.flat[name]; found {
		return Listing{Wheels: files}, true, nil
	}
	for _, page := range []string{"simple/%s/index.json", "simple/%s/index.html", "%s/index.json", "%s/index.html"} {
		if first, _, _ := strings.Cut(page, "/"); !f.others[strings.ReplaceAll(first, "%s", name)] {
			continue
		}
		at := filepath.Join(f.path, filepath.FromSlash(fmt.Sprintf(page, name)))
		l, err := f.page(at)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return l, false, fmt.Errorf("reading %q: %w", at, err)
		}
		return l, true, nil
	}
	return l, false, nil
}

// page reads a static page. Its links to files must stay in the folder.
func (f *Folder) page(at string) (Listing, error) {
	file, err := regular.Open(at)
	if err != nil {
		return Listing{}, err
	}
	data, err := readBounded(file, maxPage)
	if err != nil {
		return Listing{}, err
	}
	media := "text/html"
	if strings.HasSuffix(at, ".json") {
		media = "application/json"
	}
	inside, err := filepath.Rel(f.path, at)
	if err != nil {
		return Listing{}, err
	}
	// URLs of the scheme folder are paths below the folder: ".." ends at it.
	base := url.URL{Scheme: "folder", Host: "x", Path: "/" + filepath.ToSlash(inside)}
	l, err := parsePage(data, media, base.String())
	if err != nil {
		return Listing{}, err
	}
	local := func(address, path *string) {
		u, err := url.Parse(*address)
		if err == nil && u.Scheme == base.Scheme {
			*address, *path = "", filepath.Join(f.path, filepath.FromSlash(strings.TrimPrefix(u.Path, "/")))
		}
	}
	for i := range l.Wheels {
		local(&l.Wheels[i].URL, &l.Wheels[i].Path)
	}
	for i := range l.Sdists {
		local(&l.Sdists[i].URL, &l.Sdists[i].Path)
	}
	return l, nil
}
