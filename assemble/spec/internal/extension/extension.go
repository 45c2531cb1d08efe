// Package extension reads the documents that a spec extends, and merges them. It reads nothing outside of the first document's
// folder, and knows no other field than extends.
package extension

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"github.com/pyimg/pyimg/internal/regular"
	"github.com/pyimg/pyimg/internal/strictyaml"
)

// Field is the name of the field that lists the documents.
const Field = "extends"

// The bounds of what a spec extends. All files together have at most [strictyaml.MaxBytes].
const (
	maxDepth = 8  // documents that extend each other; people need 3
	maxFiles = 64 // documents; a spec that needs more is not readable
)

// Merged is a document with all that it extends.
type Merged struct {
	Top ast.Node // nil after a fault
	// Folders has the folder of each file, relative to that of the first, with slashes. The decoder's File says which file a node
	// is from.
	Folders map[string]string
}

// Merge reads what a document extends: later files win over those before them, and a document wins over all that it extends.
// Faults go to the decoder. name and data are those of the first document.
func Merge(d *strictyaml.Decoder, name string, data []byte) (Merged, error) {
	root, err := os.OpenRoot(filepath.Dir(name))
	if err != nil {
		return Merged{}, fmt.Errorf("opening the spec's folder: %w", err)
	}
	defer root.Close()
	r := reader{decoder: d, root: root, dir: filepath.Dir(name), left: strictyaml.MaxBytes - len(data),
		Merged: Merged{Folders: map[string]string{name: "."}}, read: make(map[string]ast.Node)}
	first := document{name: filepath.Base(name), shown: name}
	first.info, _ = root.Stat(first.name) // without it a cycle is found by its names
	r.Top = r.merged(first, data, nil)
	return r.Merged, nil
}

type reader struct {
	Merged
	decoder *strictyaml.Decoder
	root    *os.Root
	dir     string // of the first document, as the user named it
	left    int    // bytes that may still be read
	files   int    // documents read so far
	read    map[string]ast.Node
}

// A document is a file that is merged.
type document struct {
	name  string // relative to the root, with slashes
	shown string // in errors
	info  fs.FileInfo
}

// merged parses a document and puts it over what it extends. below are the documents that extend it, the first one first.
func (r *reader) merged(doc document, data []byte, below []document) ast.Node {
	top := r.decoder.Include(doc.shown, data)
	at, list := strictyaml.Find(top, Field)
	if top == nil || at == nil {
		return top
	}
	top = without(top)
	var under ast.Node
	chain := append(slices.Clone(below), doc)
	for _, n := range r.names(list) {
		next := r.extended(n, chain)
		if next == nil {
			continue // the fault is noted, or the file is empty
		}
		if under == nil {
			under = next
		} else {
			under = r.decoder.Merge(under, next)
		}
	}
	if under == nil {
		return top
	}
	return r.decoder.Merge(under, top)
}

// without is a document without the field.
func without(top ast.Node) ast.Node {
	m := *top.(*ast.MappingNode)
	m.Values = slices.DeleteFunc(slices.Clone(m.Values), func(v *ast.MappingValueNode) bool { return v.Key.GetToken().Value == Field })
	return &m
}

// A named is a file that extends lists, and its place.
type named struct {
	file string
	at   ast.Node
}

// names decodes the list.
func (r *reader) names(list ast.Node) []named {
	var names []named
	if strictyaml.IsNull(list) {
		return nil
	}
	r.decoder.ListAt(func(at ast.Node, v string) error {
		names = append(names, named{v, at})
		return check(v)
	})(Field, list)
	return names
}

