package repository

import (
	"fmt"
	"html"
	"path/filepath"
	"strings"

	"github.com/pyimg/pyimg/wheel/tag"
)

// place is where the record of a wheel is.
func (r *Repository) place(file string) (project, at string, err error) {
	f, err := tag.ParseFilename(file)
	if err != nil {
		return "", "", err
	}
	return f.Name, filepath.Join(r.dir, "records", f.Name, file+".json"), nil
}

// writePage writes the page of a project, and the list of projects where it is new there.
func (r *Repository) writePage(project string) error {
	entries, err := r.records(project)
	if err != nil {
		return err
	}
	if err := writeFile(filepath.Join(r.dir, "simple", project, "index.html"), projectHTML(project, entries)); err != nil {
		return err
	}
	projects, err := r.projects()
	if err != nil {
		return err
	}
	return writeFile(filepath.Join(r.dir, "simple", "index.html"), projectsHTML(projects))
}

const head = `<!DOCTYPE html>
<html><head><meta charset="utf-8"><meta name="pypi:repository-version" content="1.1"><title>%s</title></head><body>
`

func projectsHTML(projects []string) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, head, "Simple index")
	for _, p := range projects {
		fmt.Fprintf(&b, "<a href=\"%s/\">%s</a><br>\n", html.EscapeString(p), html.EscapeString(p))
	}
	b.WriteString("</body></html>\n")
	return []byte(b.String())
}

// projectHTML is a page by PEP 503, 592 and 658. Its links are relative, so that the folder may be served anywhere.
func projectHTML(project string, entries []entry) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, head, html.EscapeString("Links for "+project))
	for _, e := range entries {
		fmt.Fprintf(&b, "<a href=\"../../%s#sha256=%s\"", html.EscapeString(e.Path()), e.SHA256)
		if e.RequiresPython != "" {
			fmt.Fprintf(&b, " data-requires-python=\"%s\"", html.EscapeString(e.RequiresPython))
		}
		// The second is what pip read before 22.3 of PEP 714.
		fmt.Fprintf(&b, " data-core-metadata=\"sha256=%s\" data-dist-info-metadata=\"sha256=%s\"", e.Metadata, e.Metadata)
		if e.Yanked != nil {
			fmt.Fprintf(&b, " data-yanked=\"%s\"", html.EscapeString(*e.Yanked))
		}
		fmt.Fprintf(&b, ">%s</a><br>\n", html.EscapeString(e.File))
	}
	b.WriteString("</body></html>\n")
	return []byte(b.String())
}
