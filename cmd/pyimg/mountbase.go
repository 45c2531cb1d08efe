package main

import (
	"slices"

	"github.com/google/go-containerregistry/pkg/name"

	"github.com/pyimg/pyimg/assemble/spec"
	"github.com/pyimg/pyimg/push"
)

// mountingBase adds the repositories of the spec's bases to those to mount blobs from, where they are in a registry that is pushed
// to: no byte of a base then moves.
func mountingBase(o push.Options, s spec.Spec, refs []string) push.Options {
	for _, p := range s.Platforms {
		base, err := name.ParseReference(s.BaseRef(p))
		if err != nil {
			continue // there is none, or it is on disk
		}
		repository := base.Context()
		there := slices.ContainsFunc(refs, func(ref string) bool {
			to, err := name.ParseReference(ref)
			return err == nil && to.Context().RegistryStr() == repository.RegistryStr() && to.Context().Name() != repository.Name()
		})
		if there && !slices.Contains(o.MountFrom, repository.Name()) {
			o.MountFrom = append(slices.Clone(o.MountFrom), repository.Name())
		}
	}
	return o
}
