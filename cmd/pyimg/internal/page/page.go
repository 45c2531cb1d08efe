// Package page shows an image as one HTML page that needs no network: its platforms, layers, packages, files and folders, and
// what has changed since another image. The same image gives the same bytes.
//
// Names come from foreign images: html/template escapes them, and the page's policy allows only the style and the script that
// it brings, by their digests.
package page

import (
	"cmp"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/pyimg/pyimg/assemble/image"
	"github.com/pyimg/pyimg/assemble/lock"
	"github.com/pyimg/pyimg/internal/termtext"
)

//go:embed page.html
var text string

//go:embed page.css
var style string

//go:embed page.js
var script string

// Image is what a page shows. All slices have the platforms in the same order.
type Image struct {
	Name    string // as the user gave it
	Report  image.Report
	Weights []image.Weight
	Held    []image.Held
	Against string // the other image; "" if there is none
	Changes []image.Difference
}

// Bounds of what is shown of one platform. A page with all of it would be too large for a phone.
const (
	maxPackages = 2000
	maxFolders  = 400
	maxChanges  = 500
)

// Write writes the page.
func Write(w io.Writer, i Image) error {
	t, err := template.New("page").Parse(text)
	if err != nil {
		return fmt.Errorf("parsing the page's template: %w", err)
	}
	return t.Execute(w, view{
		Name: termtext.Line(i.Name), Digest: termtext.Line(i.Report.Digest), MediaType: termtext.Line(i.Report.MediaType), Against: termtext.Line(i.Against),
		Style: template.CSS(style), Script: template.JS(script), //nolint:gosec // both are ours
		Policy:      template.HTMLAttr(fmt.Sprintf(`content="default-src 'none'; style-src '%s'; script-src '%s'; base-uri 'none'; form-action 'none'"`, sum(style), sum(script))), //nolint:gosec // digests alone
		Annotations: table(i.Report.Annotations), Platforms: platforms(i), Changes: changes(i.Changes),
	})
}

// sum is the digest of a text as a Content-Security-Policy has it.
func sum(text string) string {
	h := sha256.Sum256([]byte(text))
	return "sha256-" + base64.StdEncoding.EncodeToString(h[:])
}

// The values that the template shows. All text in them is one line without control characters.
type (
	view struct {
		Name, Digest, MediaType, Against string
		Style                            template.CSS
		Script                           template.JS
		Policy                           template.HTMLAttr
		Annotations                      []pair
		Platforms                        []platform
		Changes                          []change
	}
	pair     struct{ Key, Value string }
	platform struct {
		ID, Name, Digest, Size, Unpacked, Hidden, Files, InLayers, Python, Verdict string
		Config                                                                     []pair
		Bar                                                                        []slice
		Layers                                                                     []layer
		Packages                                                                   []owned
		MorePackages                                                               int
		Wheels, APKs                                                               string
		Folders                                                                    []folder
		MoreFolders                                                                int
	}
	slice struct {
		X, Width string // of 1000
		Kind     string
		Title    string
	}
	layer struct {
		N                              int
		Kind, From, Why, Digest, Short string
		Size, Unpacked                 string
		Width                          string // of 100
		Files                          []file
		More                           int
	}
	file  struct{ Path, Size string }
	owned struct {
		Name, Version, Kind, Size, Files, RequiredBy string
		Width                                        string
	}
	folder struct {
		Path, Size, Files, Width string
		Depth                    int
	}
	change struct {
		Platform, Only string
		Same           bool
		Sizes          []pair
		Rows           []row
		More           int
	}
	row struct{ Sign, Kind, Name, Old, New string }
)

func platforms(i Image) []platform {
	var out []platform
	for n, r := range i.Report.Platforms {
		p := platform{ID: fmt.Sprintf("platform-%d", n+1), Name: termtext.Line(r.Platform), Digest: termtext.Line(r.Digest), Size: termtext.Size(r.Size), Config: config(r),
			InLayers: "in " + termtext.Count(len(r.Layers), "layer")}
		if r.Python != nil {
			p.Python, p.Verdict = termtext.Line(r.Python.Version), termtext.Line(r.Python.Verdict)
		}
		var held image.Held
		if n < len(i.Held) {
			held = i.Held[n]
		}
		p.Bar, p.Layers = layersOf(r, held)
		if n < len(i.Weights) {
			p.weigh(i.Weights[n])
		}
		out = append(out, p)
	}
	return out
}

func config(r image.PlatformReport) []pair {
	var out []pair
	add := func(key, value string) {
		if value != "" {
			out = append(out, pair{key, termtext.Line(value)})
		}
	}
	add("Entry point", words(r.Entrypoint))
	add("Command", words(r.Cmd))
	add("User", r.User)
	add("Folder", r.Workdir)
	add("Created", r.Created)
	for _, e := range r.Env {
		add("Variable", e)
	}
	for _, p := range table(r.Labels) {
		add("Label", p.Key+"="+p.Value)
	}
	return out
}

func words(list []string) string {
	quoted := make([]string, len(list))
	for i, w := range list {
		quoted[i] = w
		if w == "" || strings.ContainsAny(w, " \t\"'") {
			quoted[i] = fmt.Sprintf("%q", w)
		}
	}
	return strings.Join(quoted, " ")
}

func table(m map[string]string) []pair {
	var out []pair
	for _, k := range slices.Sorted(maps.Keys(m)) {
		out = append(out, pair{termtext.Line(k), termtext.Line(m[k])})
	}
	return out
}

