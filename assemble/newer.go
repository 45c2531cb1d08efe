package assemble

import "github.com/pyimg/pyimg/assemble/lock"

// Parts are what a lock of the plan would say of base, packages, runtimes and wheels, see [lock.Lock.Newer]. Nothing is built for it.
func (p Plan) Parts() []lock.Platform {
	out := make([]lock.Platform, len(p.Platforms))
	for i, plan := range p.Platforms {
		out[i].Platform = plan.Platform
		if plan.Base != nil {
			out[i].Base = &plan.Base.Locked
		}
		for _, q := range plan.Packages {
			out[i].Packages = append(out[i].Packages, lock.Package{Name: q.Name, Version: q.Version, Checksum: q.Checksum.String()})
		}
		for _, r := range plan.Runtimes {
			out[i].Runtimes = append(out[i].Runtimes, lock.Runtime{URL: r.Public, Digest: r.Digest})
		}
		for _, w := range plan.Wheels {
			out[i].Wheels = append(out[i].Wheels, lock.Wheel{Name: w.Name(), Version: w.Version(), SHA256: w.SHA256})
		}
	}
	return out
}
