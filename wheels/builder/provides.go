package builder

import (
	"context"

	"github.com/pyimg/pyimg/apk"
	"github.com/pyimg/pyimg/wheels/repository"
)

// Provides finds the packages of Alpine, for a target, that provide libraries. What nothing provides is not in the result.
func (b *Builder) Provides(ctx context.Context, target int, sonames []string) (branch string, found []repository.Alpine, err error) {
	if len(sonames) == 0 {
		return "", nil, nil
	}
	t := b.targets[target]
	s := b.config.Spec(t.python, t.platform, nil)
	repositories, err := s.SourceRepositories()
	if err != nil {
		return "", nil, err
	}
	o := apk.IndexOptions{Arch: t.platform.Alpine(), Keyring: b.keys, Cache: b.from.Store}
	var indexes []*apk.Index
	for _, r := range repositories.APK() {
		o.Repository = r
		x, err := apk.LoadIndex(ctx, b.from.Fetch, o)
		if err != nil {
			return "", nil, err
		}
		indexes = append(indexes, x)
	}
	for _, so := range sonames {
		best := (*apk.Package)(nil)
		for _, x := range indexes {
			for p := range x.Packages() {
				if provides(p, so) && (best == nil || p.Name == best.Name && apk.CompareVersions(p.Version, best.Version) > 0) {
					best = p
				}
			}
		}
		if best != nil {
			found = append(found, repository.Alpine{So: so, Package: best.Name, Version: best.Version})
		}
	}
	return s.Alpine.Branch, found, nil
}

func provides(p *apk.Package, so string) bool {
	for _, d := range p.Provides {
		if d.Name == "so:"+so {
			return true
		}
	}
	return false
}
