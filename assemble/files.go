package assemble

import (
	"archive/tar"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/bmatcuk/doublestar/v4"

	"github.com/pyimg/pyimg/assemble/lock"
	"github.com/pyimg/pyimg/assemble/spec"
	"github.com/pyimg/pyimg/internal/glob"
	"github.com/pyimg/pyimg/internal/rootpath"
	"github.com/pyimg/pyimg/layers/hostfile"
	"github.com/pyimg/pyimg/layers/tree"
)

// filesName is what the layer of the spec's own files is called.
const filesName = "files"

const (
	defaultDirMode  = 0o755
	defaultFileMode = 0o644
	defaultExecMode = 0o755
	ownerExecutes   = 0o100
)

// hostFiles are the files of a spec as they were found, before it is known what lies in the image.
type hostFiles struct {
	folder *hostfile.Folder // nil where the spec names no files
	items  []fileItem
	time   time.Time
}

// A fileItem is one path that is to be in the image.
type fileItem struct {
	by      string // what asks for it, for errors
	header  tar.Header
	from    hostfile.File
	replace bool
	stated  bool // a folder whose owner and mode the spec says
}

func (f *hostFiles) close() {
	if f.folder != nil {
		_ = f.folder.Close() // it was only read
	}
}

// readFiles finds the files of the spec and reads each once, for its digest. All get the same time.
func readFiles(ctx context.Context, s spec.Spec, at time.Time) (*hostFiles, error) {
	f := &hostFiles{time: at}
	var errs []error
	if len(s.Files) > 0 {
		var err error
		if f.folder, err = openFolder(ctx, s); err != nil {
			return nil, err
		}
	}
	for i, d := range s.Dirs {
		f.items = append(f.items, fileItem{by: fmt.Sprintf("dirs[%d]", i), stated: true, header: tar.Header{
			Typeflag: tar.TypeDir, Name: rootpath.Clean(d.Path), Mode: cmp.Or(d.Mode, defaultDirMode), Uid: d.UID, Gid: d.GID, ModTime: at}})
	}
	for i, e := range s.Files {
		r := filesReader{entry: e, by: fmt.Sprintf("files[%d] (%s)", i, e.From), folder: f.folder, time: at}
		if err := r.read(ctx); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", r.by, err))
		}
		f.items = append(f.items, r.items...)
	}
	if len(errs) > 0 {
		f.close()
		return nil, errors.Join(errs...)
	}
	return f, nil
}

func openFolder(ctx context.Context, s spec.Spec) (*hostfile.Folder, error) {
	if s.Folder != nil {
		return s.Folder(ctx)
	}
	return hostfile.Open(cmp.Or(s.Dir, "."))
}