// kind says what a layer is made of: it chooses the colour.
func kind(l image.LayerReport) string {
	from, own := strings.CutPrefix(l.From, lock.HistoryPrefix)
	word, _, _ := strings.Cut(from, " ")
	switch {
	case !own:
		return "other"
	case word == "apk":
		return "package"
	case word == "wheel":
		return "wheel"
	case word == "runtime", word == "standalone", word == "image":
		return "runtime"
	case word == "bytecode", word == "files":
		return word
	}
	return "made"
}

func layersOf(r image.PlatformReport, held image.Held) (bar []slice, out []layer) {
	total, most, at := int64(0), int64(1), int64(0)
	for _, l := range r.Layers {
		total, most = total+l.Size, max(most, l.Size)
	}
	for n, l := range r.Layers {
		from := cmp.Or(strings.TrimPrefix(l.From, lock.HistoryPrefix), "unknown")
		one := layer{N: n + 1, Kind: kind(l), From: termtext.Line(from), Why: termtext.Line(l.Comment), Digest: termtext.Line(l.Digest), Short: short(termtext.Line(l.Digest)), Size: termtext.Size(l.Size), Width: share(l.Size, most, 100)}
		if n < len(held.Layers) {
			h := held.Layers[n]
			one.Unpacked, one.More = termtext.Size(h.Size), h.Files-len(h.Largest)
			for _, f := range h.Largest {
				one.Files = append(one.Files, file{termtext.Line(f.Path), termtext.Size(f.Size)})
			}
		}
		out = append(out, one)
		bar = append(bar, slice{X: share(at, total, 1000), Width: share(l.Size, total, 1000), Kind: one.Kind, Title: one.From + ", " + one.Size})
		at += l.Size
	}
	return bar, out
}

// share is the part of a whole, of so many, with one decimal.
func share(part, whole int64, of float64) string {
	if whole <= 0 {
		return "0"
	}
	return fmt.Sprintf("%.1f", float64(part)/float64(whole)*of)
}

func short(digest string) string {
	_, hex, _ := strings.Cut(digest, ":")
	return hex[:min(len(hex), 12)]
}

func (p *platform) weigh(w image.Weight) {
	p.Unpacked, p.Files = termtext.Size(w.Unpacked), termtext.Count(w.Files, "file")
	if w.Hidden > 0 {
		p.Hidden = termtext.Size(w.Hidden)
	}
	most, count := int64(1), make(map[string]int)
	for _, o := range w.Packages {
		most = max(most, o.Size)
	}
	for _, o := range w.Packages {
		one := owned{Size: termtext.Size(o.Size), Files: fmt.Sprint(o.Files), Width: share(o.Size, most, 100), RequiredBy: termtext.Line(strings.Join(o.RequiredBy, ", "))}
		one.Name, one.Version, one.Kind = split(o.Package)
		count[one.Kind]++
		if len(p.Packages) < maxPackages {
			p.Packages = append(p.Packages, one)
		} else {
			p.MorePackages++
		}
	}
	p.APKs, p.Wheels = termtext.Count(count["package"], "package"), termtext.Count(count["wheel"], "package")
	for _, f := range w.Folders {
		if f.Path == "/" || f.Files == 0 {
			continue
		}
		if len(p.Folders) == maxFolders {
			p.MoreFolders++
			continue
		}
		p.Folders = append(p.Folders, folder{Path: termtext.Line(f.Path), Size: termtext.Size(f.Size), Files: fmt.Sprint(f.Files), Width: share(f.Size, w.Unpacked, 100), Depth: min(strings.Count(path.Clean(f.Path), "/"), 6)})
	}
}

// split takes a package's name and version apart: NAME-VERSION-rN of Alpine, NAME==VERSION of Python.
func split(name string) (string, string, string) {
	if name == "" {
		return "files of no package", "", "none"
	}
	name = termtext.Line(name)
	if n, v, ok := strings.Cut(name, "=="); ok {
		return n, v, "wheel"
	}
	if i := strings.LastIndexByte(name, '-'); i > 0 {
		if j := strings.LastIndexByte(name[:i], '-'); j > 0 {
			return name[:j], name[j+1:], "package"
		}
	}
	return name, "", "package"
}

func changes(diffs []image.Difference) []change {
	var out []change
	for _, d := range diffs {
		c := change{Platform: termtext.Line(d.Platform), Only: d.Only, Same: d.Same}
		if d.Only == "" && !d.Same {
			c.Sizes = []pair{{"compressed", termtext.Size(d.Size[0]) + " → " + termtext.Size(d.Size[1])}, {"unpacked", termtext.Size(d.Unpacked[0]) + " → " + termtext.Size(d.Unpacked[1])}}
			c.add("configuration", d.Config)
			c.add("package", d.Packages)
			c.add("runtime", d.Runtimes)
			c.add("Python package", d.Wheels)
			c.addFiles(d.Files)
		}
		out = append(out, c)
	}
	return out
}

func (c *change) row(kind, name, a, b string, hasA, hasB bool) {
	if len(c.Rows) == maxChanges {
		c.More++
		return
	}
	r := row{"changed", kind, termtext.Line(name), termtext.Line(a), termtext.Line(b)}
	switch {
	case !hasA:
		r.Sign = "added"
	case !hasB:
		r.Sign = "removed"
	}
	c.Rows = append(c.Rows, r)
}

func (c *change) add(kind string, changes []image.Change) {
	value := func(p *string) string {
		if p == nil {
			return ""
		}
		return *p
	}
	for _, x := range changes {
		c.row(kind, x.Name, value(x.A), value(x.B), x.A != nil, x.B != nil)
	}
}

func (c *change) addFiles(files []image.FileChange) {
	size := func(s *image.FileState) string {
		if s == nil {
			return ""
		}
		return termtext.Size(s.Size)
	}
	for _, f := range files {
		c.row("file", f.Path, size(f.A), size(f.B), f.A != nil, f.B != nil)
	}
}
