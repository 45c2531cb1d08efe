package runtime

import (
	"archive/tar"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/pyimg/pyimg/assemble/input"
	"github.com/pyimg/pyimg/assemble/lock"
	"github.com/pyimg/pyimg/assemble/python"
	"github.com/pyimg/pyimg/assemble/spec"
	"github.com/pyimg/pyimg/internal/glob"
	"github.com/pyimg/pyimg/internal/redact"
	"github.com/pyimg/pyimg/internal/versions"
	"github.com/pyimg/pyimg/layers"
	"github.com/pyimg/pyimg/layers/local"
)

// PackOptions say how to pack a runtime. The zero value packs everything with gzip.
type PackOptions struct {
	Layers     spec.Layers // compression and level; "" is gzip
	Prefix     string      // replaces the runtime's own prefix; "" leaves a rooted one as it is, and is /usr/local for others
	Exclude    []string    // globs over paths in the image
	StripTests bool        // leave out CPython's test suites
	Created    time.Time   // of all files; zero: 1980, the first year that a zip can hold
}

// Check refuses an invalid prefix and invalid globs.
func (o PackOptions) Check() error {
	if o.Prefix != "" {
		if err := spec.CheckAbsolute(o.Prefix); err != nil {
			return fmt.Errorf("prefix: %w", err)
		}
	}
	for _, pattern := range o.Exclude {
		if err := glob.Check(pattern); err != nil {
			return fmt.Errorf("exclude: %w", err)
		}
	}
	return nil
}

// Packed is a runtime whose tarball can be a layer as it is.
type Packed struct {
	layers.Blob
	Report   python.Report
	Manifest string // path of the report in it
	Notes    []string
}

// manifestDir is the report's folder, below the prefix.
const manifestDir = "/share/pyimg/"

// Pack makes a layer of a runtime in a folder or a tarball (file or URL). The same files give the same layer: rooted, sorted by path,
// owned by 0:0, all with one time, with a report about the runtime. If it has bytecode, Python's source files keep their times,
// because bytecode is valid only with them (PEP 552).
func Pack(ctx context.Context, source string, src input.Access, o PackOptions) (Packed, error) {
	raw, folder, err := ingestAny(ctx, source, src)
	if err != nil {
		return Packed{}, err
	}
	p, err := newPacking(ctx, raw, folder, src.Store, o)
	if err != nil {
		return Packed{}, fmt.Errorf("packing %s: %w", redact.URL(source), err)
	}
	packed := Packed{Notes: p.notes}
	if packed.Report, err = python.Read(p.entries()); err != nil {
		return packed, err
	}
	if packed.Report.Prefix == "/" { // the files do not show it
		packed.Report.Prefix = "/" + p.recipe.To
	}
	manifest, err := p.manifest(packed.Report)
	if err != nil {
		return packed, err
	}
	packed.Manifest = "/" + manifest.Header.Name
	making := layers.MakeOptions{Compression: o.Layers.Compression, Level: o.Layers.Level}
	packed.Blob, err = src.Store.Arrange(ctx, p.text+string(manifest.Body), making, raw.Digest, p.edit, p.contents, append(p.parents(manifest.Header.Name), manifest))
	if err != nil {
		err = fmt.Errorf("packing %s: %w", redact.URL(source), err)
	}
	return packed, err
}

// ingestAny stores a runtime as it is, and reports whether it is a folder.
func ingestAny(ctx context.Context, source string, src input.Access) (raw layers.Blob, folder bool, err error) {
	if info, err := os.Stat(source); err == nil && info.IsDir() {
		raw, err := ingestFolder(ctx, source, src.Store)
		return raw, true, err
	}
	raw, err = src.Store.Ingest(ctx, Location{URL: source}.Source(src))
	return raw, false, err
}

