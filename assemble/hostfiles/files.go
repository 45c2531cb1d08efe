package hostfiles

import (
	"archive/tar"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/bmatcuk/doublestar/v4"

	"github.com/pyimg/pyimg/assemble/certificates"
	"github.com/pyimg/pyimg/assemble/input"
	"github.com/pyimg/pyimg/assemble/spec"
	"github.com/pyimg/pyimg/internal/glob"
	"github.com/pyimg/pyimg/internal/rootpath"
	"github.com/pyimg/pyimg/layers/local"
)

// LayerName is what the layer of the spec's own files is called.
const LayerName = "files"

const (
	defaultDirMode  = 0o755
	defaultFileMode = 0o644
	defaultExecMode = 0o755
	ownerExecutes   = 0o100
)

// Found are the files of a spec as they were found on this machine. What the image has at their paths is not known yet.
type Found struct {
	folder  *local.Folder // nil where the spec names no files
	entries []entry       // in the order of the spec
	trusted []item        // files of certificates, which have no place of their own
	parsed  []certificates.Certificate
	paths   []spec.Path
	time    time.Time
}

// An entry is what one entry of the spec takes: the same for all platforms, or something for each.
type entry struct {
	items []item
	each  map[spec.Platform][]item // nil: items are for all
}

// all yields all items of all platforms.
func (f *Found) all() iter.Seq[item] {
	return func(yield func(item) bool) {
		for _, i := range f.trusted {
			if !yield(i) {
				return
			}
		}
		for _, e := range f.entries {
			lists := [][]item{e.items}
			for _, p := range slices.SortedFunc(maps.Keys(e.each), func(a, b spec.Platform) int { return strings.Compare(a.String(), b.String()) }) {
				lists = append(lists, e.each[p])
			}
			for _, i := range slices.Concat(lists...) {
				if !yield(i) {
					return
				}
			}
		}
	}
}

// of returns the items of a platform, in the order of the spec.
func (f *Found) of(p spec.Platform) []item {
	var items []item
	for _, e := range f.entries {
		items = append(append(items, e.items...), e.each[p]...)
	}
	return items
}

// Regular are the SHA-256 of the regular files of a platform, in hexadecimal, by their path in the image.
func (f *Found) Regular(p spec.Platform) map[string]string {
	digests := make(map[string]string)
	for _, i := range f.of(p) {
		if i.header.Typeflag == tar.TypeReg {
			digests[i.header.Name] = strings.TrimPrefix(i.from.Digest, "sha256:")
		}
	}
	return digests
}

// An item is one path that is to be in the image.
type item struct {
	by      string // what asks for it, for errors
	header  tar.Header
	from    local.File
	replace bool
	stated  bool // a folder whose owner and mode the spec says
}

func (f *Found) Close() {
	if f.folder != nil {
		_ = f.folder.Close() // it was only read
	}
}

// Read finds the files of the spec in a folder (nil: Spec.Dir) and reads each once, for its digest. All get the same time.
func Read(ctx context.Context, s spec.Spec, in input.Folder, at time.Time) (*Found, error) {
	f := &Found{paths: s.Paths, time: at}
	var errs []error
	if s.TakesFolder() {
		var err error
		if f.folder, err = openFolder(ctx, s, in); err != nil {
			return nil, err
		}
	}
	for i, d := range s.Dirs {
		f.entries = append(f.entries, entry{items: []item{{by: fmt.Sprintf("dirs[%d]", i), stated: true, header: tar.Header{
			Typeflag: tar.TypeDir, Name: rootpath.Clean(d.Path), Mode: cmp.Or(d.Mode, defaultDirMode), Uid: d.UID, Gid: d.GID, ModTime: at}}}})
	}
	for i, name := range s.Certificates {
		if err := f.readCertificates(ctx, name); err != nil {
			errs = append(errs, fmt.Errorf("certificates[%d] (%s): %w", i, name, err))
		}
	}
	errs = append(errs, certificates.Check(f.parsed))
	for i, files := range s.Files {
		e, err := f.readEntry(ctx, i, files, s.Platforms)
		errs = append(errs, err)
		f.entries = append(f.entries, e)
	}
	if err := errors.Join(errs...); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// readCertificates reads a file of certificates.
func (f *Found) readCertificates(ctx context.Context, name string) error {
	return f.folder.Walk(ctx, name, func(at string, info fs.FileInfo) error {
		if info.IsDir() {
			return errors.New("it is a folder, and a file is expected; name its files")
		}
		file, err := f.folder.Look(ctx, at, info)
		if err != nil {
			return err
		}
		content, err := f.folder.Content(ctx, file, certificates.MaxFile)
		if err != nil {
			return err
		}
		parsed, err := certificates.Parse(name, content)
		f.parsed = append(f.parsed, parsed...)
		f.trusted = append(f.trusted, item{by: name, from: file, header: tar.Header{Typeflag: tar.TypeReg, Name: "certificates: " + name, Size: info.Size()}})
		return err
	})
}

// Certificates are those of the spec's files.
func (f *Found) Certificates() []certificates.Certificate { return f.parsed }

// Time is the time that all files have in the image.
func (f *Found) Time() time.Time { return f.time }

// readEntry reads one entry of files: once, or for each platform where its path depends on the platform.
func (f *Found) readEntry(ctx context.Context, i int, files spec.Files, platforms []spec.Platform) (entry, error) {
	read := func(from, of string) ([]item, error) {
		r := filesReader{entry: files, by: fmt.Sprintf("files[%d] (%s)", i, from), folder: f.folder, time: f.time}
		r.entry.From = from
		if err := r.read(ctx); errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("%s%s: %w; paths start from the spec's folder", r.by, of, err)
		} else if err != nil {
			return nil, fmt.Errorf("%s%s: %w", r.by, of, err)
		}
		return r.items, nil
	}
	if !files.PerPlatform() {
		items, err := read(files.From, "")
		return entry{items: items}, err
	}
	e := entry{each: make(map[spec.Platform][]item)}
	var errs []error
	for _, p := range platforms {
		items, err := read(p.Fill(files.From), " for "+p.String())
		e.each[p], errs = items, append(errs, err)
	}
	return e, errors.Join(errs...)
}

