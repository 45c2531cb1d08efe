package create

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/pyimg/pyimg/apk"
	"github.com/pyimg/pyimg/assemble"
	"github.com/pyimg/pyimg/assemble/spec"
)

// A LockedImage is a lock that a bundle holds, and the spec that it was made from.
type LockedImage struct {
	Name       string // of the files, without .lock and .yaml
	Spec, Lock []byte // their text; the spec is left out (nil) where it has credentials
	// Pack writes the files that the spec takes, as Lock.PackFiles does; nil where it takes none, or is left out.
	Pack func(context.Context, io.Writer) error
}

// Merge joins what several images are made of. It is an error where two specs call different places the same.
func Merge(inputs ...assemble.Inputs) (assemble.Inputs, error) {
	var out assemble.Inputs
	for _, in := range inputs {
		same := make(map[*apk.Repository]*apk.Repository)
		for _, r := range in.Repositories {
			i := slices.IndexFunc(out.Repositories, func(o spec.Repository) bool { return slices.Equal(o.Public, r.Public) })
			if i < 0 {
				out.Repositories = append(out.Repositories, r)
				i = len(out.Repositories) - 1
			}
			if !slices.Equal(out.Repositories[i].Mirrors, r.Mirrors) {
				return out, fmt.Errorf("two specs call different places %s; give absolute paths, or make two bundles", r.Public[0])
			}
			same[r.Repository] = out.Repositories[i].Repository
		}
		for _, p := range in.Platforms {
			mergePlatform(&out, p, same)
		}
	}
	slices.SortStableFunc(out.Platforms, func(a, b assemble.PlatformInputs) int { return cmp.Compare(a.Platform.Alpine(), b.Platform.Alpine()) })
	return out, nil
}

func mergePlatform(out *assemble.Inputs, p assemble.PlatformInputs, same map[*apk.Repository]*apk.Repository) {
	i := slices.IndexFunc(out.Platforms, func(o assemble.PlatformInputs) bool { return o.Platform == p.Platform })
	if i < 0 {
		out.Platforms = append(out.Platforms, assemble.PlatformInputs{Platform: p.Platform})
		i = len(out.Platforms) - 1
	}
	to := &out.Platforms[i]
	for _, q := range p.Packages {
		pkg := *q.Package
		pkg.Repository = same[pkg.Repository]
		if !slices.ContainsFunc(to.Packages, func(o assemble.InputPackage) bool {
			return o.Checksum == pkg.Checksum && o.Name == pkg.Name && o.Repository == pkg.Repository
		}) {
			to.Packages = append(to.Packages, assemble.InputPackage{Package: &pkg, Data: q.Data})
		}
	}
	for _, r := range p.Runtimes {
		if !slices.Contains(to.Runtimes, r) {
			to.Runtimes = append(to.Runtimes, r)
		}
	}
}
