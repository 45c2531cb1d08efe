package bundle

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/pyimg/pyimg/apk"
	"github.com/pyimg/pyimg/assemble/spec"
)

// listed is the item of a package that is there because an index lists it. There are so many that they are held in short:
// an item is made of one while something is done with it.
type listed struct {
	entry
	there      int64 // see item
	repository int32 // in Inputs.Repositories
	name       int32 // bytes of the package's name, with which its file's begins
	at         origin
}

// packageItem is the file of a repository's package, in the repository's folder dir.
func packageItem(dir string, r spec.Repository, q *apk.Package) *item {
	file := q.String() + ".apk"
	it := &item{File: File{Path: dir + "/" + q.Arch + "/" + file, Kind: Package, Size: q.Size, Checksum: q.Checksum.String()}, pkg: q}
	it.locate(r, q.Arch, file)
	slices.Sort(it.From)
	return it
}

// noarch is the architecture of packages that fit every one.
const noarch = "noarch"

// list adds all packages of an index but those that nobody can fetch: of another architecture, or with a name that is none
// of a file.
func (d *Draft) list(x *apk.Index, repository int) error {
	var all []listed
	for q := range x.Packages() {
		if !q.HasFileName() || x.Arch != "" && q.Arch != x.Arch && q.Arch != noarch {
			continue
		}
		f := packageItem(d.dirs[repository], d.o.Inputs.Repositories[repository], q).File
		f.SHA256 = unknown
		e, err := d.shared.shorten(f)
		if err != nil {
			return err
		}
		if d.o.Since != nil {
			if i, ok := d.o.Since.Files.find(e.path); ok {
				e.path = d.o.Since.Files.entries[i].path // the same string, held once
			}
		}
		all = append(all, listed{entry: e, repository: int32(repository), name: int32(len(q.Name))})
	}
	slices.SortFunc(all, func(a, b listed) int { return strings.Compare(a.path, b.path) })
	d.listed = append(d.listed, all)
	return nil
}

// joinListed leaves what several indexes list, or one does twice, to the first of them.
func (d *Draft) joinListed() (err error) {
	same := func(a, b listed) bool {
		if a.path == b.path && a.checksum != b.checksum {
			err = fmt.Errorf("two packages would both be %s in the bundle, and differ: %s and %s", a.path, a.checksum, b.checksum)
		}
		return a.path == b.path
	}
	for n, ls := range d.listed {
		ls = slices.CompactFunc(ls, same)
		d.listed[n] = slices.DeleteFunc(ls, func(l listed) bool {
			return slices.ContainsFunc(d.listed[:n], func(before []listed) bool {
				i, ok := slices.BinarySearchFunc(before, l, func(a, b listed) int { return strings.Compare(a.path, b.path) })
				return ok && same(before[i], l)
			})
		})
	}
	return err
}

// packages yields what the indexes list.
func (d *Draft) packages() iter.Seq[*listed] {
	return func(yield func(*listed) bool) {
		for _, ls := range d.listed {
			for i := range ls {
				if !yield(&ls[i]) {
					return
				}
			}
		}
	}
}

// item is what there is to be done for a listed package.
func (d *Draft) item(l *listed) *item {
	arch, file, _ := strings.Cut(l.path[len(d.dirs[l.repository])+1:], "/")
	r := d.o.Inputs.Repositories[l.repository]
	it := packageItem(d.dirs[l.repository], r, &apk.Package{Name: file[:l.name], Version: strings.TrimSuffix(file[l.name+1:], ".apk"),
		Arch: arch, Checksum: l.checksum, Size: l.size, Repository: r.Repository})
	if sum := l.file().SHA256; sum != unknown {
		it.SHA256 = sum
	}
	it.at, it.there = l.at, l.there
	return it
}

// keep notes what became of the package's item.
func (l *listed) keep(it *item) (err error) {
	l.at, l.there = it.at, it.there
	if it.SHA256 != "" {
		l.sum, err = parseSum(it.SHA256)
	}
	return err
}

// all yields the items, to be looked at.
func (d *Draft) all() iter.Seq[*item] {
	return func(yield func(*item) bool) {
		for _, it := range d.items {
			if !yield(it) {
				return
			}
		}
		for l := range d.packages() {
			if !yield(d.item(l)) {
				return
			}
		}
	}
}

// each has something done for each item, so many at once.
func (d *Draft) each(ctx context.Context, jobs int, do func(context.Context, *item) error) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(jobs)
	for _, it := range d.items {
		g.Go(func() error { return do(ctx, it) })
	}
	for l := range d.packages() {
		g.Go(func() error {
			it := d.item(l)
			if err := do(ctx, it); err != nil {
				return err
			}
			return l.keep(it)
		})
	}
	return g.Wait()
}
