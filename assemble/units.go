package assemble

import (
	"context"
	"fmt"

	"golang.org/x/sync/errgroup"

	"github.com/pyimg/pyimg/apk"
	"github.com/pyimg/pyimg/assemble/ingest"
)

// complete fills in what the index would have said of a locked package, from its own control stream.
func complete(p *apk.Package, c *apk.Control) *apk.Package {
	full := c.Info.Package
	full.Arch, full.Checksum, full.Size, full.Repository = p.Arch, p.Checksum, p.Size, p.Repository
	return &full
}

// ingestPackages ingests the packages of all platforms under one limit. The result is in the order of the plan.
func ingestPackages(ctx context.Context, plan Plan, from ingest.Mirrors) ([][]ingest.Unit, error) {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(from.Limit())
	units := make([][]ingest.Unit, len(plan.Platforms))
	for i, p := range plan.Platforms {
		units[i] = make([]ingest.Unit, len(p.Packages))
		for j, pkg := range p.Packages {
			g.Go(func() (err error) {
				units[i][j], err = from.Package(ctx, pkg)
				units[i][j].Tag = p.Tags[j]
				if plan.locked && err == nil {
					units[i][j].Pkg = complete(pkg, units[i][j].Control)
				} else if plan.locked {
					err = from.Gone(ctx, pkg, err)
				}
				if err != nil {
					err = fmt.Errorf("%s: package %s-%s: %w", p.Platform, pkg.Name, pkg.Version, err)
				}
				return err
			})
		}
	}
	return units, g.Wait()
}