// check refuses what names no file below the folder, as far as its text shows that.
func check(v string) error {
	switch {
	case v == "":
		return errors.New("expected a file, found nothing")
	case strings.Contains(v, "://"):
		return fmt.Errorf("expected a file below the spec's folder, found the URL %q; keep a copy there", v)
	case strings.ContainsAny(v, "{}"):
		return fmt.Errorf("%q: variables are filled in after all files are read, so the name of a file cannot hold one", v)
	case path.IsAbs(v) || filepath.IsAbs(v):
		return fmt.Errorf("expected a path relative to this file, found %q", v)
	}
	return nil
}

// extended reads a file that the last document of the chain names, with all that it extends itself.
func (r *reader) extended(n named, chain []document) ast.Node {
	fault := func(format string, args ...any) ast.Node {
		r.decoder.FaultAt(n.at, Field, format, args...)
		return nil
	}
	if check(n.file) != nil {
		return nil // noted already
	}
	name := path.Join(path.Dir(chain[len(chain)-1].name), filepath.ToSlash(n.file))
	if name == ".." || strings.HasPrefix(name, "../") {
		return fault("%q is outside of %q, the folder of the first spec; pyimg reads nothing outside of it: move that file below it, or keep a copy there", n.file, r.dir)
	}
	doc := document{name: name, shown: filepath.Join(r.dir, filepath.FromSlash(name))}
	if names, is := cycle(doc, chain); is {
		return fault("%q extends itself: %s", n.file, names)
	}
	if top, before := r.read[name]; before {
		return top
	}
	if len(chain) > maxDepth {
		return fault("files that extend each other more than %d deep, at %q", maxDepth, n.file)
	}
	if r.files++; r.files > maxFiles {
		return fault("more than %d files are extended", maxFiles)
	}
	data, info, err := r.open(name)
	if err != nil {
		return fault("%v", r.explain(n.file, err))
	}
	doc.info = info
	if names, is := cycle(doc, chain); is {
		return fault("%q extends itself: %s", n.file, names)
	}
	r.Folders[doc.shown] = path.Dir(name)
	top := r.merged(doc, data, chain)
	if _, isMap := top.(*ast.MappingNode); !isMap && !strictyaml.IsNull(top) {
		r.decoder.FaultAt(top, "", "expected a mapping (key: value), as in a spec")
		top = nil
	}
	r.read[name] = top
	return r.read[name]
}

// cycle reports whether a document is in the chain that leads to it, and names the chain from there.
func cycle(doc document, chain []document) (string, bool) {
	at := slices.IndexFunc(chain, func(d document) bool {
		return d.name == doc.name || d.info != nil && doc.info != nil && os.SameFile(d.info, doc.info)
	})
	if at < 0 {
		return "", false
	}
	var names []string
	for _, d := range append(slices.Clone(chain[at:]), doc) {
		names = append(names, d.name)
	}
	return strings.Join(names, " -> "), true
}

// open reads a file below the root.
func (r *reader) open(name string) ([]byte, fs.FileInfo, error) {
	info, err := r.root.Stat(filepath.FromSlash(name))
	if err != nil {
		return nil, nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, nil, fmt.Errorf("it is %s, and %w", regular.Kind(info.Mode()), regular.ErrKind)
	}
	f, err := r.root.Open(filepath.FromSlash(name))
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, int64(r.left)+1))
	if err == nil && len(data) > r.left {
		err = fmt.Errorf("with it the spec and all that it extends have more than %d bytes", strictyaml.MaxBytes)
	}
	r.left -= len(data)
	return data, info, err
}

// explain says what to do about a file that cannot be read.
func (r *reader) explain(file string, err error) error {
	var at *fs.PathError
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("there is no file %q; paths start from the folder of the file that names them", file)
	case errors.As(err, &at) && strings.Contains(at.Err.Error(), "escapes"): // os.Root has no sentinel for it
		return fmt.Errorf("%q is a symlink that leads out of %q, the folder of the first spec; pyimg reads nothing outside of it: keep a copy there", file, r.dir)
	case errors.As(err, &at):
		err = at.Err
	}
	return fmt.Errorf("reading %q: %w", file, err)
}
