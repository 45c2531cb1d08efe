package builder

import (
	"context"
	"slices"
	"strings"

	"github.com/pyimg/pyimg/apk"
	"github.com/pyimg/pyimg/assemble/input"
	"github.com/pyimg/pyimg/assemble/spec"
	"github.com/pyimg/pyimg/wheels/repository"
)

// Provides finds the packages of Alpine, for a target, that provide libraries. What nothing provides is not in the result.
func (b *Builder) Provides(ctx context.Context, target int, sonames []string) (branch string, found []repository.Alpine, err error) {
	t := b.targets[target]
	found, err = Provides(ctx, b.config.Spec(t.python, t.platform, nil), t.platform, b.from, b.keys, sonames)
	return b.config.Builder.Alpine.Branch, found, err
}

// Provides finds the packages of a spec's repositories that provide libraries on a platform. What nothing provides is not in the
// result.
func Provides(ctx context.Context, s spec.Spec, p spec.Platform, from input.Access, keys *apk.Keyring, sonames []string) ([]repository.Alpine, error) {
	if len(sonames) == 0 {
		return nil, nil
	}
	repositories, err := s.SourceRepositories()
	if err != nil {
		return nil, err
	}
	o := apk.IndexOptions{Arch: p.Alpine(), Keyring: keys}
	if from.Store != nil {
		o.Cache = from.Store
	}
	best := make(map[string]*apk.Package)
	for _, r := range repositories.APK() {
		o.Repository = r
		x, err := apk.LoadIndex(ctx, from.Fetch, o)
		if err != nil {
			return nil, err
		}
		for p := range x.Packages() {
			for _, d := range p.Provides {
				so, isLibrary := strings.CutPrefix(d.Name, "so:")
				if isLibrary && slices.Contains(sonames, so) && better(p, best[so]) {
					best[so] = p
				}
			}
		}
	}
	var found []repository.Alpine
	for _, so := range sonames {
		if q := best[so]; q != nil {
			found = append(found, repository.Alpine{So: so, Package: q.Name, Version: q.Version})
		}
	}
	return found, nil
}

// better reports whether a package is to be named rather than another one that provides the same: the newer of one name.
func better(p, than *apk.Package) bool {
	return than == nil || p.Name == than.Name && apk.CompareVersions(p.Version, than.Version) > 0
}