func openFolder(ctx context.Context, s spec.Spec, in input.Folder) (*local.Folder, error) {
	if in != nil {
		return in.Open(ctx)
	}
	return local.Open(cmp.Or(s.Dir, "."))
}

// A filesReader reads one entry of files.
type filesReader struct {
	entry  spec.Files
	by     string
	folder *local.Folder
	time   time.Time
	items  []item
}

func (r *filesReader) read(ctx context.Context) error {
	base, pattern := path.Clean(r.entry.From), ""
	if strings.ContainsAny(r.entry.From, `*?[{\`) {
		base, pattern = doublestar.SplitPattern(base)
	}
	err := r.folder.Walk(ctx, base, func(name string, info fs.FileInfo) error {
		rel := below(base, name)
		switch {
		case pattern == "" || rel != "" && glob.Covers(pattern, rel):
		case info.IsDir() && glob.MayLead(pattern, rel):
			return nil
		case info.IsDir():
			return fs.SkipDir
		default:
			return nil
		}
		if rel != "" && glob.List(r.entry.Exclude).Has(rel) {
			if info.IsDir() && !glob.List(r.entry.Exclude).TakesBack() {
				return fs.SkipDir
			}
			return nil
		}
		return r.add(ctx, name, rel, info)
	})
	if err == nil && len(r.items) == 0 {
		err = errors.New("it matches nothing")
	}
	return err
}

// below is the path of name relative to base; "" for base itself.
func below(base, name string) string {
	if base == "." {
		base = ""
	}
	if name == "." {
		name = ""
	}
	return strings.TrimPrefix(strings.TrimPrefix(name, base), "/")
}

// add looks at one path and notes where it goes to. Modes are not taken as they are on this machine: they depend on its
// umask, and on how the folder was checked out.
func (r *filesReader) add(ctx context.Context, name, rel string, info fs.FileInfo) error {
	file, err := r.folder.Look(ctx, name, info)
	if err != nil {
		return err
	}
	to := path.Join(r.entry.To, rel)
	if rel == "" && !info.IsDir() && strings.HasSuffix(r.entry.To, "/") {
		to = path.Join(to, path.Base(name))
	}
	item := item{by: r.by, from: file, replace: r.entry.Replace, header: tar.Header{
		Name: rootpath.Clean(to), Uid: r.entry.UID, Gid: r.entry.GID, ModTime: r.time}}
	switch h := &item.header; {
	case info.IsDir():
		h.Typeflag, h.Mode = tar.TypeDir, cmp.Or(r.entry.DirMode, defaultDirMode)
	case info.Mode().IsRegular():
		h.Typeflag, h.Mode, h.Size = tar.TypeReg, cmp.Or(r.entry.Mode, fileMode(info)), info.Size()
	default:
		h.Typeflag, h.Mode, h.Linkname = tar.TypeSymlink, 0o777, file.Target
	}
	r.items = append(r.items, item)
	return nil
}

func fileMode(info fs.FileInfo) int64 {
	if info.Mode()&ownerExecutes != 0 {
		return defaultExecMode
	}
	return defaultFileMode
}
