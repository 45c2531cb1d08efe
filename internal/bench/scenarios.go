//go:build unix

package main

import (
	"context"
	"fmt"
	"os/exec"

	"github.com/pyimg/pyimg/internal/fixture"
)

// A scenario is one kind of task. Its runs are measured; its preparation is not.
type scenario struct {
	name string
	// floor returns the packages that must be decompressed and hashed, for the ratio to that; nil for none.
	floor   func(*world) []*fixture.Archive
	prepare preparation
}

// A preparation makes what all runs need. It returns a function that makes the command line of a run.
type preparation = func(ctx context.Context, w *world, pyimg string) (func(run int) ([]string, error), error)

func scenarios(o options) []scenario {
	list := []scenario{
		{"cold, digests only", mains(1), cold("main", 1, "")},
		{"cold, digests only, 2 platforms", mains(2), cold("main", 2, "")},
		{"cold, pushed", mains(1), cold("main", 1, "push")},
		{"cold, an OCI layout", mains(1), cold("main", 1, "output")},
		{"cold, real files, digests only", func(w *world) []*fixture.Archive { return w.realFiles }, manyCold("real", publishRealFiles)},
		{"warm, digests only, 2 platforms", nil, warm("main", 2, "")},
		{"warm, pushed, 2 platforms", nil, warm("main", 2, "push")},
		{"warm, an OCI layout, 2 platforms", nil, warm("main", 2, "output")},
		{"locked, all in the registry, empty cache, 2 platforms", nil, locked},
		{"no-op, 2 platforms", nil, noOp},
		{"one package changed, pushed", nil, changed},
	}
	for _, platforms := range []int{1, 2, 8} {
		list = append(list, scenario{fmt.Sprintf("cold, %d MiB packages, %d platforms", min(o.size, smallSize), platforms), nil, cold("small", platforms, "")})
	}
	list = append(list, linkScenarios(o)...)
	list = append(list, severalScenarios()...)
	return append(append(list, everyday()...), peers()...)
}

// mains are the packages of the repository "main" for the first platforms.
func mains(platforms int) func(*world) []*fixture.Archive {
	return func(w *world) (all []*fixture.Archive) {
		for _, arch := range arches()[:platforms] {
			all = append(all, w.archives[arch]...)
		}
		return all
	}
}

// deliver adds where the image of a run goes: nowhere, to its own repository, or into its own folder.
func (w *world) deliver(args []string, how string) []string {
	switch how {
	case "push":
		w.counter++
		return append(args, "--push", fmt.Sprintf("%s/bench/%d:1", w.host, w.counter))
	case "output":
		return append(args, "--output", "oci:"+w.fresh("layout"))
	}
	return args
}

func assembleArgs(pyimg, spec, cache string) []string {
	return []string{pyimg, "assemble", spec, "--cache-dir", cache, "--progress", "quiet"}
}

// cold gives each run an empty cache.
func cold(repository string, platforms int, how string, flags ...string) preparation {
	return func(_ context.Context, w *world, pyimg string) (func(int) ([]string, error), error) {
		spec, err := w.spec(repository, platforms, "")
		return func(int) ([]string, error) {
			return append(w.deliver(assembleArgs(pyimg, spec, w.fresh("cache")), how), flags...), nil
		}, err
	}
}

// warm has all packages in the cache. The spec of each run differs, so that the last layer and the configuration are
// new.
func warm(repository string, platforms int, how string) preparation {
	return func(ctx context.Context, w *world, pyimg string) (func(int) ([]string, error), error) {
		spec, err := w.spec(repository, platforms, "")
		if err != nil {
			return nil, err
		}
		cache := w.fresh("cache")
		return func(run int) ([]string, error) {
			next, err := w.spec(repository, platforms, fmt.Sprintf("image: {env: {RUN: %q}}\nlayers: {max: %d}\n", fmt.Sprint(run), 60+run))
			return w.deliver(assembleArgs(pyimg, next, cache), how), err
		}, quietly(ctx, assembleArgs(pyimg, spec, cache))
	}
}

// locked pushes a lock from an empty cache to a new tag. The registry has all blobs already.
func locked(ctx context.Context, w *world, pyimg string) (func(int) ([]string, error), error) {
	spec, repository, err := w.lockAndPush(ctx, pyimg)
	return func(run int) ([]string, error) {
		return append(assembleArgs(pyimg, spec, w.fresh("cache")), "--locked", "--push", fmt.Sprintf("%s:%d", repository, run)), nil
	}, err
}

// noOp pushes an image that the tag names already.
func noOp(ctx context.Context, w *world, pyimg string) (func(int) ([]string, error), error) {
	spec, repository, err := w.lockAndPush(ctx, pyimg)
	return func(int) ([]string, error) {
		return append(assembleArgs(pyimg, spec, w.fresh("cache")), "--locked", "--push", repository+":latest"), nil
	}, err
}

// changed has a new version of one package in each run. All other packages are in the cache and in the registry.
func changed(ctx context.Context, w *world, pyimg string) (func(int) ([]string, error), error) {
	spec, err := w.spec("main", 1, "")
	if err != nil {
		return nil, err
	}
	w.counter++
	args := append(assembleArgs(pyimg, spec, w.fresh("cache")), "--push", fmt.Sprintf("%s/bench/%d:latest", w.host, w.counter))
	return func(run int) ([]string, error) { return args, w.publish("main", arches()[0], w.o.size, run+2) }, quietly(ctx, args)
}

// lockAndPush makes a spec and its lock, and a repository that has the image.
func (w *world) lockAndPush(ctx context.Context, pyimg string) (spec, repository string, err error) {
	if spec, err = w.spec("main", 2, ""); err != nil {
		return "", "", err
	}
	cache := w.fresh("cache")
	w.counter++
	repository = fmt.Sprintf("%s/bench/%d", w.host, w.counter)
	if err := quietly(ctx, []string{pyimg, "lock", spec, "--cache-dir", cache, "--progress", "quiet"}); err != nil {
		return "", "", err
	}
	return spec, repository, quietly(ctx, append(assembleArgs(pyimg, spec, cache), "--push", repository+":latest"))
}

// quietly runs a command that is only preparation.
func quietly(ctx context.Context, args []string) error {
	out, err := exec.CommandContext(ctx, args[0], args[1:]...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("running %q: %w\n%s", args, err, out)
	}
	return nil
}
