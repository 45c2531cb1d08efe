package assemble

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"github.com/pyimg/pyimg/apk"
	"github.com/pyimg/pyimg/assemble/bytecode"
	"github.com/pyimg/pyimg/assemble/input"
	"github.com/pyimg/pyimg/assemble/lock"
	"github.com/pyimg/pyimg/assemble/runtime"
	"github.com/pyimg/pyimg/assemble/spec"
)

// PlanOf is the plan that the lock was made from, for the spec that it fits: the same packages and runtimes, with nothing
// resolved. Build of it makes what the lock says; otherwise the error of Lock.Expect says what differs. The runtimes are
// ingested. keys are as Resolve has them.
func PlanOf(ctx context.Context, l lock.Lock, spec spec.Spec, src input.Access, keys *apk.Keyring) (Plan, error) {
	plan, err := lockedPackages(l, spec, keys)
	if err != nil {
		return Plan{}, err
	}
	packaging, err := newPackaging(ctx, spec, src, &l)
	if err != nil {
		return plan, err
	}
	err = eachPlatform(plan.Spec.Platforms, func(i int) (err error) {
		p, locked := &plan.Platforms[i], l.Platforms[i]
		if err := p.lockedBase(ctx, spec, locked, src); err != nil {
			return l.Named(err)
		}
		if p.Runtimes, err = runtime.Ingest(ctx, spec, p.Platform, src, locked.Runtimes, nil); err != nil {
			return l.Named(err)
		}
		if packaging != nil {
			if err := packaging.lockedWheels(ctx, p, locked); err != nil {
				return l.Named(err)
			}
		}
		_, err = p.allocate(spec, nil)
		return err
	})
	return plan, err
}

// lockedPackages is the plan without its runtimes.
func lockedPackages(l lock.Lock, spec spec.Spec, keys *apk.Keyring) (Plan, error) {
	plan := Plan{Spec: spec, Platforms: make([]PlatformPlan, len(l.Platforms)), keys: keys, locked: true, files: l.Files, wheelIndexes: l.WheelIndexes,
		bytecode: cmp.Or(l.Bytecode, &lock.Bytecode{Mode: string(bytecode.None)})}
	var err error
	sourced := spec
	if len(l.Platforms) > 0 && l.Platforms[0].Base != nil && spec.Alpine.Branch == "" {
		sourced.Alpine.Branch = l.Platforms[0].Base.Branch
	}
	if plan.repositories, err = sourced.SourceRepositories(); err != nil {
		return plan, err
	}
	plan.Spec.Platforms = nil
	for i, p := range l.Platforms {
		plan.Spec.Platforms = append(plan.Spec.Platforms, p.Platform)
		if plan.Platforms[i], err = platformPlan(p, plan.repositories); err != nil {
			return plan, &lock.Error{File: l.Name, Err: fmt.Errorf("%s: %w", p.Platform, err)}
		}
	}
	return plan, nil
}

func platformPlan(p lock.Platform, from spec.Repositories) (PlatformPlan, error) {
	steps, err := lockedSteps(p.Base)
	plan := PlatformPlan{Platform: p.Platform, Dialect: apk.Dialect(p.Dialect), Created: p.Created, Steps: steps, bytecode: make(map[string]string)}
	if err != nil {
		return plan, err
	}
	for _, w := range p.World {
		d, err := apk.ParseDependency(w)
		if err != nil {
			return plan, err
		}
		plan.World = append(plan.World, d)
	}
	for _, l := range p.Layers {
		if l.OfBytecode() {
			plan.bytecode[l.From] = l.Digest
		}
	}
	byName := make(map[string]lock.Package)
	for _, q := range p.Packages {
		byName[q.Name] = q
	}
	for _, name := range p.Install {
		q, ok := byName[name]
		if !ok {
			return plan, fmt.Errorf("it installs %q, which is not among its packages", name)
		}
		pkg, err := lockedPackage(q, from)
		if err != nil {
			return plan, err
		}
		plan.Packages, plan.Tags = append(plan.Packages, pkg), append(plan.Tags, q.Tag)
	}
	return plan, nil
}

// lockedPackage is the package as far as the lock knows it. It is fetched from the spec's own repositories alone, wherever the
// lock says that it was.
func lockedPackage(q lock.Package, from spec.Repositories) (*apk.Package, error) {
	p := &apk.Package{Name: q.Name, Version: q.Version, Arch: q.Arch, Size: q.Size}
	var err error
	if p.Checksum, err = apk.ParseChecksum(q.Checksum); err != nil {
		return nil, fmt.Errorf("package %s: %w", p, err)
	}
	r, ok := from.Holding(q.URLs, q.Arch, p.String())
	if !ok {
		return nil, fmt.Errorf("it takes %s from %s, which is none of the spec's repositories", p, strings.Join(q.URLs, ", "))
	}
	p.Repository = r.Repository
	return p, nil
}
