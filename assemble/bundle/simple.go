package bundle

import (
	"html/template"
	"path"
	"slices"
	"strings"

	"github.com/pyimg/pyimg/assemble/bundle/manifest"
	"github.com/pyimg/pyimg/wheel/tag"
)

// SimplePath is where a bundle's server has its index of wheels, the simple repository API. See PEP 503.
const SimplePath = "/simple/"

// HasWheels reports whether the bundle holds wheels.
func (b *Bundle) HasWheels() bool { return len(b.Of(manifest.Wheel)) > 0 }

// An anchor is a link of a page.
type anchor struct{ Text, To string }

// wheelPage is a page of the index of wheels, or the list of all of them at /wheels/ (pip's --find-links).
func (b *Bundle) wheelPage(at string) (page string, ok bool) {
	project, inIndex := strings.CutPrefix(at, SimplePath)
	project = strings.TrimSuffix(project, "/")
	if !inIndex && at != "/"+manifest.WheelsDir || inIndex && strings.Contains(project, "/") {
		return "", false
	}
	var links []anchor
	for _, f := range b.Of(manifest.Wheel) {
		name, err := tag.ParseFilename(path.Base(f.Path))
		switch {
		case err != nil:
		case inIndex && project == "":
			links = append(links, anchor{name.Name, SimplePath + name.Name + "/"})
		case !inIndex || name.Name == project:
			links = append(links, anchor{name.Text, "/" + f.Path + "#sha256=" + f.SHA256})
		}
	}
	slices.SortStableFunc(links, func(a, b anchor) int { return strings.Compare(a.Text, b.Text) })
	links = slices.Compact(links)
	if len(links) == 0 {
		return "", false
	}
	var text strings.Builder
	err := template.Must(template.New("").Parse("<!DOCTYPE html>\n<html><body>\n{{range .}}<a href=\"{{.To}}\">{{.Text}}</a><br>\n{{end}}</body></html>\n")).Execute(&text, links)
	return text.String(), err == nil
}
