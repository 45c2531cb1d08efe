// Package draft makes a first spec of the files that a project has already: pyproject.toml, locks, requirements, a Dockerfile, an
// apko.yaml, a Home Assistant app. What a spec cannot hold is a [Note] that names the line and says what to do instead.
//
// It reads the project's folder alone, carries out nothing and asks no host. The result is read back by assemble/spec before
// it is returned.
package draft

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/pyimg/pyimg/assemble/draft/pyproject"
	"github.com/pyimg/pyimg/assemble/draft/specfile"
	"github.com/pyimg/pyimg/assemble/spec"
	"github.com/pyimg/pyimg/internal/exit"
	"github.com/pyimg/pyimg/internal/strictyaml"
)

// Options say what to make a spec of. The zero value works.
type Options struct {
	From    string // the Dockerfile or apko.yaml; "": the one in the folder
	Target  string // the stage of the Dockerfile; "": the last one
	Runtime string // the source of the runtime; "": one that fits
}

// Draft is a spec with what it does not hold.
type Draft struct {
	Text  []byte   // YAML with comments
	Read  []string // the files that it was made of, in the order in which they were read
	Notes []Note
	Files []File // what the spec names and the project has only inside another file
}

// File is a file next to the spec. Its name is a path with slashes below the spec's folder.
type File struct {
	Name string
	Data []byte
}

// Note is something that was not taken over.
type Note struct {
	At      string // FILE:LINE, or FILE
	What    string // as it is written there
	Why     string
	Instead string // what to do
}

// String is the note in one line.
func (n Note) String() string {
	text := n.At + ": "
	if n.What != "" {
		text += shorten(n.What) + ": "
	}
	text += "not taken over: " + n.Why
	if n.Instead != "" {
		text += "; " + n.Instead
	}
	return text
}

// shorten keeps the beginning of a long text that a note quotes.
func shorten(s string) string { return cut(s, 100) }

// reason keeps the beginning of an error. It is longer than a quoted text, because an error also says what to do.
func reason(err error) string { return cut(err.Error(), 400) }

func cut(s string, most int) string {
	s = hide(strings.Join(strings.Fields(s), " ")) // before a URL is cut off in its middle
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "..."
	}
	return s
}

// maxBytes bounds each file that is read whole. The largest are locks, which have a bound of their own.
const maxBytes = 32 << 20

// maxNotes bounds what is said of one project; a person reads it.
const maxNotes = 200

// A maker collects what becomes the spec.
type maker struct {
	folder  fs.FS
	options Options
	names   []string // of the files and folders at the top of the folder, sorted
	spec    specfile.Spec
	read    []string
	notes   []Note
	files   []File

	requires  string // which Pythons the project allows, as PEP 440 has it
	name      string // of the project
	version   string // of Python, such as "3.13"; "" is not said
	versionBy string // where it is said
	alpine    bool   // the Python is Alpine's own
	noPython  bool   // nothing says that Python is wanted
	scripts   []pyproject.Script
	wants     wants
	known     map[string]bool // folders of the image that exist
	debian    bool            // the image is made of Debian today
	listed    bool            // the packages are a list that is complete
	onAlpine  bool            // it is made of Alpine, without a Python of docker's
}

// Make makes a spec of what is in a folder.
func Make(ctx context.Context, folder fs.FS, o Options) (Draft, error) {
	m := maker{folder: folder, options: o, known: map[string]bool{"/": true}}
	entries, err := fs.ReadDir(folder, ".")
	if err != nil {
		return Draft{}, fmt.Errorf("reading the folder: %w", err)
	}
	for _, e := range entries {
		m.names = append(m.names, e.Name())
	}
	if err := m.collect(ctx); err != nil {
		return Draft{}, err
	}
	return m.finish()
}

// collect reads what there is, the most telling file first.
func (m *maker) collect(ctx context.Context) error {
	if err := m.readProject(); err != nil {
		return err
	}
	var err error
	name := m.recipe()
	switch {
	case name == "":
		m.application()
	case isYAML(name):
		err = m.readApko(name)
	default:
		err = m.readDockerfile(name)
	}
	if err != nil {
		return err
	}
	m.separate()
	m.others()
	m.python(ctx)
	m.runtime()
	return nil
}

func isYAML(name string) bool { return path.Ext(name) == ".yaml" || path.Ext(name) == ".yml" }

// recipe is the file that says how the image is made today; "" if there is none.
func (m *maker) recipe() string {
	if m.options.From != "" {
		return m.options.From
	}
	for _, name := range []string{"apko.yaml", ".apko.yaml", "Dockerfile", "Containerfile", "dockerfile"} {
		if m.has(name) {
			return name
		}
	}
	return ""
}

