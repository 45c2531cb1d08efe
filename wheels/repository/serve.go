package repository

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"mime"
	"net/http"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/pyimg/pyimg/internal/serve"
	"github.com/pyimg/pyimg/wheel/dependency"
)

// The media types of the simple API, see PEP 691.
const (
	jsonType = "application/vnd.pypi.simple.v1+json"
	htmlType = "application/vnd.pypi.simple.v1+html"
)

// Handler serves the folder as it is at each request: pages as HTML or, to clients that ask for it, as JSON (PEP 691), and wheels
// with ranges and entity tags. Nothing but pages, wheels and what is next to them, the manifest and the status page is served.
func (r *Repository) Handler() http.Handler {
	files := serve.Files(r.find)
	return http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		at := strings.Trim(q.URL.Path, "/")
		project, page := pageOf(at)
		if !page {
			files.ServeHTTP(w, q)
			return
		}
		if project != "" && dependency.CheckName(project) != nil {
			http.Error(w, "there is no such project", http.StatusNotFound)
			return
		}
		if normal := dependency.Normalize(project); normal != project {
			http.Redirect(w, q, "/simple/"+url.PathEscape(normal)+"/", http.StatusMovedPermanently)
			return
		}
		if !strings.HasSuffix(q.URL.Path, "/") {
			http.Redirect(w, q, "/"+at+"/", http.StatusMovedPermanently)
			return
		}
		w.Header().Set("Vary", "Accept")
		kind := negotiate(q.Header.Values("Accept"))
		asked := q.Clone(q.Context())
		asked.URL.Path = "/" + at // a path with a slash at its end names no file
		serve.Files(func(string) (serve.File, error) { return r.page(project, kind) }).ServeHTTP(w, asked)
	})
}

// pageOf takes "simple" and "simple/PROJECT" apart.
func pageOf(at string) (project string, page bool) {
	if at == "simple" {
		return "", true
	}
	project, below := strings.CutPrefix(at, "simple/")
	return project, below && !strings.Contains(project, "/") && project != "index.html"
}

// negotiate picks the media type that a client prefers. Browsers, and old pips, get text/html.
func negotiate(accept []string) string {
	best, quality := "text/html", 0.0
	for part := range strings.SplitSeq(strings.Join(accept, ","), ",") {
		kind, parameters, err := mime.ParseMediaType(part)
		if err != nil {
			continue
		}
		q := 1.0
		if text, ok := parameters["q"]; ok {
			if q, err = strconv.ParseFloat(text, 64); err != nil {
				continue
			}
		}
		switch kind {
		case "application/vnd.pypi.simple.latest+json":
			kind = jsonType
		case "application/vnd.pypi.simple.latest+html":
			kind = htmlType
		case jsonType, htmlType, "text/html":
		default:
			continue
		}
		if q > quality {
			best, quality = kind, q
		}
	}
	return best
}

// page is the list of projects, or of a project's wheels.
func (r *Repository) page(project, kind string) (serve.File, error) {
	text, err := r.pageText(project, kind)
	if err != nil {
		return serve.File{}, err
	}
	if kind == "text/html" {
		kind += "; charset=utf-8"
	}
	return serve.File{Type: kind, SHA256: sum(text), Open: func(context.Context) (io.ReadSeekCloser, error) { return memory{bytes.NewReader(text)}, nil }}, nil
}

func (r *Repository) pageText(project, kind string) ([]byte, error) {
	if project == "" {
		projects, err := r.projects()
		switch {
		case err != nil:
			return nil, err
		case kind == jsonType:
			return projectsJSON(projects)
		}
		return projectsHTML(projects), nil
	}
	entries, err := r.records(project)
	switch {
	case err != nil:
		return nil, fmt.Errorf("there is no project %q: %w", project, fs.ErrNotExist)
	case kind == jsonType:
		return projectJSON(project, entries)
	}
	return projectHTML(project, entries), nil
}

