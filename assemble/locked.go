package assemble

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/pyimg/pyimg/apk"
)

// Plan is the plan that the lock was made from, for the spec that it fits: the same packages and runtimes, with nothing
// resolved. Build of it makes what the lock says, or the error of Lock.Expect tells what differs. The runtimes are
// ingested.
func (l Lock) Plan(ctx context.Context, spec Spec, src Sources) (Plan, error) {
	plan, err := l.packages(spec)
	if err != nil {
		return Plan{}, err
	}
	err = eachPlatform(plan.Spec.Platforms, func(i int) (err error) {
		p, locked := &plan.Platforms[i], l.Platforms[i]
		if p.Runtimes, err = ingestRuntimes(ctx, spec, p.Platform, src, locked.Runtimes); err != nil {
			return l.named(err)
		}
		_, err = p.allocate(spec, nil)
		return err
	})
	return plan, err
}

// packages is the plan without its runtimes.
func (l Lock) packages(spec Spec) (Plan, error) {
	plan := Plan{Spec: spec, Platforms: make([]PlatformPlan, len(l.Platforms)), locked: true, files: l.Files}
	var err error
	if plan.repositories, err = spec.repositories(); err != nil {
		return plan, err
	}
	plan.Spec.Platforms = nil
	for i, p := range l.Platforms {
		plan.Spec.Platforms = append(plan.Spec.Platforms, p.Platform)
		if plan.Platforms[i], err = p.plan(plan.repositories); err != nil {
			return plan, &LockError{l.Name, fmt.Errorf("%s: %w", p.Platform, err)}
		}
	}
	return plan, nil
}

func (p LockedPlatform) plan(from repositories) (PlatformPlan, error) {
	plan := PlatformPlan{Platform: p.Platform, Dialect: apk.Dialect(p.Dialect), Created: p.Created}
	for _, w := range p.World {
		d, err := apk.ParseDependency(w)
		if err != nil {
			return plan, err
		}
		plan.World = append(plan.World, d)
	}
	byName := make(map[string]LockedPackage)
	for _, q := range p.Packages {
		byName[q.Name] = q
	}
	for _, name := range p.Install {
		q, ok := byName[name]
		if !ok {
			return plan, fmt.Errorf("it installs %q, which is not among its packages", name)
		}
		pkg, err := q.pkg(from)
		if err != nil {
			return plan, err
		}
		plan.Packages, plan.Tags = append(plan.Packages, pkg), append(plan.Tags, q.Tag)
	}
	return plan, nil
}

// pkg is the package as far as the lock knows it. It is fetched from the spec's own repositories alone, wherever the
// lock says that it was.
func (q LockedPackage) pkg(from repositories) (*apk.Package, error) {
	p := &apk.Package{Name: q.Name, Version: q.Version, Arch: q.Arch, Size: q.Size}
	var err error
	if p.Checksum, err = apk.ParseChecksum(q.Checksum); err != nil {
		return nil, fmt.Errorf("package %s: %w", p, err)
	}
	r, ok := from.holding(q.URLs, q.Arch, p.String())
	if !ok {
		return nil, fmt.Errorf("it takes %s from %s, which is none of the spec's repositories", p, strings.Join(q.URLs, ", "))
	}
	p.Repository = r.Repository
	return p, nil
}

// complete fills in what the index would have said of a locked package, from its own control stream.
func complete(p *apk.Package, c *apk.Control) *apk.Package {
	full := c.Info.Package
	full.Arch, full.Checksum, full.Size, full.Repository = p.Arch, p.Checksum, p.Size, p.Repository
	return &full
}

// A GoneError is a package that the lock names and its mirror has no more, as Alpine removes old versions within days of
// an update.
type GoneError struct {
	Package string   // NAME-VERSION
	Name    string   // of the package
	Now     []string // versions that the mirror has now; none where it has the package no more, or could not say
	Err     error
}

func (e *GoneError) Error() string {
	now := "its index does not list it now"
	if len(e.Now) > 0 {
		now = "versions there now: " + strings.Join(e.Now, ", ")
	}
	return fmt.Sprintf("%s is gone from its mirror (%s): %v; take what is there now with \"pyimg lock --update %s\", "+
		"or keep what a lock needs with \"pyimg mirror create --lock\"", e.Package, now, e.Err, e.Name)
}

func (e *GoneError) Unwrap() error { return e.Err }

// gone explains why a locked package cannot be fetched, if it is because its mirror removed it.
func gone(ctx context.Context, p *apk.Package, src Sources, err error) error {
	if absent := (absentError{}); !errors.As(err, &absent) || ctx.Err() != nil {
		return err
	}
	e := &GoneError{Package: p.String(), Name: p.Name, Err: err}
	o := src.indexOptions(p.Arch)
	o.Repository = p.Repository
	index, indexErr := apk.LoadIndex(ctx, src.Fetch, o)
	if indexErr != nil {
		return e // what is wrong with the index too is not what was asked for
	}
	for q := range index.Named(p.Name) {
		if !slices.Contains(e.Now, q.Version) {
			e.Now = append(e.Now, q.Version)
		}
	}
	return e
}

// locked is the result as it stands in the lock.
func (b *platformBuild) locked() LockedPlatform {
	p := LockedPlatform{Platform: b.plan.Platform, Dialect: int(b.plan.Dialect), Created: b.created, Config: b.config}
	for _, d := range b.plan.World {
		p.World = append(p.World, d.String())
	}
	for _, u := range b.units {
		p.Install = append(p.Install, u.pkg.Name)
		p.Packages = append(p.Packages, LockedPackage{Name: u.pkg.Name, Version: u.pkg.Version, Arch: u.pkg.Arch, Tag: u.tag,
			URLs: b.repositories.publicURLs(u.pkg), Size: u.pkg.Size, Checksum: u.pkg.Checksum.String(), Data: u.blob.Digest})
	}
	slices.SortFunc(p.Packages, func(a, b LockedPackage) int { return cmp.Compare(a.Name, b.Name) })
	for _, r := range b.plan.Runtimes {
		p.Runtimes = append(p.Runtimes, LockedRuntime{r.Public, r.Digest})
	}
	p.Layers = append(p.Layers, b.layers...)
	return p
}
