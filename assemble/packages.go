package assemble

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"runtime"

	"golang.org/x/sync/errgroup"

	"github.com/pyimg/pyimg/apk"
	"github.com/pyimg/pyimg/layers"
)

// unit is one package of an image, ingested.
type unit struct {
	pkg     *apk.Package
	control *apk.Control
	blob    layers.Blob // the data stream; zero for a package that unpacks nothing
	tag     string      // for the database
}

func (u unit) String() string { return "apk " + u.pkg.Name + "=" + u.pkg.Version }

// unpacks tells whether the package brings files: one of installed size 0 stands in the database only.
func (u unit) unpacks() bool { return u.blob.Digest != "" }

// ingestPackages ingests the packages of all platforms under one limit. The result is in the order of the plan.
func ingestPackages(ctx context.Context, plan Plan, src Sources) ([][]unit, error) {
	jobs := src.Jobs
	if jobs == 0 {
		jobs = 2 * runtime.GOMAXPROCS(0) // half of them wait for the network
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(jobs)
	units := make([][]unit, len(plan.Platforms))
	for i, p := range plan.Platforms {
		units[i] = make([]unit, len(p.Packages))
		for j, pkg := range p.Packages {
			g.Go(func() (err error) {
				units[i][j], err = ingestPackage(ctx, pkg, src)
				units[i][j].tag = p.Tags[j]
				if err != nil {
					err = fmt.Errorf("%s: package %s-%s: %w", p.Platform, pkg.Name, pkg.Version, err)
				}
				return err
			})
		}
	}
	return units, g.Wait()
}

// ingestPackage brings a package's data stream into the store. Where the store has it, nothing is fetched: the control
// stream that was kept is checked against the index, and names the data stream by its digest.
func ingestPackage(ctx context.Context, p *apk.Package, src Sources) (unit, error) {
	if u, err := storedPackage(p, src.Store); err == nil || !errors.Is(err, fs.ErrNotExist) {
		return u, err
	}
	var errs []error
	for _, url := range p.URLs() {
		u, err := fetchPackage(ctx, p, url, src)
		if err == nil {
			return u, src.Store.SetRecord(controlKey(p), u.control.Raw)
		}
		errs = append(errs, err)
		if ctx.Err() != nil {
			break
		}
	}
	return unit{}, errors.Join(errs...)
}

// controlKey names the record of a package's control stream, by what the index says it hashes to.
func controlKey(p *apk.Package) string { return "apk-control-" + hex.EncodeToString(p.Checksum[:]) }

// storedPackage finds a package in the store; fs.ErrNotExist where it is not there or not whole.
func storedPackage(p *apk.Package, store *layers.Store) (unit, error) {
	raw, err := store.Record(controlKey(p))
	if err != nil {
		return unit{}, err
	}
	c, err := apk.ParseControl(raw)
	if err != nil || c.Checksum != p.Checksum {
		return unit{}, fs.ErrNotExist // damaged: fetching mends it
	}
	u := unit{pkg: p, control: c}
	if c.Info.InstalledSize == 0 {
		return u, nil
	}
	u.blob, err = store.Blob("sha256:" + c.DataHash)
	return u, err
}

// fetchPackage reads a package in one pass: signature, control, and the data stream into the store.
func fetchPackage(ctx context.Context, p *apk.Package, url string, src Sources) (unit, error) {
	f, err := src.open(ctx, url, p.String(), p.Size)
	if err != nil {
		return unit{}, err
	}
	defer f.Close()
	// The store holds the data against the hash that the control stream has, so it is hashed once.
	a, err := apk.OpenArchive(f, apk.Expect{Package: p, Keyring: src.keyring(), Name: publicURL(url), DataUnchecked: true})
	if err != nil {
		return unit{}, err
	}
	u := unit{pkg: p, control: a.Control}
	if a.Control.Info.InstalledSize == 0 {
		return u, nil
	}
	if a.Control.DataHash == "" {
		return unit{}, fmt.Errorf("reading package %q: its .PKGINFO has no datahash, so nothing vouches for its files", publicURL(url))
	}
	u.blob, err = src.Store.Ingest(ctx, layers.Source{Name: publicURL(url), Digest: "sha256:" + a.Control.DataHash,
		Open: func(context.Context) (io.ReadCloser, error) { return io.NopCloser(a.Data), nil }})
	return u, err
}

// installed hands a unit to apk's install rules.
func (u unit) installed(store *layers.Store) apk.Installed {
	members := iter.Seq2[apk.Member, error](func(func(apk.Member, error) bool) {})
	if u.unpacks() {
		members = func(yield func(apk.Member, error) bool) {
			for e, err := range store.Entries(u.blob.Digest) {
				if !yield(apk.Member{Header: e.Header, Content: e.Kept}, err) || err != nil {
					return
				}
			}
		}
	}
	return apk.Installed{Package: u.pkg, Control: u.control, Members: members, Tag: u.tag}
}