// memory is a text that is served like a file.
type memory struct{ *bytes.Reader }

func (memory) Close() error { return nil }

// find is what is served in addition to pages.
func (r *Repository) find(at string) (serve.File, error) {
	kind := ""
	switch {
	case at == "" || at == StatusName:
		at, kind = StatusName, "text/html; charset=utf-8"
	case at == ManifestName, at == SignatureName:
		kind = "application/json"
	case strings.HasPrefix(at, "files/") && strings.HasSuffix(at, ".whl"), strings.HasPrefix(at, "simple/"):
	case strings.HasPrefix(at, "files/") && strings.HasSuffix(at, ".metadata"), strings.HasPrefix(at, "status/logs/") && strings.HasSuffix(at, ".log"):
		kind = "text/plain; charset=utf-8"
	case strings.HasPrefix(at, "files/") && strings.HasSuffix(at, ".needs.json"):
		kind = "application/json"
	default:
		return serve.File{}, fmt.Errorf("there is no file %q here: %w", at, fs.ErrNotExist)
	}
	if strings.HasSuffix(at, "/index.html") {
		kind = "text/html; charset=utf-8"
	}
	file := serve.File{Type: kind, Open: func(ctx context.Context) (io.ReadSeekCloser, error) {
		if r.origin != nil && !strings.HasPrefix(at, "simple/") {
			if err := r.bring(ctx, at); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return nil, err
			}
		}
		f, err := r.openInside(at)
		if err != nil {
			return nil, fmt.Errorf("there is no file %q here: %w", at, fs.ErrNotExist)
		}
		return f, nil
	}}
	if strings.HasPrefix(at, "files/") && !strings.HasSuffix(at, ".json") {
		file.SHA256 = path.Base(path.Dir(at)) + "-" + path.Base(at) // the folder is named by the wheel's digest
	}
	return file, nil
}

// openInside opens a file of the folder. Symlinks that lead out of it are errors.
func (r *Repository) openInside(at string) (*os.File, error) {
	root, err := os.OpenRoot(r.dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	f, err := root.Open(filepath.FromSlash(at))
	if err != nil {
		return nil, err
	}
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, errors.Join(err, fs.ErrNotExist, f.Close())
	}
	return f, nil
}

func projectsJSON(projects []string) ([]byte, error) {
	type named struct {
		Name string `json:"name"`
	}
	list := make([]named, len(projects))
	for i, p := range projects {
		list[i].Name = p
	}
	return json.Marshal(map[string]any{"meta": map[string]string{"api-version": "1.1"}, "projects": list})
}

// projectJSON is a page by PEP 691 and 700. It has METADATA's hash by its name of PEP 714 alone: pip 23.0 and before, such as Debian
// 12's, fail on the older name.
func projectJSON(project string, entries []entry) ([]byte, error) {
	type file struct {
		Name           string            `json:"filename"`
		URL            string            `json:"url"`
		Hashes         map[string]string `json:"hashes"`
		RequiresPython string            `json:"requires-python,omitempty"`
		Size           int64             `json:"size"`
		Metadata       map[string]string `json:"core-metadata"`
		Yanked         any               `json:"yanked"`
	}
	files, versions := []file{}, []string{}
	for _, e := range entries {
		f := file{e.File, "../../" + e.Path(), map[string]string{"sha256": e.SHA256}, e.RequiresPython, e.Size, map[string]string{"sha256": e.Metadata}, false}
		if e.Yanked != nil {
			if f.Yanked = *e.Yanked; *e.Yanked == "" {
				f.Yanked = true
			}
		}
		files = append(files, f)
		if v := e.name.Version.String(); !slices.Contains(versions, v) {
			versions = append(versions, v)
		}
	}
	return json.Marshal(map[string]any{"meta": map[string]string{"api-version": "1.1"}, "name": project, "versions": versions, "files": files})
}
