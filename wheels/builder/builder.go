package builder

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/pyimg/pyimg/apk"
	"github.com/pyimg/pyimg/assemble"
	"github.com/pyimg/pyimg/assemble/container"
	"github.com/pyimg/pyimg/assemble/input"
	"github.com/pyimg/pyimg/assemble/spec"
	"github.com/pyimg/pyimg/assemble/wheels"
	"github.com/pyimg/pyimg/wheels/config"
	"github.com/pyimg/pyimg/wheels/plan"
)

// Builder makes roots for one configuration. Its methods may be called by several goroutines.
type Builder struct {
	config  config.Config
	from    input.Access
	keys    *apk.Keyring
	owners  container.Owners
	targets []buildTarget

	mu       sync.Mutex
	resolved map[string]*resolved // by platform, Python and packages
	trees    map[string]string    // digests of mounts and folders
	roots    map[string]*made
}

// buildTarget is a plan.Target with what it is made of.
type buildTarget struct {
	plan.Target
	python   spec.Runtime
	platform spec.Platform
	site     wheels.Site
	musl     string
}

// resolved is what a root comes to.
type resolved struct {
	once sync.Once
	plan assemble.Plan
	err  error
}

// New works out the targets of a configuration: each Python on each platform, and on this machine's own where others are
// cross-compiled from there. from must have a store.
func New(ctx context.Context, c config.Config, from input.Access, keys *apk.Keyring, owners container.Owners) (*Builder, error) {
	b := &Builder{config: c, from: from, keys: keys, owners: owners, resolved: make(map[string]*resolved), trees: make(map[string]string), roots: make(map[string]*made)}
	host, err := spec.ParsePlatform("linux/" + hostArchitecture())
	if err != nil {
		return nil, err
	}
	cross := crosses(c.Builder.Env)
	for _, python := range c.Pythons {
		native := len(b.targets)
		wanted := slices.Contains(c.Platforms, host)
		if wanted || cross {
			if err := b.add(ctx, python, host, native, wanted); err != nil {
				return nil, err
			}
		}
		for _, p := range c.Platforms {
			if p == host {
				continue
			}
			on := native
			if !cross {
				on = len(b.targets)
			}
			if err := b.add(ctx, python, p, on, true); err != nil {
				return nil, err
			}
		}
	}
	return b, nil
}

func hostArchitecture() string {
	if runtime.GOARCH == "arm" {
		return "arm/v7"
	}
	return runtime.GOARCH
}

// crosses reports whether the builder's variables name the machine that is compiled for, so that its compiler is one for others.
func crosses(env map[string]string) bool {
	for _, v := range env {
		if strings.Contains(v, "{machine}") || strings.Contains(v, "{triplet}") || strings.Contains(v, "{alpine_arch}") {
			return true
		}
	}
	return false
}

func (b *Builder) add(ctx context.Context, python spec.Runtime, p spec.Platform, native int, wanted bool) error {
	t := buildTarget{python: python, platform: p}
	r, err := b.resolve(ctx, python, p, nil)
	if err != nil {
		return err
	}
	if t.site, t.musl, err = b.site(r, p); err != nil {
		return err
	}
	t.Target = plan.Target{Platform: p.String(), Target: t.site.Target, Native: native, Wanted: wanted, Python: strings.Replace(t.site.Tag, "cpython-", "cp", 1)}
	b.targets = append(b.targets, t)
	return nil
}

// Targets are those of the configuration.
func (b *Builder) Targets() []plan.Target {
	out := make([]plan.Target, len(b.targets))
	for i, t := range b.targets {
		out[i] = t.Target
	}
	return out
}

// compiler is what a root needs to compile C where the configuration does not say.
const compiler = "build-base"

// packages are those of the root that compiles; shell is what build scripts need at least.
func (b *Builder) packages(extra []apk.Dependency) []apk.Dependency {
	list, extra := slices.Clone(b.config.Builder.Packages), slices.Clone(extra)
	if len(list) == 0 && b.config.Builder.Image == "" && b.config.Builder.Folder == "" && len(b.config.Builder.Mounts) == 0 {
		extra = append(extra, apk.Dependency{Name: compiler})
	}
	for _, name := range []string{"alpine-baselayout", "busybox"} {
		if b.config.Builder.Image == "" && b.config.Builder.Folder == "" {
			extra = append(extra, apk.Dependency{Name: name})
		}
	}
	for _, d := range extra {
		if !slices.ContainsFunc(list, func(o apk.Dependency) bool { return o.Name == d.Name }) {
			list = append(list, d)
		}
	}
	return list
}

// resolve finds out what the root of a Python on a platform comes to.
func (b *Builder) resolve(ctx context.Context, python spec.Runtime, p spec.Platform, packages []apk.Dependency) (assemble.Plan, error) {
	key := fmt.Sprint(p, "\n", python.Source, python.Sources, "\n", packages)
	b.mu.Lock()
	r := b.resolved[key]
	if r == nil {
		r = new(resolved)
		b.resolved[key] = r
	}
	b.mu.Unlock()
	r.once.Do(func() {
		r.plan, r.err = assemble.Resolve(ctx, b.config.Spec(python, p, packages), b.from, b.keys)
		if r.err != nil {
			r.err = fmt.Errorf("resolving the builder's root for %s: %w", p, r.err)
		}
	})
	return r.plan, r.err
}

// Resolved are the roots that the builder has resolved so far, sorted: those of its targets, and those that digests were asked for.
func (b *Builder) Resolved() []assemble.Plan {
	b.mu.Lock()
	defer b.mu.Unlock()
	var out []assemble.Plan
	for _, key := range slices.Sorted(maps.Keys(b.resolved)) {
		if r := b.resolved[key]; r.err == nil && len(r.plan.Platforms) > 0 {
			out = append(out, r.plan)
		}
	}
	return out
}

// site is the Python of a root, with the version of its musl.
func (b *Builder) site(r assemble.Plan, p spec.Platform) (wheels.Site, string, error) {
	root := r.Platforms[0]
	musl := ""
	for _, q := range root.Packages {
		if q.Name == "musl" {
			musl, _, _ = strings.Cut(q.Version, "-r")
		}
	}
	for _, ingested := range root.Runtimes {
		if ingested.Report.Python == nil {
			continue
		}
		has := make(map[string]bool)
		for e, err := range b.from.Store.Entries(ingested.Layer.Digest) {
			if err != nil {
				return wheels.Site{}, "", err
			}
			if e.Header.Typeflag != tar.TypeDir {
				has[e.Path()] = true
			}
		}
		site, err := wheels.NewSite(p, ingested.Report, musl, "", func(at string) bool { return has[at] })
		return site, musl, err
	}
	return wheels.Site{}, "", errors.New("the runtime under pythons has no CPython; Alpine's own python3 is not taken here: name a tarball, an image or standalone:VERSION")
}
