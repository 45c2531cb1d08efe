package session

import (
	"context"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/pyimg/pyimg/assemble"
	"github.com/pyimg/pyimg/assemble/image"
	"github.com/pyimg/pyimg/assemble/input"
	"github.com/pyimg/pyimg/assemble/lock"
	"github.com/pyimg/pyimg/assemble/spec"
	"github.com/pyimg/pyimg/cmd/pyimg/internal/flags"
	"github.com/pyimg/pyimg/internal/exit"
)

// Runnable opens the image that an argument names, for one platform. A spec is assembled, by its lock where there is one.
func (run *Session) Runnable(ctx context.Context, arg string, platform spec.Platform) (v1.Image, error) {
	if IsSpec(arg) {
		s, err := run.Spec(ctx, arg)
		if err != nil {
			return nil, err
		}
		s.Platforms = []spec.Platform{platform}
		l, locked, err := run.Lock(ctx, s)
		if err != nil {
			return nil, err
		}
		return run.assembled(ctx, s, l, locked)
	}
	if _, here := OnDisk(arg); run.flags.Bool("offline") && !here {
		return nil, exit.Usagef("--offline says to ask no host, and %q is in a registry", arg)
	}
	index, err := run.Open(ctx, arg)
	if err != nil {
		return nil, err
	}
	return image.For(index, platform)
}

// Based is a spec that has an image as its base and nothing else, with the word of flags about sources.
func (run *Session) Based(ref string) (spec.Spec, error) {
	if layout, here := OnDisk(ref); here && !strings.HasPrefix(ref, spec.OciLayout) {
		ref = spec.OciLayout + layout
	}
	s := spec.Spec{Name: "the spec that is built on " + ref, Dir: "."}
	if err := s.SetBase(ref); err != nil {
		return s, exit.WrongUse(err)
	}
	return s, flags.ApplySource(run.flags, &s)
}

// Assembled is the image of a spec for its only platform. No lock is looked at, and nothing is written but the cache.
func (run *Session) Assembled(ctx context.Context, s spec.Spec) (v1.Image, error) {
	return run.assembled(ctx, s, lock.Lock{}, false)
}

func (run *Session) assembled(ctx context.Context, s spec.Spec, l lock.Lock, locked bool) (v1.Image, error) {
	src, keys, err := run.Access(ctx, s, true)
	if err != nil {
		return nil, err
	}
	plan := func(src input.Access) (assemble.Plan, error) { return assemble.Resolve(ctx, s, src, keys) }
	if locked {
		plan = func(src input.Access) (assemble.Plan, error) { return assemble.PlanOf(ctx, l, s, src, keys) }
	}
	built, err := run.Build(ctx, src, nil, plan)
	if err == nil && locked {
		err = l.Expect(built)
	}
	if err != nil {
		return nil, err
	}
	index, err := built.Index(ctx, lock.FromStore(src.Store))
	if err != nil {
		return nil, err
	}
	return image.For(index, s.Platforms[0])
}