// ingestFolder stores a folder as a layer.
func ingestFolder(ctx context.Context, dir string, store *layers.Store) (layers.Blob, error) {
	folder, err := local.Open(dir)
	if err != nil {
		return layers.Blob{}, err
	}
	defer folder.Close()
	var members []local.Member
	err = folder.Walk(ctx, ".", func(name string, info fs.FileInfo) error {
		if name == "." {
			return nil
		}
		f, err := folder.Look(ctx, name, info)
		if err == nil {
			members = append(members, local.Member{Header: folderMember(f), From: f})
		}
		return err
	})
	if err != nil {
		return layers.Blob{}, fmt.Errorf("reading the folder %q: %w", dir, err)
	}
	if len(members) == 0 {
		return layers.Blob{}, fmt.Errorf("reading the folder %q: it is empty", dir)
	}
	return local.Make(ctx, store, folder, members, layers.MakeOptions{Compression: "zstd", Level: 1})
}

func folderMember(f local.File) *tar.Header {
	h := &tar.Header{Typeflag: tar.TypeReg, Name: f.Name, Mode: int64(f.Info.Mode().Perm()), ModTime: f.Info.ModTime().Truncate(time.Second), Size: f.Info.Size()}
	switch {
	case f.Info.IsDir():
		h.Typeflag, h.Size, h.Name = tar.TypeDir, 0, f.Name+"/"
	case f.Target != "":
		h.Typeflag, h.Size, h.Linkname, h.Mode = tar.TypeSymlink, 0, filepath.ToSlash(f.Target), 0o777
	}
	return h
}

// A packing turns a stored runtime into a layer.
type packing struct {
	recipe   lock.RuntimeRecipe
	excluded *glob.Matcher // matches the recipe's globs
	o        PackOptions
	store    *layers.Store
	contents layers.ContentEdit
	bytecode bool            // the layer has bytecode
	dirs     map[string]bool // folders above the layer's files: true if the runtime itself has the folder
	text     string          // the recipe as a text
	notes    []string
}

