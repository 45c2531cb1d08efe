package create

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/pyimg/pyimg/apk"
	"github.com/pyimg/pyimg/assemble/bundle/folder"
	"github.com/pyimg/pyimg/assemble/bundle/manifest"
	"github.com/pyimg/pyimg/assemble/spec"
)

// A plan is the files that the bundle is to hold, and what there is to do for each. All of Alpine has hundreds of
// thousands: they are held in short, and an item is made of one while something is done with it.
type plan struct {
	platforms    []string
	repositories []spec.Repository
	dirs         []string // by repository, see manifest.RepositoryDirs
	since        *manifest.Manifest

	files  manifest.Builder // with unknown for digests that are not known yet
	jobs   []job            // by file
	byPath map[string]int32 // nil when all are there
}

// job is what there is to do for a file.
type job struct {
	*special
	there      int64 // bytes of an interrupted transfer
	repository int32 // of a package, in plan.repositories
	nameLength int32 // of a package: bytes of its name, with which its file's begins
	at         origin
}

// special is what most packages have not.
type special struct {
	urls []string                                     // to open, tried in turn
	read func(context.Context) (io.ReadCloser, error) // instead of urls, where it is of an image or is packed
	text []byte                                       // the content, where it is known
	data string                                       // digest of a package's data stream, where a lock says it
	now  []string                                     // versions of an unlisted package that its index lists
}

// origin says where a file's bytes are.
type origin uint8

const (
	remote  origin = iota
	kept           // in its place
	ready          // in the work folder
	cached         // in the store
	earlier        // in the tar that this one takes the place of
	local          // of this machine, to be packed or made
	inBase
	absent // not to be had
)

// unknown stands for a digest that is not known yet, and is as long.
const unknown = "0000000000000000000000000000000000000000000000000000000000000000"

func newPlan(o Options) *plan {
	p := &plan{repositories: o.Inputs.Repositories, since: o.Since, byPath: make(map[string]int32)}
	var public []string
	for _, r := range p.repositories {
		public = append(public, r.Public[0])
	}
	p.dirs = manifest.RepositoryDirs(public)
	for _, in := range o.Inputs.Platforms {
		p.platforms = append(p.platforms, in.Platform.String())
	}
	return p
}

// add adds a file. One that is there already stands for more URLs from then on.
func (p *plan) add(f manifest.File, j job) error {
	if i, ok := p.byPath[f.Path]; ok {
		return p.join(int(i), f)
	}
	if p.since != nil {
		if i, ok := p.since.Files.Find(f.Path); ok {
			f.Path = p.since.Files.At(i).Path // the same string, held once
		}
	}
	f.SHA256 = cmp.Or(f.SHA256, unknown)
	slices.Sort(f.From)
	if err := p.files.Add(f); err != nil {
		return err
	}
	p.byPath[f.Path] = int32(len(p.jobs))
	p.jobs = append(p.jobs, j)
	return nil
}

// join has file i stand for what f does, too, which is to be the same.
func (p *plan) join(i int, f manifest.File) error {
	old := p.files.At(i)
	if old.Checksum != f.Checksum || old.SHA256 != cmp.Or(f.SHA256, unknown) {
		return fmt.Errorf("%s and %s would both be %s in the bundle, and differ", strings.Join(old.From, ", "), strings.Join(f.From, ", "), f.Path)
	}
	known := len(old.From)
	for _, from := range f.From {
		if !slices.Contains(old.From, from) {
			old.From = append(old.From, from)
		}
	}
	if len(old.From) == known {
		return nil
	}
	slices.Sort(old.From)
	return p.files.Set(i, old)
}

// has reports whether a file of that path is there, and what its digest is.
func (p *plan) has(path string) (sha256 string, ok bool) {
	i, ok := p.byPath[path]
	if !ok {
		return "", false
	}
	return p.files.At(int(i)).SHA256, true
}

// addText adds a file whose content is at hand.
func (p *plan) addText(path string, kind manifest.Kind, content []byte) error {
	return p.add(manifest.TextFile(path, kind, content), job{special: &special{text: content}})
}

// sort brings the files into the manifest's order, when all are there.
func (p *plan) sort() {
	p.byPath = nil
	p.files.Sort(func(i, j int) { p.jobs[i], p.jobs[j] = p.jobs[j], p.jobs[i] })
}

// An item is a file of a plan that something is done with.
type item struct {
	manifest.File // without its digest where that is not known yet
	job
	pkg *apk.Package // of a package
}

// name is what errors call a file: where it comes from, or where the bundle has what comes from an image.
func (it *item) name() string {
	if len(it.From) > 0 {
		return it.From[0]
	}
	return it.Path
}

// item is file i.
func (p *plan) item(i int) (*item, error) {
	it := &item{File: p.files.At(i), job: p.jobs[i]}
	if it.SHA256 == unknown {
		it.SHA256 = ""
	}
	var s special // a copy, which is this item's own
	if it.special != nil {
		s = *it.special
	}
	it.special = &s
	if it.Kind != manifest.Package {
		return it, nil
	}
	sum, err := apk.ParseChecksum(it.Checksum)
	r := p.repositories[it.repository]
	file, arch := path.Base(it.Path), path.Base(path.Dir(it.Path))
	s.urls, _ = locate(r, arch, file)
	it.pkg = &apk.Package{Name: file[:it.nameLength], Version: strings.TrimSuffix(file[it.nameLength+1:], ".apk"),
		Arch: arch, Checksum: sum, Size: it.Size, Repository: r.Repository}
	return it, err
}

// keep notes what became of file i.
func (p *plan) keep(i int, it *item) error {
	p.jobs[i].at, p.jobs[i].there = it.at, it.there
	if it.SHA256 == "" {
		return nil
	}
	return p.files.SetSHA256(i, it.SHA256)
}

// each has something done for each file, so many at once.
func (p *plan) each(ctx context.Context, jobs int, do func(context.Context, *item) error) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(jobs)
	for i := range p.jobs {
		g.Go(func() error {
			it, err := p.item(i)
			if err == nil {
				err = do(ctx, it)
			}
			if err != nil {
				return err
			}
			return p.keep(i, it)
		})
	}
	return g.Wait()
}

// planned yields the paths of the files that will be in the folder.
func (p *plan) planned(yield func(string) bool) {
	for i, j := range p.jobs {
		if j.at != inBase && !yield(p.files.At(i).Path) {
			return
		}
	}
}

// leaveIndexes has the indexes go to their places last: until then those that are there fit the packages that are there.
func (p *plan) leaveIndexes(to *folder.Work) {
	for i, j := range p.jobs {
		if f := p.files.At(i); f.Kind == manifest.Index && j.at != inBase {
			to.PlaceLast(f.Path)
		}
	}
}

// manifest is the one that the bundle will have, a delta's where since is not nil. It has unknown for digests that are not
// known yet.
func (p *plan) manifest(since *manifest.Manifest) (manifest.Manifest, error) {
	m, err := manifest.New(p.platforms, p.files.List)
	if err != nil || since == nil {
		return m, err
	}
	return m.Since(*since)
}

// locate says where a file of a repository is, and which places the bundle's file stands for.
func locate(r spec.Repository, arch, name string) (urls, public []string) {
	for i, m := range r.Mirrors {
		url := m + "/" + arch + "/" + name
		urls = append(urls, url)
		if r.Public[i] != m {
			url = r.Public[i] + "/" + arch + "/" + name
		}
		if !slices.Contains(public, url) {
			public = append(public, url)
		}
	}
	return urls, public
}
