package assemble

import (
	"cmp"
	"slices"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/pyimg/pyimg/assemble/lock"
	"github.com/pyimg/pyimg/sbom"
)

// locked is the result as the lock has it.
func (j job) locked(created time.Time, config v1.Config, all []lock.Layer, components []sbom.Component) lock.Platform {
	p := lock.Platform{Platform: j.plan.Platform, Base: j.plan.lockBase(), Dialect: int(j.plan.Dialect), Created: created, Config: config, Layers: all,
		StartInterval: startInterval(j.spec, j.plan), Components: components}
	for _, d := range j.plan.World {
		p.World = append(p.World, d.String())
	}
	for _, u := range j.units {
		p.Install = append(p.Install, u.Pkg.Name)
		p.Packages = append(p.Packages, lock.Package{Name: u.Pkg.Name, Version: u.Pkg.Version, Arch: u.Pkg.Arch, Tag: u.Tag,
			URLs: j.repositories.PublicURLs(u.Pkg), Size: u.Pkg.Size, Checksum: u.Pkg.Checksum.String(), Data: u.Blob.Digest})
	}
	slices.SortFunc(p.Packages, func(a, b lock.Package) int { return cmp.Compare(a.Name, b.Name) })
	for _, r := range j.plan.Runtimes {
		p.Runtimes = append(p.Runtimes, lock.Runtime{URL: r.Public, Digest: r.Digest})
	}
	p.Wheels = j.lockedWheels(all)
	return p
}

// lockBase is what the lock says of the base; nil for none.
func (p PlatformPlan) lockBase() *lock.Base {
	if p.Base == nil {
		return nil
	}
	b := p.Base.Locked
	for _, s := range p.Steps {
		b.Changes = append(b.Changes, s.String())
	}
	return &b
}
