package assemble

import (
	"cmp"
	"context"
	"fmt"

	"golang.org/x/sync/errgroup"

	"github.com/pyimg/pyimg/apk"
	"github.com/pyimg/pyimg/assemble/ingest"
	"github.com/pyimg/pyimg/assemble/internal/cut"
	"github.com/pyimg/pyimg/assemble/internal/early"
	"github.com/pyimg/pyimg/assemble/lock"
)

// complete fills in what the index would have said of a locked package, from its own control stream.
func complete(p *apk.Package, c *apk.Control) *apk.Package {
	full := c.Info.Package
	full.Arch, full.Checksum, full.Size, full.Repository = p.Arch, p.Checksum, p.Size, p.Repository
	return &full
}

// ingestPackages ingests the packages of all platforms under one limit, and announces the layers that are certain by then.
// The result is in the order of the jobs.
func ingestPackages(ctx context.Context, jobs []job, locked bool, from ingest.Mirrors, announced *early.Layers) ([][]ingest.Unit, error) {
	g, gctx := errgroup.WithContext(ctx)
	slots := early.NewSlots(from.Limit(), announced.Wanted())
	if announced.Wanted() {
		from.Progress = slots.Watch(from.Progress)
	}
	units := make([][]ingest.Unit, len(jobs))
	for i, job := range jobs {
		if announced.Wanted() {
			g.Go(func() error {
				announced.AddLayers(job.upperLayers(gctx))
				return nil
			})
		}
		units[i] = make([]ingest.Unit, len(job.plan.Packages))
		certain := cut.NewEarly(job.spec.Layers, job.spec.Exclude, job.otherLayers(), job.plan.Packages)
		for k := range job.plan.Packages {
			if slots.Take(gctx) != nil {
				break // Wait returns the error
			}
			g.Go(func() (err error) {
				var fetched int64
				defer func() { slots.Give(fetched) }()
				if units[i][k], err = job.ingest(gctx, k, locked, from); err != nil {
					return err
				}
				if units[i][k].Fetched {
					fetched = job.plan.Packages[k].Size
					announced.Fetched()
				}
				if announced.Wanted() && job.plan.Base == nil { // on a base, nothing is certain before its root is known
					announced.Add(certain.Ingested(k, units[i][k], from.Store)...)
				}
				return nil
			})
		}
	}
	return units, cmp.Or(g.Wait(), ctx.Err())
}

// ingest ingests one package. A lock does not have all that an index has.
func (j job) ingest(ctx context.Context, k int, locked bool, from ingest.Mirrors) (ingest.Unit, error) {
	pkg := j.plan.Packages[k]
	u, err := from.Package(ctx, pkg)
	u.Tag = j.plan.Tags[k]
	if locked && err == nil {
		u.Pkg = complete(pkg, u.Control)
	} else if locked {
		err = from.Gone(ctx, pkg, err)
	}
	if err != nil {
		err = fmt.Errorf("%s: package %s-%s: %w", j.plan.Platform, pkg.Name, pkg.Version, err)
	}
	return u, err
}

// upperLayers are the layers of runtimes and wheels, which do not depend on the packages. An error is left to begin.
func (j job) upperLayers(ctx context.Context) []lock.Layer {
	var all []lock.Layer
	for _, r := range j.plan.Runtimes {
		all = append(all, r.Layer)
	}
	ofWheels, _ := j.wheelLayers(ctx)
	return append(all, ofWheels...)
}