func newPacking(ctx context.Context, raw layers.Blob, folder bool, store *layers.Store, o PackOptions) (*packing, error) {
	shape, err := shapeOf(raw.Digest, bundling{placed: o.Prefix != "", folder: folder}, store)
	if err != nil {
		return nil, err
	}
	p := &packing{recipe: lock.RuntimeRecipe{Version: versions.PackedFiles, Source: raw.Digest, Exclude: o.Exclude, Owner: &spec.Owner{}}, excluded: glob.NewMatcher(o.Exclude), o: o, store: store, dirs: make(map[string]bool)}
	if p.recipe.From, p.recipe.To, err = mapping((spec.Runtime{Prefix: o.Prefix}), shape); err != nil {
		return nil, err
	}
	if p.recipe.Moves, err = moves(p.recipe, store); err != nil {
		return nil, err
	}
	if p.contents, err = contents(ctx, p.recipe, layers.Source{Name: raw.Digest, Digest: raw.Digest}, store); err != nil {
		return nil, err
	}
	if p.o.Created.IsZero() {
		p.o.Created = time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	text, err := json.Marshal(p.recipe)
	if err != nil {
		return nil, err
	}
	p.text = fmt.Sprintf("pack v%d %s %t %d\n", versions.Pack, text, o.StripTests, p.o.Created.Unix())
	return p, p.look()
}

// look finds out which members the layer keeps, before anything is written.
func (p *packing) look() error {
	left, stripped := 0, 0
	for e, err := range p.store.Entries(p.recipe.Source) {
		if err != nil {
			return err
		}
		h := *e.Header
		keep, err := p.edit(&h)
		if keep {
			p.note(strings.TrimSuffix(h.Name, "/"), h.Typeflag == tar.TypeDir)
		}
		switch {
		case err != nil:
			return err
		case keep && h.Typeflag != tar.TypeDir:
			left++
			p.bytecode = p.bytecode || python.IsBytecode(h.Name)
		case p.o.StripTests && isTest(&h):
			stripped++
		}
	}
	if left == 0 {
		return errors.New("no file is left after excluding; check --exclude and --strip-tests")
	}
	if p.o.StripTests && stripped == 0 {
		p.notes = append(p.notes, "there are no test suites to strip")
	}
	if p.bytecode {
		p.notes = append(p.notes, "Python's source files keep their times, because their bytecode is valid only with these; to give all files one time, leave the bytecode out with --exclude '**/__pycache__'")
	}
	return nil
}

// note notes a path's folders.
func (p *packing) note(at string, dir bool) {
	if dir {
		p.dirs[at] = true
	}
	for at = path.Dir(at); at != "."; at = path.Dir(at) {
		if _, known := p.dirs[at]; known {
			return // and the folders above it are noted, too
		}
		p.dirs[at] = false // unless the runtime has it itself
	}
}

// parents returns the folders that the runtime lacks above its own files and above one more file.
func (p *packing) parents(file string) []layers.Member {
	p.note(file, false)
	var ms []layers.Member
	for _, dir := range slices.Sorted(maps.Keys(p.dirs)) {
		if !p.dirs[dir] {
			ms = append(ms, layers.Member{Header: &tar.Header{Typeflag: tar.TypeDir, Name: dir + "/", Mode: 0o755, ModTime: p.o.Created}})
		}
	}
	return ms
}

// edit is [layers.Edit] of one member.
func (p *packing) edit(h *tar.Header) (bool, error) {
	if !editMember(p.recipe, p.excluded, h) || isManifest(h.Name) || p.o.StripTests && isTest(h) {
		return false, nil
	}
	if !p.bytecode || !strings.HasSuffix(h.Name, ".py") && !python.IsBytecode(h.Name) {
		h.ModTime = p.o.Created
	}
	return true, nil
}

// isManifest reports whether a member is the report of a runtime that was packed before.
func isManifest(p string) bool {
	dir, base := path.Split(p)
	return strings.HasSuffix("/"+dir, manifestDir) && strings.HasSuffix(base, ".json")
}

// isTest reports whether a member belongs to a test suite; the suites' folders do, too.
func isTest(h *tar.Header) bool {
	if h.Typeflag == tar.TypeDir {
		return python.IsTest(path.Join(h.Name, "any"))
	}
	return python.IsTest(h.Name)
}

// entries yields the members of the layer, with their paths in the image.
func (p *packing) entries() iter.Seq2[layers.Entry, error] {
	return func(yield func(layers.Entry, error) bool) {
		for e, err := range p.store.Entries(p.recipe.Source) {
			if err != nil {
				yield(layers.Entry{}, err)
				return
			}
			h := *e.Header
			if keep, err := p.edit(&h); err != nil || !keep {
				continue // look has returned the error
			}
			e.Header = &h
			if p.contents != nil && e.Kept != nil {
				if change := p.contents(e.Path()); change != nil {
					e.Kept = change(slices.Clone(e.Kept))
				}
			}
			if !yield(e, nil) {
				return
			}
		}
	}
}

// packedManifest is the report in a packed runtime. It has nothing that the tarball itself shows, such as its digest.
type packedManifest struct {
	Version    int                `json:"version"`
	Prefix     string             `json:"prefix"`
	Arch       string             `json:"arch,omitempty"`
	Libc       string             `json:"libc,omitempty"`
	Python     *python.Build      `json:"python,omitempty"`
	Allocators []python.Allocator `json:"allocators,omitempty"`
	Needs      []string           `json:"needs,omitempty"`
	Stripped   bool               `json:"stripped"`
	Files      int                `json:"files"` // without the report
}

// manifest returns the report and its path in the runtime. Two runtimes of one image have different names for it.
func (p *packing) manifest(r python.Report) (layers.Member, error) {
	body, err := json.MarshalIndent(packedManifest{versions.Pack, r.Prefix, r.Arch, r.Libc, r.Python, r.Allocators, r.Needs, r.Stripped, r.Files}, "", "  ")
	if err != nil {
		return layers.Member{}, err
	}
	name := "runtime"
	switch {
	case r.Python != nil:
		name = "cpython-" + r.Python.Version
	case len(r.Allocators) > 0:
		name = strings.TrimPrefix(r.Allocators[0].Name, "lib")
	}
	at := strings.TrimPrefix(path.Join(r.Prefix, manifestDir, path.Base(name)+".json"), "/")
	return layers.Member{Body: append(body, '\n'),
		Header: &tar.Header{Typeflag: tar.TypeReg, Name: at, Mode: 0o644, ModTime: p.o.Created}}, nil
}
