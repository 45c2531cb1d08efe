package create

import (
	"context"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/pyimg/pyimg/apk"
	"github.com/pyimg/pyimg/assemble"
	"github.com/pyimg/pyimg/assemble/bundle/folder"
	"github.com/pyimg/pyimg/assemble/bundle/manifest"
	"github.com/pyimg/pyimg/assemble/spec"
)

// noarch is the architecture of packages that fit every one.
const noarch = "noarch"

// An indexing fetches and reads the indexes of a plan's repositories.
type indexing struct {
	o     Options
	plan  *plan
	fetch *fetcher

	mu    sync.Mutex          // one index in memory at a time
	newer map[string][]string // of a package that its index does not list, by unlistedKey: the versions that it lists
}

// addIndexes adds the index of each repository for each platform and, with Options.All, the packages that they list.
// newer has the packages of the inputs that no index lists any more, by unlistedKey, and the versions that are listed.
func addIndexes(ctx context.Context, p *plan, o Options, f *fetcher) (newer map[string][]string, err error) {
	x := indexing{o: o, plan: p, fetch: f, newer: make(map[string][]string)}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(o.jobs())
	for r := range p.repositories {
		for _, in := range o.Inputs.Platforms {
			g.Go(func() error { return x.add(ctx, r, in) })
		}
	}
	return x.newer, g.Wait()
}

// unlistedKey names a package for a platform: another one's index of the same repository may list what this one's does not.
func unlistedKey(p spec.Platform, path string) string { return p.Alpine() + " " + path }

// add brings an index into the work folder, from the first mirror that has one to be trusted.
func (x *indexing) add(ctx context.Context, repository int, in assemble.PlatformInputs) error {
	arch := in.Platform.Alpine()
	urls, public := locate(x.plan.repositories[repository], arch, manifest.IndexName)
	it := &item{File: manifest.File{Path: path.Join(x.plan.dirs[repository], arch, manifest.IndexName), Kind: manifest.Index, Size: -1, From: public},
		job: job{special: &special{urls: urls}, at: ready}}
	err := x.fetch.transfer(ctx, it, func(file string) error { return x.read(ctx, file, repository, in) })
	if err != nil {
		return err
	}
	if it.SHA256, err = folder.SumOf(ctx, x.fetch.at.part(it.Path)); err != nil {
		return err
	}
	info, err := os.Stat(x.fetch.at.part(it.Path))
	if err != nil {
		return err
	}
	it.Size = info.Size()
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.plan.add(it.File, it.job)
}

// read checks an index's signature and takes from it what the plan needs.
func (x *indexing) read(ctx context.Context, file string, repository int, in assemble.PlatformInputs) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	open := func(context.Context, string) (io.ReadCloser, error) { return os.Open(file) }
	r := x.plan.repositories[repository]
	index, err := apk.LoadIndex(ctx, openerFunc(open), apk.IndexOptions{Arch: in.Platform.Alpine(), Keyring: x.o.Keyring,
		Repository: &apk.Repository{Mirrors: r.Public[:1]}})
	if err != nil {
		return err
	}
	if x.o.All {
		return x.plan.addListed(index, repository)
	}
	versions := make(map[string][]string)
	listed := make(map[apk.Checksum]bool)
	for q := range index.Packages() {
		versions[q.Name] = append(versions[q.Name], strings.Clone(q.Version))
		listed[q.Checksum] = true
	}
	for _, q := range in.Packages {
		if q.Repository == r.Repository && !listed[q.Checksum] {
			x.newer[unlistedKey(in.Platform, packageFile(x.plan.dirs[repository], r, q.Package).Path)] = versions[q.Name]
		}
	}
	return nil
}

// openerFunc is a function that opens.
type openerFunc func(ctx context.Context, url string) (io.ReadCloser, error)

func (f openerFunc) Open(ctx context.Context, url string) (io.ReadCloser, error) { return f(ctx, url) }

// addListed adds all packages of an index but those that nobody can fetch: of another architecture, or with a name that is
// none of a file.
func (p *plan) addListed(x *apk.Index, repository int) error {
	for q := range x.Packages() {
		if !q.HasFileName() || x.Arch != "" && q.Arch != x.Arch && q.Arch != noarch {
			continue
		}
		f := packageFile(p.dirs[repository], p.repositories[repository], q)
		if err := p.add(f, job{repository: int32(repository), nameLength: int32(len(q.Name))}); err != nil {
			return err
		}
	}
	return nil
}

// addPackages adds the packages of the inputs, and returns those that their index lists no more.
func addPackages(p *plan, in assemble.Inputs, newer map[string][]string) (unlisted []string, err error) {
	for _, platform := range in.Platforms {
		for _, q := range platform.Packages {
			i := slices.IndexFunc(p.repositories, func(r spec.Repository) bool { return r.Repository == q.Repository })
			if i < 0 {
				return nil, fmt.Errorf("package %s: none of the bundle's repositories has it", q)
			}
			f := packageFile(p.dirs[i], p.repositories[i], q.Package)
			now, isUnlisted := newer[unlistedKey(platform.Platform, f.Path)]
			if isUnlisted {
				f.Unlisted = true
				unlisted = append(unlisted, q.String()+" "+q.Arch)
			}
			if err := p.add(f, job{special: &special{data: q.Data, now: now}, repository: int32(i), nameLength: int32(len(q.Name))}); err != nil {
				return nil, err
			}
		}
	}
	slices.Sort(unlisted)
	return unlisted, nil
}

// packageFile is the file of a repository's package, in the repository's folder dir.
func packageFile(dir string, r spec.Repository, q *apk.Package) manifest.File {
	file := q.String() + ".apk"
	_, public := locate(r, q.Arch, file)
	return manifest.File{Path: dir + "/" + q.Arch + "/" + file, Kind: manifest.Package, Size: q.Size, Checksum: q.Checksum.String(), From: public}
}