// A filesReader reads one entry of files.
type filesReader struct {
	entry  spec.Files
	by     string
	folder *hostfile.Folder
	time   time.Time
	items  []fileItem
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

// below is where name lies under base; "" for base itself.
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
	item := fileItem{by: r.by, from: file, replace: r.entry.Replace, header: tar.Header{
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

// addFiles makes the layer of the spec's own files and lays it on those of packages and runtimes. It returns the folders whose
// owner and mode the spec says.
func (j job) addFiles(ctx context.Context, below stack, owner func(tree.Node) string) (stack, map[string]bool, error) {
	if len(j.files.items) == 0 {
		return below, nil, nil
	}
	p := placing{owner: owner, under: below.tree, links: new(rootpath.Links), at: make(map[string]fileItem)}
	members, err := p.place(j.files.items)
	if err != nil {
		return below, nil, err
	}
	blob, err := hostfile.Make(ctx, j.store, j.files.folder, members, j.spec.Layers.MakeOptions())
	if err != nil {
		return below, nil, fmt.Errorf("making the layer of the spec's files: %w", err)
	}
	with, err := below.add(lock.NewLayer(blob, filesName, []lock.Reason{lock.NewReason(lock.ReasonGenerated)}, nil), j.store)
	return with, p.stated(), err
}

// A placing finds out where files lie in one platform's image.
type placing struct {
	owner func(tree.Node) string // says where a path of these is from
	under *tree.Tree             // of the layers below
	links *rootpath.Links        // symlinks of these, and of the files
	at    map[string]fileItem
	errs  []error
}

// place lists the layer's members, sorted, folders before what is in them. Paths through symlinks, of the layers below
// or of the files themselves, are written where these lead.
func (p *placing) place(items []fileItem) ([]hostfile.Member, error) {
	for n := range p.under.All() {
		if h := n.Entry.Header; h.Typeflag == tar.TypeSymlink {
			p.links.Set(n.Path, h.Linkname)
		}
	}
	isLink := func(i fileItem) bool { return i.header.Typeflag == tar.TypeSymlink }
	for _, i := range items {
		if isLink(i) {
			p.links.Set(p.resolve(i), i.header.Linkname)
		}
	}
	for _, i := range items {
		p.put(p.resolve(i), i)
	}
	p.addParents()
	var members []hostfile.Member
	for _, name := range slices.Sorted(maps.Keys(p.at)) {
		i := p.at[name]
		if !p.settle(name, i) {
			continue
		}
		h := i.header
		if h.Name = name; h.Typeflag == tar.TypeDir {
			h.Name += "/"
		}
		members = append(members, hostfile.Member{Header: &h, From: i.from})
	}
	return members, errors.Join(p.errs...)
}

// resolve is where a path lies. A folder may be there as a symlink to one.
func (p *placing) resolve(i fileItem) string {
	name := i.header.Name
	if i.header.Typeflag == tar.TypeDir {
		return p.links.Resolve(name)
	}
	return path.Join(p.links.Resolve(path.Dir(name)), path.Base(name))
}

func (p *placing) fault(format string, args ...any) {
	const most = 20
	if len(p.errs) < most {
		p.errs = append(p.errs, fmt.Errorf(format, args...))
	}
}

// put notes what lies at a path. Folders may be there twice, with the same owner and mode or as dirs, which come first,
// have said.
func (p *placing) put(name string, i fileItem) {
	old, taken := p.at[name]
	h, o := i.header, old.header
	folders := h.Typeflag == tar.TypeDir && o.Typeflag == tar.TypeDir
	switch {
	case name == "": // the root is there
	case !taken:
		p.at[name] = i
	case folders && (old.stated && !i.stated || h.Mode == o.Mode && h.Uid == o.Uid && h.Gid == o.Gid):
	case folders:
		p.fault("/%s is %d:%d with mode %04o by %s, and %d:%d with %04o by %s; say under dirs what it is to be",
			name, o.Uid, o.Gid, o.Mode, old.by, h.Uid, h.Gid, h.Mode, i.by)
	default:
		p.fault("/%s comes from %s and from %s; exclude it from one of them", name, old.by, i.by)
	}
}

// addParents adds the folders that nothing else makes.
func (p *placing) addParents() {
	for _, name := range slices.Sorted(maps.Keys(p.at)) {
		i := p.at[name]
		for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
			if _, made := p.at[dir]; made {
				break
			}
			h := tar.Header{Typeflag: tar.TypeDir, Mode: defaultDirMode, ModTime: i.header.ModTime}
			p.at[dir] = fileItem{by: i.by, header: h}
		}
	}
}

// settle compares a path with what lies there in the layers below. A folder that is there stays as it is, unless dirs
// says what it is to be: what lies in /tmp does not make it the folder that it came from. False leaves the path out.
func (p *placing) settle(name string, i fileItem) bool {
	n, err := p.under.Lstat(name)
	if err != nil {
		return true // nothing is there
	}
	folder := i.header.Typeflag == tar.TypeDir
	if folder && n.IsDir() {
		return i.stated || n.Implied
	}
	if !i.replace {
		p.fault("/%s of %s is also in %s; leave it out, or take its place with replace: true", name, i.by, p.owner(n))
	}
	return true
}

// stated are the folders that dirs says something of.
func (p *placing) stated() map[string]bool {
	stated := make(map[string]bool)
	for name, i := range p.at {
		stated[name] = i.stated
	}
	return stated
}