// others names files that say something of an image and are not read.
func (m *maker) others() {
	for _, name := range []string{"compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml"} {
		if m.has(name) {
			m.note(name, "", "it says how containers run together, and a spec describes one image", "keep it, and name the image that pyimg pushes there")
		}
	}
	m.elsewhere()
	if slices.Contains(m.read, "apko.yaml") && m.has("Dockerfile") {
		m.note("Dockerfile", "", "apko.yaml was taken", "--from Dockerfile takes this one")
	}
}

func (m *maker) has(name string) bool {
	_, err := fs.Stat(m.folder, name)
	return err == nil
}

func (m *maker) isDir(name string) bool {
	info, err := fs.Stat(m.folder, name)
	return err == nil && info.IsDir()
}

// file reads a file that becomes part of the draft.
func (m *maker) file(name string) ([]byte, error) {
	if !fs.ValidPath(name) {
		return nil, exit.Usagef("reading %q: expected a path below the folder", name)
	}
	f, err := m.folder.Open(name)
	if err != nil {
		return nil, fmt.Errorf("reading %q: %w", name, cause(err))
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && !info.Mode().IsRegular() {
		return nil, exit.Usagef("reading %q: expected a file", name)
	}
	data, err := io.ReadAll(io.LimitReader(f, maxBytes+1))
	if err == nil && len(data) > maxBytes {
		err = fmt.Errorf("expected at most %d bytes", maxBytes)
	}
	if err != nil {
		return nil, fmt.Errorf("reading %q: %w", name, cause(err))
	}
	if !slices.Contains(m.read, name) {
		m.read = append(m.read, name)
	}
	return data, nil
}

// cause leaves out the path of an error, which names it already.
func cause(err error) error {
	var e *fs.PathError
	if errors.As(err, &e) {
		return e.Err
	}
	return err
}

func (m *maker) note(at, what, why, instead string) {
	n := Note{at, hide(what), hide(why), hide(instead)}
	switch {
	case slices.Contains(m.notes, n):
	case len(m.notes) < maxNotes:
		m.notes = append(m.notes, n)
	case len(m.notes) == maxNotes:
		m.notes = append(m.notes, Note{At: at, Why: fmt.Sprintf("there are more than %d such lines", maxNotes)})
	}
}

// finish writes the spec and reads it back.
func (m *maker) finish() (Draft, error) {
	m.spec.Head = m.head()
	for _, n := range m.notes {
		m.spec.Foot = append(m.spec.Foot, "- "+n.String())
	}
	if len(m.notes) > 0 {
		m.spec.Foot = append([]string{"Not taken over:"}, m.spec.Foot...)
	}
	text, err := m.readable(m.spec.YAML())
	if err != nil {
		return Draft{}, err
	}
	return Draft{Text: text, Read: m.read, Notes: m.notes, Files: m.files}, nil
}

// head says what the spec was made of.
func (m *maker) head() []string {
	of := "Nothing was found here to make it of: it is the image that pyimg makes without a spec."
	switch {
	case len(m.read) > 0:
		of = "Made of " + strings.Join(m.read, ", ") + "."
	case len(m.spec.Files) > 0:
		of = "Made of the modules in the folder."
	}
	return []string{
		"The spec of an image for pyimg. " + of,
		"",
		"  pyimg lock                                   writes pyimg.lock: the same image comes out again",
		"  pyimg assemble --output oci:image:latest     makes the image, as an OCI layout",
		"  pyimg assemble --push REGISTRY/NAME:TAG      makes it and pushes it",
		"",
	}
}

// maxRepairs bounds how often lines that the spec refuses are taken out.
const maxRepairs = 20

// readable takes out the lines that a spec does not allow, which only values that are odd themselves bring about.
func (m *maker) readable(text []byte) ([]byte, error) {
	for range maxRepairs {
		_, err := spec.Parse("pyimg.yaml", text)
		var faults *strictyaml.Error
		if err == nil {
			return text, nil
		}
		if !errors.As(err, &faults) {
			return nil, err
		}
		lines := strings.Split(string(text), "\n")
		for _, f := range faults.Faults {
			if f.Line < 1 || f.Line > len(lines) || strings.HasPrefix(lines[f.Line-1], "#") {
				continue
			}
			m.note("pyimg.yaml:"+fmt.Sprint(f.Line), strings.TrimSpace(lines[f.Line-1]), cmp.Or(f.Field+": "+f.Msg, f.Msg), "")
			lines[f.Line-1] = "#" + lines[f.Line-1]
		}
		text = []byte(strings.Join(lines, "\n"))
	}
	return nil, errors.New("writing the spec: what the project's files say cannot be written as a spec")
}
